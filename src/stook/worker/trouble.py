"""What is recorded of an item that did not simply succeed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stook.core.decide import may_retry
from stook.core.errors import StookError
from stook.core.fingerprint import fingerprint, own_frame
from stook.worker.failures import ResultNotSerializable
from stook.worker.source import Trouble
from stook.worker.trace import frames_of, message_of, traceback_of, type_name
from stook.worker.verdicts import NonRetryable, RetryAfter

if TYPE_CHECKING:
    from stook.core.policy import RetryPolicy

__all__ = ["HandlerFailure", "cancelled", "failed", "is_retried", "lost", "rejected", "released"]


class HandlerFailure(StookError):
    """What `Fail("message")` is recorded as: there was no exception."""

    code = "handler_failure"


def failed(
    offset: int, error: BaseException | str, policy: RetryPolicy, *, duration: int = 0, retry: bool = True
) -> Trouble:
    """A failed attempt. It is not tried again if `retry` is false or the error or the policy says so; an error that
    comes from another process may bring what was said there, as `told_retryable` and `told_delay`.

    `duration` in microseconds.
    """
    if isinstance(error, str):
        error = HandlerFailure(error)
    kind, message = type_name(type(error)), message_of(error)
    again = getattr(error, "told_retryable", None)
    if again is None:
        again = not isinstance(error, NonRetryable) and is_retried(type(error), policy)
    return Trouble(
        offset,
        "failed",
        type=kind,
        message=message,
        traceback=traceback_of(error),
        fingerprint=fingerprint(kind, message, own_frame(frames_of(error))),
        code=error.code if isinstance(error, StookError) else "handler_error",
        retryable=retry and again,
        retry_after=error.delay if isinstance(error, RetryAfter) else getattr(error, "told_delay", None),
        duration=duration,
    )


def is_retried(kind: type[BaseException], policy: RetryPolicy) -> bool:
    # SystemExit, or a CancelledError that nobody asked for, is a failure like others.
    if policy.retry_on == ("Exception",) and not policy.give_up_on:
        return True
    names = {name for base in kind.__mro__ for name in (base.__qualname__, f"{base.__module__}.{base.__qualname__}")}
    return may_retry(policy, [*names, "Exception"])


def cancelled(offset: int, duration: int = 0) -> Trouble:
    return Trouble(offset, "cancelled", type="Cancelled", message="cancelled", code="cancelled", duration=duration)


def released(offset: int) -> Trouble:
    return Trouble(offset, "released")


def lost(offset: int, ending: str, duration: int = 0) -> Trouble:
    """The process that ran the item ended: `ending` says how."""
    was = "was " if ending.startswith("killed") else ""
    message = f"the process running it {was}{ending}"
    return Trouble(
        offset,
        "lost",
        type="WorkerLost",
        message=message,
        fingerprint=fingerprint("WorkerLost", message, None),
        code="worker_lost",
        duration=duration,
    )


def rejected(offset: int, error: BaseException, duration: int = 0) -> Trouble:
    """The source will not take the item's outcome. Another attempt would end the same way."""
    message = f"its outcome could not be stored: {type_name(type(error))}: {message_of(error)}"
    kind = type_name(ResultNotSerializable)
    return Trouble(
        offset,
        "failed",
        type=kind,
        message=message,
        fingerprint=fingerprint(kind, message, None),
        code="result_rejected",
        retryable=False,
        duration=duration,
    )
