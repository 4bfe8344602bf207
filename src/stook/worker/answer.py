"""What an item ended with, from what its handler returned for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stook.worker.trouble import failed
from stook.worker.verdicts import Fail, Ok

if TYPE_CHECKING:
    from stook.worker.held import Held
    from stook.worker.source import Trouble

__all__ = ["answer", "unencoded", "verdict"]


def answer(value: Any, held: Held, offset: int) -> bytes | Trouble | BaseException:
    """The result's JSON, or why there is none. A verdict that is returned means what it says."""
    try:
        return held.encode(value)
    except Exception as error:  # noqa: BLE001 -- a user's model may raise anything
        return unencoded(value, error, held, offset)


def unencoded(value: Any, error: Exception, held: Held, offset: int) -> bytes | Trouble | BaseException:
    """A value that is no result: a verdict, which is no JSON on purpose, or a mistake."""
    return verdict(value, held, offset) if isinstance(value, (BaseException, Fail, Ok)) else error


def verdict(value: Any, held: Held, offset: int) -> bytes | Trouble | BaseException:
    match value:
        case Ok(inner):
            return answer(inner, held, offset)
        case Fail(reason, retry):
            return failed(offset, reason, held.piece.policy.retry, retry=retry)
        case BaseException():
            return value
        case _:
            return answer(value, held, offset)
