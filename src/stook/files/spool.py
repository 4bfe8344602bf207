"""What can be read only once (standard input, a pipe) copied to a file, so that it can be read again."""

from __future__ import annotations

import hashlib
import os
import stat
import sys
import tempfile
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final, Self

from stook.files.byte_stream import open_error
from stook.files.disk import writing

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["STDIN", "ItemSource", "Spooled", "spool", "spool_stdin"]

STDIN: Final = "-"
_PIECE: Final = 1024 * 1024


class Spooled:
    """A copy in a temporary file. `content` is the SHA-256 of its bytes, `name` what errors call it.

    `close()` deletes it; it is a context manager, and closing twice is fine.
    """

    def __init__(self, path: Path, name: str, content: str) -> None:
        self.path = path
        self.name = name
        self.content = content

    def close(self) -> None:
        self.path.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


ItemSource = str | os.PathLike[str] | Spooled


def spool(source: ItemSource, folder: Path | None = None) -> ItemSource:
    """The source itself if it can be read twice, else a `Spooled` copy of it."""
    if isinstance(source, Spooled):
        return source
    if os.fspath(source) == STDIN:
        return spool_stdin(folder=folder)
    path = Path(source)
    try:
        mode = path.stat().st_mode
        if stat.S_ISREG(mode) or stat.S_ISDIR(mode):
            return source
        with path.open("rb") as pipe:
            return _copy(pipe, str(source), folder)
    except FileNotFoundError:
        return source  # a glob, perhaps; opening it says what is wrong
    except OSError as error:
        raise open_error(str(source), error) from error


def spool_stdin(stream: IO[bytes] | None = None, folder: Path | None = None) -> Spooled:
    """Reads standard input (or `stream`) to its end, into a file in `folder` or where temporary files go."""
    return _copy(stream or sys.stdin.buffer, "standard input", folder)


def _copy(stream: IO[bytes], name: str, folder: Path | None) -> Spooled:
    digest = hashlib.sha256()
    where = str(folder or tempfile.gettempdir())
    with writing(where):
        handle, file_name = tempfile.mkstemp(prefix="stook-input-", dir=folder)
    path = Path(file_name)
    try:
        with os.fdopen(handle, "wb") as copy:
            while piece := stream.read(_PIECE):
                digest.update(piece)
                with writing(where):
                    copy.write(piece)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return Spooled(path, name, digest.hexdigest())
