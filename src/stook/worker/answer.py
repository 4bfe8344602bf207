"""What an item ended with, from what its handler returned for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stook.worker.trouble import failed
from stook.worker.verdicts import Fail, Ok

if TYPE_CHECKING:
    from collections.abc import Callable

    from stook.core.policy import RetryPolicy
    from stook.worker.source import Trouble

    Encode = Callable[[Any], bytes]

__all__ = ["answer", "unencoded", "verdict"]


def answer(value: Any, encode: Encode, retry: RetryPolicy, offset: int) -> bytes | Trouble | BaseException:
    """The result's JSON, or why there is none. A verdict that is returned means what it says."""
    try:
        return encode(value)
    except Exception as error:  # noqa: BLE001 -- a user's model may raise anything
        return unencoded(value, error, encode, retry, offset)


def unencoded(
    value: Any, error: Exception, encode: Encode, retry: RetryPolicy, offset: int
) -> bytes | Trouble | BaseException:
    """A value that is no result: a verdict, which is no JSON on purpose, or a mistake."""
    return verdict(value, encode, retry, offset) if isinstance(value, (BaseException, Fail, Ok)) else error


def verdict(value: Any, encode: Encode, retry: RetryPolicy, offset: int) -> bytes | Trouble | BaseException:
    match value:
        case Ok(inner):
            return answer(inner, encode, retry, offset)
        case Fail(reason, again):
            return failed(offset, reason, retry, retry=again)
        case BaseException():
            return value
        case _:
            return answer(value, encode, retry, offset)
