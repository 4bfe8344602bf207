"""What executions remember: memos, written under a live lease, or with whatever moves the execution on.

Lock order: batches that have no memos yet, then leases.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from stook.core.memo import Memo, MemoError, given_key, stored_key
from stook.core.picks import as_range
from stook.store.statement import Each, Many, Now

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from stook.core.work import Remember
    from stook.store.statement import Row, Script

__all__ = [
    "CHILDREN",
    "MEMOS",
    "Kept",
    "decode_error",
    "memo_row",
    "memo_rows",
    "read_memos",
    "remember",
    "write_memos",
]

MEMOS: Final = 16
"""Bit of `batch.keyed`: there are rows in memo."""
CHILDREN: Final = 32
"""Bit of `batch.keyed`: others may wait for the end of its executions."""
_encode = msgspec.json.Encoder().encode
decode_error = msgspec.json.Decoder(MemoError).decode


def remember(writes: Sequence[Remember]) -> Script[list[int]]:
    """Returns the tokens that are no longer live: what was to be written under these is left out, also what belongs to
    an item that its lease holds no more. A repeated key changes nothing."""
    named = sorted({(one.batch_id,) for one in writes if one.memos})
    if named:
        yield Each("mark_memos", named)
    leases: list[Row] = yield Each("hold_working_lease", sorted({(one.token,) for one in writes}))
    now: int = yield Now()
    held = {row[0]: row for row in leases}
    lost: list[int] = []
    rows: list[tuple[object, ...]] = []
    until: dict[int, int] = {}
    for one in writes:
        lease = held.get(one.token)
        if lease is None or lease[1] != one.batch_id:
            lost.append(one.token)
            continue
        if one.lease is not None:
            end = now + round(one.lease * 1_000_000)
            until[one.token] = max(end, until.get(one.token, end))
        first, *places = lease[2:]
        if one.offset in as_range(*places):
            rows += memo_rows(one.batch_id, first + one.offset, one.memos, now)
    yield from write_memos(rows)
    if until:
        yield Many("extend_lease", sorted(until.items()))
    return lost


def memo_rows(batch_id: bytes, index: int, memos: Iterable[Memo], now: int) -> list[tuple[object, ...]]:
    """Of what a worker sends: its keys are the handler's."""
    keyed = ((memo, stored_key(memo.key)) for memo in memos)
    return [
        memo_row(batch_id, index, memo if key == memo.key else msgspec.structs.replace(memo, key=key), now, seq)
        for seq, (memo, key) in enumerate(keyed)
    ]


def memo_row(
    batch_id: bytes,
    index: int,
    memo: Memo,
    now: int,
    seq: int = 0,
    *,
    child: tuple[bytes, int] | None = None,
    blob_of: bytes | None = None,
) -> tuple[object, ...]:
    """Columns of `write_memo.sql`. The key is a stored one."""
    error = None if memo.error is None else _encode(memo.error).decode()
    place = (batch_id, index, memo.key, memo.kind)
    return (*place, memo.value, blob_of, error, memo.code, *(child or (None, None)), seq, now)


def write_memos(rows: Iterable[tuple[Any, ...]]) -> Script[None]:
    """Of equal keys the first is kept, of equal keys of a state the last."""
    kept: dict[tuple[object, ...], tuple[Any, ...]] = {}
    for row in rows:
        if row[:3] not in kept or row[3] == "state":
            kept[row[:3]] = row
    if kept:
        yield Many("write_memo", list(kept.values()))


class Kept(msgspec.Struct, gc=False):
    """`blob_of`: the value is a reference into the blob store, among the bodies of this batch."""

    memo: Memo
    blob_of: bytes | None


def read_memos(spans: Sequence[tuple[bytes, int, int]]) -> Script[Mapping[tuple[bytes, int], list[Kept]]]:
    """Of the items from one index to before another; those that remember nothing are left out. Oldest first."""
    rows: list[Row] = yield Each("read_memos", spans)
    found: dict[tuple[bytes, int], list[Kept]] = {}
    for batch_id, index, key, kind, value, blob_of, error, code, *_ in sorted(rows, key=lambda row: (row[9], row[8])):
        memo = Memo(given_key(key), kind, value, None if error is None else decode_error(error), code)
        found.setdefault((batch_id, index), []).append(Kept(memo, blob_of))
    return found
