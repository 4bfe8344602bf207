"""What attempts say: parts of their logs, written with their outcomes, or while they run under a live lease.

(batch, index, round, attempt, run, part)      run: 0, or one more each time the attempt began again under another
lease (handed back, or lost with its worker)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from stook.store.statement import Each, Many

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from stook.core.log import AttemptLogs, LogPart
    from stook.store.statement import Row, Script

__all__ = ["keep_logs", "log_rows", "write_logs"]

_BITE: Final = 8 * 2**20
"""Bytes of one statement, about."""


def keep_logs(logs: Sequence[AttemptLogs]) -> Script[list[int]]:
    """Of items that go on; returns the tokens that are no longer live, whose parts were left out. Locks: the leases, so
    that none of them ends meanwhile; their renewal is not held up."""
    leases: list[Row] = yield Each("hold_lease", sorted({(one.token,) for one in logs}))
    held = {row[0]: row for row in leases}
    rows: list[tuple[object, ...]] = []
    lost = []
    for one in logs:
        lease = held.get(one.token)
        if lease is None or lease[1] != one.batch_id:
            lost.append(one.token)
        else:
            _, batch_id, first, lo, hi, round_, attempt = lease
            rows += log_rows(one.token, batch_id, first, range(lo, hi), round_, attempt, one.parts)
    yield from write_logs(rows)
    return lost


def log_rows(
    token: int, batch_id: bytes, first: int, offsets: range, round_: int, attempt: int, parts: Iterable[LogPart]
) -> list[tuple[object, ...]]:
    """Columns of `write_log`. Items that are not of the lease have no log under it."""
    return [
        (
            batch_id,
            first + one.offset,
            round_,
            attempt,
            token,
            one.part,
            one.last,
            one.lines,
            one.dropped,
            None if one.leader is None else first + one.leader,
            one.body,
        )
        for one in parts
        if one.offset in offsets and (one.leader is None or one.leader in offsets)
    ]


def write_logs(rows: Iterable[tuple[object, ...]]) -> Script[None]:
    """A part that is there stays, unless this one has later lines."""
    latest: dict[tuple[object, ...], tuple[object, ...]] = {}
    for row in rows:
        key = (row[0], row[1], row[2], row[3], row[4], row[5])
        if key not in latest or latest[key][6] < row[6]:  # type: ignore[operator]
            latest[key] = row
    bite: list[tuple[object, ...]] = []
    size = 0
    for row in latest.values():
        bite.append(row)
        size += len(row[10])  # type: ignore[arg-type]
        if size >= _BITE:
            yield Many("write_log", bite)
            bite, size = [], 0
    if bite:
        yield Many("write_log", bite)
