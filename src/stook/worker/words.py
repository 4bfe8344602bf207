"""Everything a handler may say or be given, in one place."""

from __future__ import annotations

from stook.worker.batch_context import BatchContext, SyncBatchContext
from stook.worker.context import Context, SyncContext
from stook.worker.event import Event
from stook.worker.failures import (
    AttemptTimeout,
    BatchContractError,
    Cancelled,
    NotAvailableInBatch,
    PayloadValidationError,
    ResultNotSerializable,
    ReturnValidationError,
)
from stook.worker.verdicts import BatchError, Broadcast, Fail, NonRetryable, Ok, RetryAfter

__all__ = [
    "AttemptTimeout",
    "BatchContext",
    "BatchContractError",
    "BatchError",
    "Broadcast",
    "Cancelled",
    "Context",
    "Event",
    "Fail",
    "NonRetryable",
    "NotAvailableInBatch",
    "Ok",
    "PayloadValidationError",
    "ResultNotSerializable",
    "RetryAfter",
    "ReturnValidationError",
    "SyncBatchContext",
    "SyncContext",
]
