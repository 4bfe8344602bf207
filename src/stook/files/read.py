"""Opening what holds a batch's items, whatever its format."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Self, assert_never

from stook.core.errors import InputError, OptionError, PayloadTooLarge
from stook.files.block import MAX_ITEM_BYTES, Block, place
from stook.files.byte_stream import ByteStream
from stook.files.csv_rows import read_csv
from stook.files.folder import is_pattern, list_files, read_files
from stook.files.formats import input_format
from stook.files.json_array import read_json_array
from stook.files.jsonl import read_jsonl
from stook.files.keys import NoKey, extract_keys
from stook.files.parquet_rows import read_parquet
from stook.files.spool import Spooled, spool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType

    from stook.files.formats import InputFormat
    from stook.files.spool import ItemSource

__all__ = ["ItemReader", "open_items"]


def open_items(
    source: ItemSource,
    *,
    format: InputFormat | None = None,  # noqa: A002 -- the option's name everywhere
    key: str | None = None,
    skip: int = 0,
    max_item_bytes: int = MAX_ITEM_BYTES,
) -> ItemReader:
    """A reader of the items of a file (JSONL, JSON array, CSV, TSV, Parquet; gzipped or not), of "-" for standard
    input, or of a folder or pattern, each file of which is one item.

    The format is told by the name unless given; standard input and pipes are JSONL unless told otherwise. `key` names
    the field that holds each item's key, `skip` leaves out that many items from the start (they are read all the same).
    Errors that can be known now are raised now: no such file, no files, format unknown, extra missing, bad header.
    """
    settled = spool(source)
    owned = settled if isinstance(settled, Spooled) and settled is not source else None
    try:
        name = settled.name if isinstance(settled, Spooled) else os.fspath(settled)
        path = settled.path if isinstance(settled, Spooled) else Path(name)
        kind = format or _kind(settled, name)
        blocks, closes = _blocks(path, name, kind, max_item_bytes)
    except BaseException:
        if owned is not None:
            owned.close()
        raise
    closing = closes if owned is None else [*closes, owned.close]
    return ItemReader(name, kind, blocks, closing, key=key, skip=skip, max_item_bytes=max_item_bytes)


class ItemReader:
    """Blocks of items, in order, once. Close it, or use it as a context manager.

    `name` is what errors call the source. Iterating raises `InputError` (or its `PayloadError`, `PayloadTooLarge`) with
    the item's index and `file:line` of the first item that cannot be taken; blocks before it were fine.
    """

    def __init__(
        self,
        name: str,
        format: InputFormat,  # noqa: A002
        blocks: Iterator[Block],
        closes: list[Callable[[], None]],
        *,
        key: str | None,
        skip: int,
        max_item_bytes: int,
    ) -> None:
        self.name = name
        self.format = format
        self._blocks = blocks
        self._closes = closes
        self._key = key
        self._skip = skip
        self._limit = max_item_bytes

    def __iter__(self) -> Iterator[Block]:
        index = 0
        for block in self._blocks:
            self._check_sizes(block, index)
            end = index + len(block.payloads)
            if end > self._skip:
                kept = max(0, self._skip - index)
                yield self._with_keys(Block(block.payloads[kept:], None, block.lines[kept:]), index + kept)
            index = end

    def _check_sizes(self, block: Block, index: int) -> None:
        if max(map(len, block.payloads)) <= self._limit:
            return
        for offset, payload in enumerate(block.payloads):
            if len(payload) > self._limit:
                where = place(self.name, block.lines[offset])
                raise PayloadTooLarge(len(payload), self._limit, index=index + offset, where=where)

    def _with_keys(self, block: Block, index: int) -> Block:
        if self._key is None:
            return block
        keys = extract_keys(block.payloads, self._key)
        if not isinstance(keys, NoKey):
            return block._replace(keys=keys)
        raise InputError(
            f"no key: {keys.reason}",
            index=index + keys.position,
            where=place(self.name, block.lines[keys.position]),
            hint="every item needs one; choose another field, or give no key",
        )

    def close(self) -> None:
        while self._closes:
            self._closes.pop()()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _kind(source: ItemSource, name: str) -> InputFormat:
    if isinstance(source, Spooled):
        return "jsonl"
    if is_pattern(name) or Path(name).is_dir():
        return "files"
    return input_format(name)


def _blocks(path: Path, name: str, kind: InputFormat, limit: int) -> tuple[Iterator[Block], list[Callable[[], None]]]:
    if kind == "files":
        return read_files(list_files(name)), []
    if is_pattern(name) or path.is_dir():
        raise OptionError(f"many files are not one {kind} file", where=name, hint="name one file, or the format files")
    if kind == "parquet":
        return read_parquet(path, name), []
    stream = ByteStream(path, name)
    try:
        return _text_blocks(stream, kind, limit), [stream.close]
    except BaseException:
        stream.close()
        raise


def _text_blocks(stream: ByteStream, kind: InputFormat, limit: int) -> Iterator[Block]:
    match kind:
        case "jsonl":
            return read_jsonl(stream, limit)
        case "json":
            return read_json_array(stream, limit)
        case "csv":
            return read_csv(stream, limit)
        case "tsv":
            return read_csv(stream, limit, "\t")
        case "files" | "parquet":
            raise AssertionError(kind)
        case _:
            assert_never(kind)
