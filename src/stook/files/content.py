"""What a source holds, as one short text: the same content again means the same batch again."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from stook.core.errors import InputError
from stook.files.byte_stream import open_error
from stook.files.folder import is_pattern, list_files
from stook.files.spool import STDIN, Spooled

if TYPE_CHECKING:
    from stook.files.spool import ItemSource

__all__ = ["content_id"]


def content_id(source: ItemSource) -> str:
    """64 hexadecimal digits, wherever the file lies and whatever its name.

    A file: SHA-256 of its bytes as they lie on disk. A folder or pattern: of the path, size and time of change of each
    of its files, since reading all of them could take as long as the batch; so an edited, added or touched file makes
    it another content. Standard input must be spooled first.
    """
    if isinstance(source, Spooled):
        return source.content
    text = os.fspath(source)
    if text == STDIN:
        raise InputError("standard input can be read only once", where=STDIN, hint="spool it first")
    try:
        if is_pattern(text) or Path(text).is_dir():
            return _of_files(list_files(text))
        with Path(text).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise open_error(text, error) from error


def _of_files(files: list[str]) -> str:
    digest = hashlib.sha256()
    for path in files:
        found = Path(path).stat()
        digest.update(b"%s\0%d\0%d\0" % (os.fsencode(path), found.st_size, found.st_mtime_ns))
    return digest.hexdigest()
