"""What one attempt sends, opened secrets and all: never logged, and never out of the process but as the request."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from stook import __version__
from stook.core.errors import OptionError
from stook.webhooks.schemes import find_scheme
from stook.webhooks.signing import Outgoing

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["METHOD", "Letter", "check_auth", "headers_of", "masked"]

METHOD: Final = "POST"
MASK: Final = "***"
_TOKEN: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}")
_VALUE: Final = re.compile(r"[\x21-\x7e]([\x20-\x7e]{0,4094}[\x21-\x7e])?")
_OURS: Final = frozenset(
    {"accept", "connection", "content-encoding", "content-length", "content-type", "expect", "host"}
)
_OURS_TOO: Final = frozenset({"keep-alive", "te", "trailer", "transfer-encoding", "upgrade", "user-agent", "x-attempt"})
_OUR_PREFIXES: Final = ("webhook-", "x-vellum-", "proxy-")


class Letter(NamedTuple):
    """`secrets`: the newest first. `auth`: a header's name and value."""

    event_id: str
    body: bytes
    attempt: int
    url: str
    schemes: Sequence[str]
    secrets: Sequence[str]
    auth: tuple[str, str] | None = None


def headers_of(letter: Letter, url: str, timestamp: int) -> dict[str, str]:
    """All but those that belong to the connection. `url` as it goes out, `timestamp` in seconds. `OptionError` for a
    scheme that this server does not know."""
    outgoing = Outgoing(METHOD, url, letter.body, letter.event_id, timestamp, letter.secrets)
    made = {
        "content-type": "application/json",
        "User-Agent": f"stook/{__version__}",
        "X-Attempt": str(letter.attempt),
    }
    for name in letter.schemes:
        made.update(find_scheme(name).headers(outgoing))
    if letter.auth is not None:
        name, value = letter.auth
        made[name] = value
    return made


def masked(headers: Mapping[str, str], auth: tuple[str, str] | None) -> dict[str, str]:
    """For people to look at: signatures stay, they give no secret away."""
    return {name: MASK if auth is not None and name == auth[0] else value for name, value in headers.items()}


def check_auth(kind: str, name: str | None, value: str | None) -> tuple[str, str] | None:
    """The header that says who sends: None for `none`. `OptionError` does not repeat the value."""
    match kind:
        case "none":
            if name is not None or value is not None:
                raise _wrong("kind", "kind none takes neither name nor value")
            return None
        case "bearer":
            if name is not None:
                raise _wrong("name", "a bearer token goes in Authorization", "leave out the name, or take kind header")
            header, text = "Authorization", None if value is None else f"Bearer {value}"
        case "header":
            header, text = _header(name), value
        case _:
            raise _wrong("kind", f"{kind!r} is no kind of auth", "none, header or bearer")
    if text is None or value is None or not _VALUE.fullmatch(value):
        raise _wrong("value", "the value is not 1 to 4096 printable ASCII characters without spaces at its ends")
    return header, text


def _header(name: str | None) -> str:
    if name is None or not _TOKEN.fullmatch(name):
        raise _wrong("name", f"{name!r} is no name of a header", "like X-Api-Key")
    low = name.lower()
    if low in _OURS | _OURS_TOO or low.startswith(_OUR_PREFIXES):
        raise _wrong("name", f"{name} is a header that stook sets or a connection needs", "like X-Api-Key")
    return name


def _wrong(field: str, message: str, hint: str | None = None) -> OptionError:
    return OptionError(message, where=f"auth.{field}", hint=hint)
