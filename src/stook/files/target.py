"""Where results go: a file that appears whole or not at all, or a stream that takes them as they come.

    .out.jsonl.part   locked, written, synced  ── commit ──▶  out.jsonl
                                               ── abort ───▶  nothing

A process that is killed leaves the part behind; the next one to write the same file takes it over, since the lock died
with its owner. Two at once: the second is refused.
"""

from __future__ import annotations

import fcntl
import os
import stat
import sys
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final, Protocol

from stook.core.errors import StoreError
from stook.files.disk import writing

if TYPE_CHECKING:
    from io import BufferedWriter

__all__ = ["STDOUT", "FileTarget", "StreamTarget", "Target", "open_target"]

STDOUT: Final = "-"


class Target(Protocol):
    """`write` raises a `StoreError` that names `path`, after which nothing is left to abort."""

    path: str
    folder: Path | None
    """Where large temporary files belong; `None` for the system's own place."""

    def write(self, data: bytes) -> None: ...

    def commit(self) -> None: ...

    def abort(self) -> None:
        """Leaves nothing behind, where that is possible. After a commit or an abort it does nothing."""
        ...


def open_target(path: str | os.PathLike[str]) -> Target:
    """Standard output for "-". What is there and no regular file (a pipe, `/dev/null`) is written to as it is."""
    text = os.fspath(path)
    if text == STDOUT:
        return StreamTarget("standard output", sys.stdout.buffer, owned=False)
    with writing(text):
        there = Path(text)
        if there.exists() and not stat.S_ISREG(there.stat().st_mode):
            return StreamTarget(text, there.open("wb"), owned=True)
        return FileTarget(text, there.resolve())


class StreamTarget:
    def __init__(self, path: str, stream: IO[bytes], *, owned: bool) -> None:
        self.path = path
        self._stream = stream
        self._owned = owned
        self.folder: Path | None = None

    def write(self, data: bytes) -> None:
        with writing(self.path):
            self._stream.write(data)
            self._stream.flush()

    def commit(self) -> None:
        with writing(self.path):
            self._stream.flush()
        self.abort()

    def abort(self) -> None:
        if self._owned:
            with suppress(OSError):  # it tries once more to write what could not be written
                self._stream.close()


class FileTarget:
    def __init__(self, path: str, real: Path) -> None:
        self.path = path
        self.folder: Path | None = real.parent
        self._real = real
        self._part = real.with_name(f".{real.name}.part")
        self._file: BufferedWriter | None = None
        with writing(path):
            self._file = self._lock()

    def _lock(self) -> BufferedWriter:
        while True:
            handle = os.open(self._part, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o666)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                # Between the two calls its owner may have renamed or removed it: then this is not the part any more.
                if self._is_part(handle):
                    os.ftruncate(handle, 0)
                    return os.fdopen(handle, "wb")
            except BlockingIOError:
                os.close(handle)
                hint = "wait for it, or write elsewhere"
                raise StoreError("another process is writing this file", where=self.path, hint=hint) from None
            except BaseException:
                os.close(handle)
                raise
            os.close(handle)

    def _is_part(self, handle: int) -> bool:
        try:
            return os.path.samestat(os.fstat(handle), self._part.stat())
        except FileNotFoundError:
            return False

    def write(self, data: bytes) -> None:
        if self._file is None:
            raise ValueError(f"{self.path} is closed")
        try:
            with writing(self.path):
                self._file.write(data)
        except StoreError:
            self.abort()
            raise

    def commit(self) -> None:
        """The file is complete and on disk when this returns."""
        if self._file is None:
            return
        try:
            with writing(self.path):
                self._file.flush()
                os.fsync(self._file.fileno())
                self._part.replace(self._real)
        except StoreError:
            self.abort()
            raise
        self._file.close()
        self._file = None

    def abort(self) -> None:
        if self._file is None:
            return
        file, self._file = self._file, None
        self._part.unlink(missing_ok=True)  # before the lock goes with the file: afterwards it may be somebody else's
        with suppress(OSError):  # what could not be written is not wanted any more
            file.close()
