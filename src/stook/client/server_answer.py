"""What a server's answer means to a worker."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from stook.core.errors import PayloadTooLarge, StookError, StoreError, StoreUnavailable
from stook.wire.problem import Refused

if TYPE_CHECKING:
    import httpx

__all__ = ["checked", "no_answer"]

_GOOD: Final = range(200, 300)
_LATER: Final = frozenset({408, 425, 429})
_NO_KEY: Final = frozenset({401, 403})
_ABSENT: Final = frozenset({404, 405})
_TOO_LARGE: Final = 413


class _Sized(PayloadTooLarge):
    """A result that the server's limit refuses; its message is the server's."""

    def __init__(self, message: str) -> None:
        StookError.__init__(self, message, hint="return less, or store the content elsewhere and return a reference")
        self.size = self.limit = 0


def no_answer(server: str, error: httpx.HTTPError) -> StoreUnavailable:
    return StoreUnavailable(f"the server at {server} does not answer: {str(error) or type(error).__name__}")


def checked(server: str, response: httpx.Response) -> bytes:
    """The body of a good answer. `StoreUnavailable`: ask again; any other `StoreError`: no asking helps, whatever is
    asked; other `StookError`s: not this."""
    status = response.status_code
    if status in _GOOD:
        return response.content
    code, text, hint = _problem(response)
    if status == _TOO_LARGE:  # by the server, or by a proxy before it
        raise _Sized(text)
    if code is None or status >= 500 or status in _LATER:  # noqa: PLR2004 - where servers' own troubles begin
        # Without a code it is not the server that answers: a proxy, while there is no server behind it.
        raise StoreUnavailable(f"the server at {server} cannot do it now: status {status}, {text}")
    if status in _NO_KEY:
        raise StoreError(f"the server at {server} refuses the key: {text}", hint=hint)
    if status in _ABSENT:
        raise StoreError(f"the server at {server} knows no such workers: {text}", hint="it may be older than this one")
    raise StookError(f"the server at {server} refuses it: {code}, {text}", hint=hint)


def _problem(response: httpx.Response) -> tuple[str | None, str, str | None]:
    """(code, message, hint); no code: it is not stook that wrote the answer."""
    try:
        problem = msgspec.json.decode(response.content, type=Refused).error
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None, response.reason_phrase or "without a word", None
    return problem.code, problem.message, problem.hint
