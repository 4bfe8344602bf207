"""The items of a run, read once before anything happens: a bad line is found while nothing has been done yet, the
number of items is known from the start, and what they are tells whether they were submitted before."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from stook.cli.key_index import KeyIndex
from stook.core.errors import ConfigError, DuplicateKeys, InputError
from stook.engine.service import Block
from stook.files.block import place
from stook.files.content import content_id
from stook.files.folder import list_files, read_files
from stook.files.read import ItemReader, open_items
from stook.files.spool import Spooled, spool

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from stook.cli.key_index import Duplicates, Left
    from stook.files.formats import InputFormat
    from stook.files.spool import ItemSource

__all__ = ["CheckedInput", "check_input"]

_PAIRS: Final = 100
_TELL: Final = 2.0
"""Seconds between two words on how far the reading is."""


class CheckedInput:
    """`items` is how many will be submitted, `left_out` how many of the input are not because of their key."""

    def __init__(
        self,
        source: ItemSource,
        format_: InputFormat,
        key: str | None,
        duplicates: Duplicates,
        limit: int,
        apart: Collection[Path] = (),
    ) -> None:
        self.name = source.name if isinstance(source, Spooled) else str(source)
        self.format = format_
        self.key = key
        self.items = 0
        self._source = source
        self._duplicates = duplicates
        self._limit = limit
        self._left: Left | None = None
        self._files = _files(self.name, apart) if format_ == "files" else None
        """As they are now: a run may put its own into the same folder."""

    @property
    def left_out(self) -> int:
        return 0 if self._left is None else self._left.count

    def identity(self) -> str:
        """The same for the same items with the same keys, wherever they come from."""
        content = content_id(self._source) if self._files is None else _listing(self._files)
        parts = [content, self.format, self.key or ""]
        if self.key is not None and self._duplicates != "reject":
            parts.append(self._duplicates)
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()

    def blocks(self) -> Iterator[Block]:
        """The items to submit, read again."""
        index = 0
        with self._open() as reader:
            for block in reader:
                kept = Block(block.payloads, block.keys)
                if self._left is not None:
                    chosen = [at for at in range(len(block.payloads)) if index + at not in self._left]
                    kept.payloads = [block.payloads[at] for at in chosen]
                    kept.keys = block.keys and [block.keys[at] for at in chosen]
                index += len(block.payloads)
                yield kept

    def close(self) -> None:
        if isinstance(self._source, Spooled):
            self._source.close()

    def check(self, tell: Callable[[str], None]) -> None:
        items, told = 0, time.monotonic()
        with KeyIndex() as keys:
            with self._open() as reader:
                for block in reader:
                    items += len(block.payloads)
                    if block.keys is not None:
                        keys.add(block.keys)
                    if time.monotonic() - told > _TELL:
                        told = time.monotonic()
                        tell(f"reading {self.name}: {items:,} items so far")
            match self._duplicates:
                case "reject":
                    if pairs := keys.pairs(_PAIRS):
                        raise self._duplicate_keys(pairs)
                case "first" | "last":
                    self._left = keys.left_out(self._duplicates)
        self.items = items - self.left_out

    def _duplicate_keys(self, pairs: list[tuple[int, int]]) -> DuplicateKeys:
        """With the keys' texts and the lines of the first pair, for which the input is read again."""
        wanted = {index for pair in pairs for index in pair}
        found: dict[int, tuple[str, int]] = {}
        index = 0
        with self._open() as reader:
            for block in reader:
                here = enumerate(zip(block.keys or (), block.lines, strict=True), index)
                found |= {at: key_and_line for at, key_and_line in here if at in wanted}
                index += len(block.payloads)
                if len(found) == len(wanted):
                    break
        error = DuplicateKeys([(found[later][0], later, earlier) for later, earlier in pairs])
        error.where = " and ".join(place(self.name, found[at][1]) for at in pairs[0])
        error.hint = "make keys unique, or keep one item of each: --duplicates first, or last"
        return error

    def _open(self) -> ItemReader:
        if self._files is not None:
            blocks = read_files(self._files)
            return ItemReader(self.name, "files", blocks, [], key=self.key, skip=0, max_item_bytes=self._limit)
        return open_items(self._source, format=self.format, key=self.key, max_item_bytes=self._limit)


def check_input(
    source: str,
    *,
    format_: InputFormat | None,
    key: str | None,
    duplicates: Duplicates,
    limit: int,
    tell: Callable[[str], None],
    apart: Collection[Path] = (),
) -> CheckedInput:
    """Reads everything. `InputError` with file, line and reason for the first item that cannot be taken,
    `DuplicateKeys` with both lines. Standard input and pipes are copied to a temporary file first, which `close`
    removes. Files `apart`, and those in folders `apart`, are no items of a folder or pattern."""
    if duplicates != "reject" and key is None:
        raise ConfigError(f"--duplicates {duplicates} needs keys", hint="name the field that holds them: --key FIELD")
    settled = spool(source)
    try:
        with open_items(settled, format=format_, max_item_bytes=limit) as reader:
            kind = reader.format
        checked = CheckedInput(settled, kind, key, duplicates, limit, apart)
        checked.check(tell)
    except BaseException:
        if isinstance(settled, Spooled):
            settled.close()
        raise
    return checked


def _files(name: str, apart: Collection[Path]) -> list[str]:
    kept = list_files(name)
    for one in apart:
        path = str(one)
        kept = [file for file in kept if file != path and not file.startswith(path + os.sep)]
    if not kept:
        raise InputError("no files there but stook's own", where=name)
    return kept


def _listing(files: list[str]) -> str:
    """As `content_id` of a folder: paths, sizes and times of change."""
    digest = hashlib.sha256()
    for file in files:
        found = Path(file).stat()
        digest.update(b"%s\0%d\0%d\0" % (os.fsencode(file), found.st_size, found.st_mtime_ns))
    return digest.hexdigest()
