"""Everything a handler may say or be given, in one place."""

from __future__ import annotations

from stook.worker.batch_context import BatchContext, SyncBatchContext
from stook.worker.context import Context, SyncContext
from stook.worker.event import Event
from stook.worker.failures import (
    AttemptTimeout,
    BatchContractError,
    Cancelled,
    ChildCancelled,
    ChildFailed,
    ChildTimeout,
    DuplicateStep,
    EventTimeout,
    NotAvailableInBatch,
    PayloadValidationError,
    ReplayMismatch,
    ResultNotSerializable,
    ReturnValidationError,
    StepTimeout,
)
from stook.worker.suspend import Released, Suspend
from stook.worker.verdicts import BatchError, Broadcast, Fail, NonRetryable, Ok, RetryAfter

__all__ = [
    "AttemptTimeout",
    "BatchContext",
    "BatchContractError",
    "BatchError",
    "Broadcast",
    "Cancelled",
    "ChildCancelled",
    "ChildFailed",
    "ChildTimeout",
    "Context",
    "DuplicateStep",
    "Event",
    "EventTimeout",
    "Fail",
    "NonRetryable",
    "NotAvailableInBatch",
    "Ok",
    "PayloadValidationError",
    "Released",
    "ReplayMismatch",
    "ResultNotSerializable",
    "RetryAfter",
    "ReturnValidationError",
    "StepTimeout",
    "Suspend",
    "SyncBatchContext",
    "SyncContext",
]
