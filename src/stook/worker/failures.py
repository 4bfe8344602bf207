"""Failures of an attempt that stook itself finds, each with the code its record carries."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from stook.core.errors import StookError
from stook.worker.verdicts import NonRetryable

if TYPE_CHECKING:
    from stook.worker.signals import Reason

__all__ = [
    "AttemptTimeout",
    "BatchContractError",
    "Cancelled",
    "NotAvailableInBatch",
    "PayloadValidationError",
    "ResultNotSerializable",
    "ReturnValidationError",
]


class AttemptTimeout(StookError, TimeoutError):
    """The attempt ran longer than its task's `timeout`."""

    code: ClassVar[str] = "attempt_timeout"


class PayloadValidationError(NonRetryable):
    """The payload is not what the handler's annotation asks for; the handler was not called."""

    code: ClassVar[str] = "payload_invalid"


class ReturnValidationError(StookError):
    """The handler returned something else than its annotation promises."""

    code: ClassVar[str] = "return_invalid"


class ResultNotSerializable(StookError):
    """The result cannot be written as JSON."""

    code: ClassVar[str] = "result_not_serializable"


class BatchContractError(StookError):
    """A batched handler's answer does not fit its group: every member failed and runs again alone."""

    code: ClassVar[str] = "batch_contract"


class NotAvailableInBatch(StookError, AttributeError):
    """A group has no one execution to ask this of."""

    code: ClassVar[str] = "not_available_in_batch"


class Cancelled(BaseException):
    """`raise_if_cancelled()` raises it; `reason` is the signal's. Let it pass: the attempt ends as the reason says."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason: Reason = reason
