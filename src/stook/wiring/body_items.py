"""Items out of the bodies of requests, by the readers of files."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final, assert_never

from stook.core.errors import InputError, PayloadTooLarge
from stook.engine.names import MAX_KEY_BYTES, check_name
from stook.engine.options import Block
from stook.files.block import place
from stook.files.byte_stream import text_start
from stook.files.csv_rows import read_csv
from stook.files.jsonl import read_jsonl
from stook.files.keys import NoKey, extract_keys
from stook.files.parquet_rows import read_parquet
from stook.files.tags import extract_tags, tags_from
from stook.wiring.parquet_results import ParquetResults

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from stook.files.block import Block as FileBlock
    from stook.server.ports import BodyFormat, Readable

__all__ = ["BodyItems"]

MOST_SPOOLED: Final = 4 * 2**30
"""Bytes of a Parquet file: its index stands at its end, so it lies on disk before it is read."""
_PIECE: Final = 1024 * 1024


class BodyItems:
    """Implements `stook.server.ports.ItemDecoder`."""

    def read(
        self, body: Readable, kind: BodyFormat, *, key: str | None, dedupe_key: str | None, tag: str | None, most: int
    ) -> Iterator[Block]:
        index = 0
        for block in _blocks(body, kind, most):
            _check_sizes(block, index, most, body.name)
            made = _marked(block.payloads, index, block.lines, body.name, None, key, dedupe_key)
            made.tags = None if tag is None else _tags(block.payloads, tag, index, block.lines, body.name)
            yield made
            index += len(block.payloads)

    def parquet(self) -> ParquetResults:
        return ParquetResults()

    def marked(
        self,
        payloads: Sequence[bytes],
        *,
        keys: Sequence[str] | None,
        key: str | None,
        dedupe_key: str | None,
        tags: Sequence[str | list[str] | None] | None,
        tag: str | None,
    ) -> Block:
        made = _marked(payloads, 0, None, None, keys, key, dedupe_key)
        if tag is not None:
            made.tags = _tags(payloads, tag, 0, None, None)
        elif tags is not None:
            made.tags = _taken(tags_from(tags, "what is given as its tags"), 0, None, None)
        return made


def _tags(
    payloads: Sequence[bytes], field: str, index: int, lines: Sequence[int] | None, name: str | None
) -> list[Sequence[str]]:
    return _taken(extract_tags(payloads, field), index, lines, name)


def _taken(
    found: list[Sequence[str]] | NoKey, index: int, lines: Sequence[int] | None, name: str | None
) -> list[Sequence[str]]:
    if isinstance(found, NoKey):
        raise InputError(
            f"no tag: {found.reason}",
            index=index + found.position,
            where=None if lines is None or name is None else place(name, lines[found.position]),
            hint="a tag is a string or a number; null or an empty list: none",
        )
    return found


def _blocks(body: Readable, kind: BodyFormat, most: int) -> Iterator[FileBlock]:
    match kind:
        case "jsonl":
            yield from read_jsonl(_Text(body), most)
        case "csv":
            yield from read_csv(_Text(body), most)
        case "parquet":
            with tempfile.NamedTemporaryFile(prefix="stook-body-") as file:
                size = 0
                while data := body.read(_PIECE):
                    size += len(data)
                    if size > MOST_SPOOLED:
                        raise InputError(f"more than {MOST_SPOOLED} bytes of Parquet", where=body.name)
                    file.write(data)
                file.flush()
                yield from read_parquet(Path(file.name), body.name)
        case _:
            assert_never(kind)


class _Text:
    def __init__(self, body: Readable) -> None:
        self.name = body.name
        self._body = body
        self._started = False

    def read(self, size: int) -> bytes:
        data = self._body.read(size)
        if self._started:
            return data
        self._started = True
        return text_start(data, self.name)


def _check_sizes(block: FileBlock, index: int, most: int, name: str) -> None:
    if max(map(len, block.payloads), default=0) > most:
        for offset, payload in enumerate(block.payloads):
            if len(payload) > most:
                where = place(name, block.lines[offset])
                raise PayloadTooLarge(len(payload), most, index=index + offset, where=where)


def _marked(
    payloads: Sequence[bytes],
    index: int,
    lines: Sequence[int] | None,
    name: str | None,
    keys: Sequence[str] | None,
    key: str | None,
    dedupe_key: str | None,
) -> Block:
    def extracted(field: str, what: str) -> list[str]:
        found = extract_keys(payloads, field)
        if isinstance(found, NoKey):
            raise InputError(
                f"no {what}: {found.reason}",
                index=index + found.position,
                where=None if lines is None or name is None else place(name, lines[found.position]),
                hint="every item needs one; choose another field, or give none",
            )
        return found

    if key is not None:
        keys = extracted(key, "key")
    dedupe = None if dedupe_key is None else extracted(dedupe_key, "dedupe_key")
    for what, column in (("key", keys), ("dedupe_key", dedupe)):
        if column and 4 * max(map(len, column)) > MAX_KEY_BYTES:
            for offset, one in enumerate(column):
                check_name(what, one, index=index + offset)
    if keys is not None and key is None:
        for offset, one in enumerate(keys):
            check_name("key", one, index=offset)
    return Block(payloads, keys, dedupe)
