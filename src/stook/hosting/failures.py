"""What a run of hosted code that did not succeed is recorded as."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, ClassVar, Final

from stook.core.errors import StookError

if TYPE_CHECKING:
    from stook.hosting.replica import Raised

__all__ = ["ActionRaised", "ProcessExited", "ResultTooLarge", "raised"]

_MOST_NAME: Final = 200


class ProcessExited(StookError):
    """The process ended, or was killed, while it ran. The message says how, and which limit it broke."""

    code: ClassVar[str] = "process_exited"


class ResultTooLarge(StookError):
    """The result has more bytes than results may have."""

    code: ClassVar[str] = "result_too_large"


class ActionRaised(StookError):
    """The code itself failed. `traceback_text` is what its own process says of where, `told_retryable` and `told_delay`
    (seconds) what it says of whether and when it is to be tried again; None: nothing."""

    code: ClassVar[str] = "action_raised"
    traceback_text: str = ""
    told_retryable: bool | None = None
    told_delay: float | None = None


def raised(told: Raised) -> ActionRaised:
    """To be returned, not raised: its type goes by the name that it has in its own process."""
    error = _kind(told.type[:_MOST_NAME].replace("\0", ""), told.code or ActionRaised.code)(told.message)
    error.traceback_text = told.traceback
    error.told_retryable, error.told_delay = told.retryable, told.retry_after
    return error


@lru_cache(maxsize=512)
def _kind(name: str, code: str) -> type[ActionRaised]:
    return type(name or "Error", (ActionRaised,), {"__module__": "builtins", "code": code})
