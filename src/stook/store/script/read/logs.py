"""What an execution has said, line by line, attempt after attempt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from stook.core.errors import NotFound, OptionError
from stook.core.ids import execution_id
from stook.core.log import read_lines
from stook.store.script.batch_row import read_batch
from stook.store.script.read.limit import check_limit
from stook.store.statement import All, Each

if TYPE_CHECKING:
    from stook.core.log import LogLine
    from stook.store.statement import Row, Script

__all__ = ["LogCount", "LogEntry", "LogPage", "count_logs", "read_logs"]

_ROWS: Final = 32
"""Parts that are looked at together."""
_FIELDS: Final = 4
_LARGEST: Final = 2**31 - 1


class LogEntry(msgspec.Struct, gc=False):
    """One line. `line` counts from 1 in its attempt: a gap shows what was dropped. `source` is the name of a logger,
    `stdout` or `stderr`, or `stook` for the entry that says how many lines were dropped. `at`: by its worker's clock.
    Readings with `after=cursor` go on behind it."""

    round: int
    attempt: int
    run: int
    """0, or one more each time the attempt began again: its worker had died, or handed it back."""
    line: int
    at: int
    source: str
    message: str
    level: str | None
    fields: dict[str, Any] | None

    @property
    def cursor(self) -> str:
        return f"{self.round}.{self.attempt}.{self.run}.{self.line}"


class LogPage(msgspec.Struct):
    """`next` is None when there is nothing more now."""

    lines: list[LogEntry]
    next: str | None


class LogCount(msgspec.Struct, gc=False):
    """Lines that an attempt has kept, and those that it has dropped."""

    round: int
    attempt: int
    lines: int
    dropped: int


class _Cursor(NamedTuple):
    round: int
    attempt: int
    run: int
    line: int


_START: Final = _Cursor(0, 0, 0, 0)


def read_logs(
    batch_id: bytes, index: int, *, attempt: int | None = None, after: str | None = None, limit: int = 1000
) -> Script[LogPage]:
    """Lines behind `after` in their order, of one attempt or all. `NotFound` says which items there are."""
    check_limit(limit)
    at = _START if after is None else _read_cursor(after)
    batch = yield from read_batch(batch_id)
    if not 0 <= index < batch.total:
        raise NotFound(
            f"batch {batch.public_id} has no item {index}",
            hint=f"it has items 0 to {batch.total - 1}" if batch.total else "it has no items",
        )
    own = execution_id(batch_id, index)
    found: list[LogEntry] = []
    while True:
        rows: list[Row] = yield All("read_logs", (batch_id, index, *at, attempt, _ROWS))
        bodies = yield from _bodies(batch_id, rows)
        for row in rows:
            round_, made, run, part, token, last, leader, body = row
            lines = read_lines(body if leader is None else bodies.get((leader, token, part), b"[]"))
            before = at.line if at[:3] == (round_, made, run) else 0
            found += [_entry(row, one) for one in lines if one.line > before and one.of in (None, own)]
            at = _Cursor(round_, made, run, last)
        if len(found) > limit:
            return _cut(found, limit)
        if len(rows) < _ROWS:
            return LogPage(found, None)


def _bodies(batch_id: bytes, rows: list[Row]) -> Script[dict[tuple[int, int, int], bytes]]:
    """Of lines that are kept with another item of their group."""
    wanted = {(batch_id, row[6], row[0], row[1], row[4], row[3]) for row in rows if row[6] is not None}
    if not wanted:
        return {}
    found: list[Row] = yield Each("read_shared_log", sorted(wanted))
    return {(idx, token, part): body for idx, token, part, body in found}


def _cut(found: list[LogEntry], limit: int) -> LogPage:
    """Lines of one number stay together: the entry about dropped ones has that of the last line."""
    while limit < len(found) and found[limit].cursor == found[limit - 1].cursor:
        limit += 1
    kept = found[:limit]
    return LogPage(kept, kept[-1].cursor if len(found) > limit else None)


def count_logs(batch_id: bytes, index: int) -> Script[list[LogCount]]:
    """Of each attempt that has said something."""
    rows: list[Row] = yield All("count_logs", (batch_id, index))
    return [LogCount(*row) for row in rows]


def _entry(row: Row, one: LogLine) -> LogEntry:
    return LogEntry(row[0], row[1], row[2], one.line, one.at, one.source, one.message, one.level, one.fields)


def _read_cursor(text: str) -> _Cursor:
    parts = text.split(".")
    numbers = [int(one) for one in parts if one.isascii() and one.isdigit() and len(one) <= len(str(_LARGEST))]
    if len(parts) != _FIELDS or len(numbers) != _FIELDS or max(numbers) > _LARGEST:
        raise OptionError(
            f"after={text[:100]!r} is no cursor", hint="it is `next` of the page before, or a line's cursor"
        )
    return _Cursor(*numbers)
