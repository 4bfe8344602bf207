"""What SQLite's errors mean to people."""

from __future__ import annotations

import sqlite3

from stook.core.errors import StoreError, StoreFull, StoreReadOnly, StoreUnavailable

__all__ = ["translate"]

_FULL = {sqlite3.SQLITE_FULL}
_READ_ONLY = {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH}
_STUCK = {sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_SHMSIZE, sqlite3.SQLITE_IOERR_TRUNCATE}
"""A file may not grow: quota, `ulimit -f`, or a disk that fails. Only plain ENOSPC is told as SQLITE_FULL."""
_NO_MEMORY = {sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_IOERR_NOMEM, sqlite3.SQLITE_IOERR_SHMMAP, sqlite3.SQLITE_IOERR_MMAP}
_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}


def translate(error: sqlite3.Error, path: str) -> StoreError:
    extended = getattr(error, "sqlite_errorcode", 0)
    code = extended & 0xFF
    if extended in _STUCK:
        return StoreFull(
            f"{path} cannot be written further: {error}",
            hint="look at the disk, your quota and `ulimit -f`; nothing was half-written, run the same again",
        )
    if extended in _NO_MEMORY:
        return StoreUnavailable(
            f"the system has no memory left to work on {path}: {error}",
            hint="look at `ulimit -v` and the container's limit; nothing was half-written, try again",
        )
    if code in _FULL:
        return StoreFull(
            f"no room left on the disk of {path}", hint="free some space; nothing was half-written, run the same again"
        )
    if code in _READ_ONLY:
        return StoreReadOnly(f"cannot write {path}: {error}", hint="choose a folder you may write to with --store")
    if code in _BUSY:
        return StoreUnavailable(
            f"{path} is held by another program for too long", hint="end the program that holds it open, then retry"
        )
    if code in {sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT}:
        return StoreError(f"{path} is not a stook database: {error}", hint="name another file with --store")
    return StoreError(f"{path}: {error}")
