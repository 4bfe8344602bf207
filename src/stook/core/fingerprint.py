"""Which failures are the same failure: what varies from item to item is taken out of the message.

    "order 17 of ann@example.org: no such file '/data/17.csv'"  →  "order <n> of <email>: no such file <text>"

Numbers that name a cause stay: HTTP 404 is not HTTP 503, and errno 2 is not errno 28.
"""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache
from pathlib import PurePath
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["fingerprint", "normalise", "own_frame"]

_READ: Final = 2_000  # characters of a message; a page of HTML in an error tells no more after that
_PART: Final = re.compile(
    r"""
      (?P<cause> \b(?:http|(?:status|error|exit)?[ _]?(?:status|code)|errno|signal|sqlstate)[ :=\#]{0,3}\d{1,5}\b )
    | (?P<url>   \b[a-z][a-z0-9+.-]{1,20}://[^\s'"<>)\]}]+ )
    | (?P<email> (?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)+ )
    | (?P<text>  (?<!\w)(?: '(?:[^'\\]|\\.)*' | "(?:[^"\\]|\\.)*" | `[^`]*` )(?!\w) )
    | (?P<uuid>  (?<![0-9a-z])[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}(?![0-9a-z]) )
    | (?P<path>  (?<![\w<>/\\.])(?: [a-z]:\\[^\s:*?"<>|]+ | (?:~|\.{1,2})?(?:/[\w.@%+~=-]+)+/? ) )
    | (?P<time>  \d{4}-\d\d-\d\d(?:[t\ ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?:z\b|[+-]\d\d:?\d\d)?)? )
    | (?P<hex>   \b0x[0-9a-f]+\b | \b(?=[a-f]*\d)(?=\d*[a-f])[0-9a-f]{8,}\b )
    | (?P<n>     (?:(?<![\w.)\]>])[-+])?\d+(?:[.,:_]?\d+)*(?:e[-+]?\d+)? )
    | (?P<space> \s+ )
    """,
    re.VERBOSE | re.IGNORECASE,
)
_REPEATED: Final = re.compile(r"(<[a-z]+>)(?:[\s,;|/]*\1)+")
_FOREIGN: Final = ("/site-packages/", "/dist-packages/")


def fingerprint(type_name: str, message: str, frame: str | None) -> str:
    """16 hexadecimal digits, equal for failures of one type with the same normalised message and own frame."""
    text = "\0".join((type_name, normalise(message), frame or ""))
    return hashlib.blake2b(text.encode(errors="backslashreplace"), digest_size=8).hexdigest()


@lru_cache(maxsize=1024)
def normalise(message: str) -> str:
    """One line, with `<n>` for numbers, `<text>` for quoted text, and so on; lists of these are as long as one."""
    return _REPEATED.sub(r"\1", _PART.sub(_replaced, message[:_READ])).strip()


def _replaced(found: re.Match[str]) -> str:
    match found.lastgroup:
        case "cause":
            return found[0]
        case "space":
            return " "
        case name:
            return f"<{name}>"


def own_frame(frames: Sequence[tuple[str, str]]) -> str | None:
    """`file.py:function` of the innermost of `frames` (outermost first, as in a traceback) that is the user's own.

    Not theirs: installed packages, the standard library, stook. No line number: a failure stays the same failure when
    code above it is edited.
    """
    for filename, function in reversed(frames):
        if not _foreign(filename):
            return f"{PurePath(filename).name}:{function}"
    return None


def _foreign(filename: str) -> bool:
    path = PurePath(filename).as_posix()
    return filename.startswith("<frozen ") or any(part in path for part in _FOREIGN) or path.startswith(_LIBRARIES)


def _folder(of: str, up: int) -> str:
    return PurePath(of).parents[up].as_posix() + "/"


_LIBRARIES: Final = (_folder(hashlib.__file__, 0), _folder(__file__, 1))
