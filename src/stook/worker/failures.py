"""Failures of an attempt that stook itself finds, each with the code its record carries."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from stook.core import errors
from stook.core.errors import StookError
from stook.worker.verdicts import NonRetryable

if TYPE_CHECKING:
    from stook.core.memo import MemoError
    from stook.worker.signals import Reason

__all__ = [
    "AttemptTimeout",
    "BatchContractError",
    "Cancelled",
    "ChildCancelled",
    "ChildFailed",
    "ChildTimeout",
    "DuplicateStep",
    "EventTimeout",
    "NotAvailableInBatch",
    "PayloadValidationError",
    "ReplayMismatch",
    "ResultNotSerializable",
    "ReturnValidationError",
    "StepTimeout",
]


class AttemptTimeout(StookError, TimeoutError):
    """The attempt ran longer than its task's `timeout`."""

    code: ClassVar[str] = "attempt_timeout"


class PayloadValidationError(NonRetryable, errors.PayloadValidationError):
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


class DuplicateStep(StookError):
    """One name for two things of one execution."""

    code: ClassVar[str] = "duplicate_step"


class StepTimeout(StookError, TimeoutError):
    """A try of a step ran longer than the step's `timeout`."""

    code: ClassVar[str] = "step_timeout"


class ReplayMismatch(NonRetryable):
    """The handler's code was changed while the execution was on its way, and what it does now is not what it remembers
    to have done. Retried by hand after the code is mended, it goes on with all that it remembers."""

    code: ClassVar[str] = "replay_mismatch"


class ChildFailed(NonRetryable):
    """A child failed for good. `error` is what became of it: `kind`, `type`, `message`; `child_id` its id. Caught, the
    parent goes on, and takes the same way when it is run again; uncaught, the parent fails for good too."""

    code: ClassVar[str] = "child_failed"

    def __init__(self, message: str, *, key: str, error: MemoError) -> None:
        super().__init__(message)
        self.key = key
        self.error = error

    @property
    def child_id(self) -> str | None:
        return self.error.child_id


class ChildCancelled(ChildFailed):
    """A child was cancelled."""

    code: ClassVar[str] = "child_cancelled"


class _WaitTimeout(StookError, TimeoutError):
    def __init__(self, message: str, *, key: str) -> None:
        super().__init__(message)
        self.key = key


class ChildTimeout(_WaitTimeout):
    """A child did not end in time. Caught, the parent takes the same way when it is run again; uncaught, the attempt
    fails as by any error, and the next one starts a new child under the key."""

    code: ClassVar[str] = "child_timeout"

    def __init__(self, message: str, *, key: str, child_id: str | None = None) -> None:
        super().__init__(message, key=key)
        self.child_id = child_id


class EventTimeout(_WaitTimeout):
    """No such event came in time."""

    code: ClassVar[str] = "event_timeout"


class Cancelled(BaseException):
    """`raise_if_cancelled()` raises it; `reason` is the signal's. Let it pass: the attempt ends as the reason says."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason: Reason = reason
