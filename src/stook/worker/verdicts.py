"""What a handler says became of an item, when plain returning or raising does not say it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from stook.core.errors import StookError
from stook.core.moments import seconds_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stook.core.moments import Duration

__all__ = ["BatchError", "Broadcast", "Fail", "NonRetryable", "Ok", "RetryAfter"]

# Plain classes on purpose: the JSON encoder knows dataclasses and Structs and would store a verdict as a result.


class Ok:
    """The item succeeded with `value`."""

    __slots__ = ("value",)
    __match_args__ = ("value",)

    def __init__(self, value: Any = None) -> None:
        self.value = value

    def __repr__(self) -> str:
        return f"Ok({self.value!r})"


class Fail:
    """The item failed: `error` is an exception or a message. With `retry=False` it failed for good."""

    __slots__ = ("error", "retry")
    __match_args__ = ("error", "retry")

    def __init__(self, error: BaseException | str, *, retry: bool = True) -> None:
        self.error = error
        self.retry = retry

    def __repr__(self) -> str:
        return f"Fail({self.error!r}, retry={self.retry})"


class Broadcast:
    """One result for every member of the group."""

    __slots__ = ("value",)
    __match_args__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __repr__(self) -> str:
        return f"Broadcast({self.value!r})"


class NonRetryable(StookError):
    """Raise it, or a subclass, to fail for good whatever attempts are left. The message may be empty."""

    code: ClassVar[str] = "non_retryable"

    def __init__(self, message: str = "", *, where: str | None = None, hint: str | None = None) -> None:
        super().__init__(message, where=where, hint=hint)


class RetryAfter(StookError):
    """Run again in `delay` seconds instead of after the policy's back-off; costs an attempt as any failure does.

    `delay` is seconds, or a `timedelta`. Raise it, or return it as a member's verdict.
    """

    code: ClassVar[str] = "retry_after"
    __match_args__ = ("delay",)

    def __init__(self, delay: Duration, message: str | None = None) -> None:
        seconds = seconds_of("RetryAfter", delay)
        super().__init__(f"asked to run again in {seconds:g} s" if message is None else message)
        self.delay = seconds


class BatchError(StookError):
    """Raised by a batched handler: the members at these positions failed, the others succeeded with `None`.

    A value is an exception, a message, or a verdict (`Fail`, `RetryAfter`).
    """

    code: ClassVar[str] = "batch_error"

    def __init__(self, errors: Mapping[int, BaseException | Fail | str]) -> None:
        super().__init__(f"{len(errors)} members of the group failed")
        self.errors = dict(errors)
