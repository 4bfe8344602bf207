"""Failures to write, in words: the path, what is wrong with it, what to do."""

from __future__ import annotations

import errno
from contextlib import contextmanager
from typing import TYPE_CHECKING

from stook.core.errors import StoreError, StoreFull, StoreReadOnly

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["write_error", "writing"]

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_CLOSED = {errno.EACCES, errno.EPERM, errno.EROFS}


@contextmanager
def writing(path: str) -> Iterator[None]:
    """Turns an `OSError` into a `StoreError` that names `path`. A reader that went away stays a `BrokenPipeError`."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise write_error(path, error) from error


def write_error(path: str, error: OSError) -> StoreError:
    if error.errno in _FULL:
        return StoreFull("no space left to write", where=path, hint="free some space, or write elsewhere")
    if error.errno in _CLOSED:
        return StoreReadOnly("cannot be written", where=path, hint="change its permissions, or write elsewhere")
    if error.errno == errno.ENOENT:
        return StoreError("the folder does not exist", where=path, hint="create it first")
    if error.errno in {errno.EISDIR, errno.ENOTDIR}:
        return StoreError(f"{(error.strerror or str(error)).lower()}", where=path, hint="name a file in a folder")
    return StoreError(f"cannot be written: {error.strerror or error}", where=path)
