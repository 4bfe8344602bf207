"""A folder or a pattern as a list of items: one per file, `{"path": absolute path, "name": file name}`."""

from __future__ import annotations

import glob
import os
from itertools import islice
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from stook.core.errors import InputError
from stook.core.payload import encode_many
from stook.files.block import BLOCK_ITEMS, Block

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["is_pattern", "list_files", "read_files"]


def is_pattern(text: str) -> bool:
    return glob.has_magic(text) and not os.path.lexists(text)


def list_files(source: str) -> list[str]:
    """Absolute paths of regular files, sorted: all beneath a folder, or those that a pattern matches (`**` goes deep).

    Hidden files and folders (`.name`) are passed over unless the pattern names them. `InputError` if there is none.
    """
    if is_pattern(source):
        found = [Path(name) for name in glob.glob(source, recursive=True)]  # noqa: PTH207 -- absolute patterns too
    else:
        found = [Path(source)] if Path(source).is_file() else list(_beneath(source))
    files = sorted({os.path.normpath(path.absolute()) for path in found if path.is_file()})
    if not files:
        raise InputError("no files there", where=source, hint="check the path or the pattern, and quote a pattern")
    return files


def _beneath(folder: str) -> Iterator[Path]:
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (Path(place, name) for name in names if not name.startswith("."))


def read_files(files: list[str]) -> Iterator[Block]:
    paths = iter(files)
    first = 1
    while taken := list(islice(paths, BLOCK_ITEMS)):
        payloads = encode_many([{"path": path, "name": PurePath(path).name} for path in taken])
        yield Block(payloads, None, range(first, first + len(taken)))
        first += len(taken)
