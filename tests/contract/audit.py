"""What must hold after every transaction, recounted from the tables themselves.

state bytes ─┬─▶ every open item: one segment XOR one lease XOR one suspension      every ended item: none of them
├─▶ the batch's counters
└─▶ the last outcome of every ended item
suspensions: wait for so many things; a child they wait for has not ended, or the news of it is on its way
outcomes: numbered from 0 without a gap, never changed, one per execution and round
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

from stook.core.payload import split_array
from stook.core.picks import as_range
from stook.core.states import TERMINAL, State
from stook.store.script.remember import MEMOS
from stook.store.script.segment_row import SegmentStatus, offsets_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.contract.raw_tables import RawTables

__all__ = ["Audit", "Seen"]

_BATCH = (
    "id, phase, ended, single, total, consumed, succeeded, failed, cancelled, expired, scheduled, suspended, settled,"
    " round, stop, probe, sealed_at, finished_at, retries, losses, keyed"
)
_OUTCOME = "batch_id, settle, first, lo, hi, picks, count, state, round, durations, results"
_QUERIES = (
    f"select {_BATCH} from batch",
    "select batch_id, first, count from chunk order by batch_id, first",
    "select batch_id, first, states from state order by batch_id, first",
    "select batch_id, first, pos, stop, picks, status, held, round, due_at, ready_at from segment",
    "select batch_id, first, lo, hi, picks, live, round from lease",
    f"select {_OUTCOME} from outcome order by batch_id, settle",
    "select batch_id, kind from event order by id",
    "select batch_id, idx, round, final, fingerprint from failure",
    "select batch_id, fingerprint, failed, attempts from failure_group",
    "select batch_id, idx from dedupe where free_at is null",
    "select batch_id, idx, first, round, waiting from suspension",
    "select batch_id, idx, key, child_batch, child_idx from wait",
    "select batch_id, idx, key from memo",
)
_ERRANDS = "select kind, batch_id, idx, key, body from errand"
_ENDED = bytes(sorted(TERMINAL))
_RUNS = bytes([State.queued, State.scheduled, State.cancelling])
_SLEEPS = bytes([State.suspended])
_WAITS = bytes([State.queued, State.scheduled])


class _Batch(NamedTuple):
    id: bytes
    phase: str
    ended: str | None
    single: int
    total: int
    consumed: int
    succeeded: int
    failed: int
    cancelled: int
    expired: int
    scheduled: int
    suspended: int
    settled: int
    round: int
    stop: str | None
    probe: str | None
    sealed_at: int | None
    finished_at: int | None
    retries: int
    losses: int
    keyed: int


class Seen(NamedTuple):
    batch: _Batch
    states: bytes
    """As stored."""
    events: list[str]


class Audit:
    """Call it after each transaction; it remembers outcomes, to see that they never change. `seen` holds the batches
    that it found, but for deleted ones."""

    def __init__(self, tables: RawTables) -> None:
        self._tables = tables
        self._outcomes: dict[bytes, list[Sequence[Any]]] = {}
        self.seen: dict[bytes, Seen] = {}

    async def __call__(self) -> None:
        batches, *tables, errands = await self._tables.fetch(*_QUERIES, _ERRANDS)
        rows: list[dict[bytes, list[Sequence[Any]]]] = []
        for table in tables:
            of_batch: dict[bytes, list[Sequence[Any]]] = {}
            for batch_id, *row in table:
                of_batch.setdefault(batch_id, []).append(row)
            rows.append(of_batch)
        self.seen = {}
        known = {row[0] for row in batches}
        for of_batch in rows:
            assert set(of_batch) <= known, "rows of a batch that is not there"
        for row in batches:
            one = _Batch(*row)
            if one.phase != "deleted":
                self._look_at(one, [of_batch.get(one.id, []) for of_batch in rows])
        waits, memos = rows[-2:]
        _waits(rows[-3], waits, errands)
        self._children(waits, errands)
        _memos(memos, waits, {row[0]: row[-1] for row in batches})

    def _children(self, waits: dict[bytes, list[Any]], errands: list[Any]) -> None:
        news = {(batch_id, index, key) for kind, batch_id, index, key, _ in errands if kind == "child_ended"}
        for batch_id, found in waits.items():
            for index, key, child, child_index in found:
                seen = self.seen.get(child)
                if seen is not None and seen.states[child_index] in _ENDED:
                    assert (batch_id, index, key) in news, f"item {index} waits under {key!r} for what has ended"

    def _look_at(self, one: _Batch, tables: list[list[Any]]) -> None:
        chunks, states, segments, leases, outcomes, events, failures, groups, dedupe, suspensions, *_ = tables
        assert [row[:2] for row in chunks] == [[first, len(found)] for first, found in states]
        content = b"".join(found for _, found in states)
        starts = [first for first, _ in states]
        assert starts == [sum(len(found) for _, found in states[:place]) for place in range(len(states))]
        assert len(content) == one.total <= one.consumed
        scheduled = _places(content, segments, leases, suspensions)
        _counters(one, content, scheduled)
        before = self._outcomes.get(one.id, [])
        assert outcomes[: len(before)] == before, "outcomes are insert-only"
        self._outcomes[one.id] = outcomes
        _outcomes(one, content, outcomes)
        _failures(one, content, failures, groups)
        kinds = [kind for (kind,) in events]
        _phase(one, segments, leases, kinds)
        self.seen[one.id] = Seen(one, content, kinds)
        assert all(content[index] not in TERMINAL for (index,) in dedupe), "an ended execution holds a dedupe key"


def _waits(suspensions: dict[bytes, list[Any]], waits: dict[bytes, list[Any]], errands: list[Any]) -> None:
    fails = {(batch_id, index) for kind, batch_id, index, *_ in errands if kind == "fail_parent"}
    places = {(batch_id, row[0]): row[-1] for batch_id, found in suspensions.items() for row in found}
    counted = Counter((batch_id, row[0]) for batch_id, found in waits.items() for row in found)
    assert set(counted) <= set(places), "waits of what is not suspended"
    for place, waiting in places.items():
        assert counted[place] == waiting, "a suspension counts its waits"
        assert waiting or place in fails, "suspended for nothing"


def _memos(memos: dict[bytes, list[Any]], waits: dict[bytes, list[Any]], keyed: dict[bytes, int]) -> None:
    for batch_id, found in memos.items():
        assert keyed[batch_id] & MEMOS, "memos that a claim would not look for"
        still = {(index, key) for index, key, *_ in waits.get(batch_id, ())}
        assert not still & {(index, key) for index, key in found}, "waited for again"


def _places(content: bytes, segments: list[Any], leases: list[Any], suspensions: list[Any]) -> int:
    """Every open item is in one place; returns how many wait for their time."""
    held = bytearray(len(content))
    scheduled = 0
    for first, pos, stop, picks, status, _, _, due_at, ready_at in segments:
        offsets = offsets_of(pos, stop, picks)
        assert len(offsets) == stop - pos > 0
        assert (due_at is None) == (status != SegmentStatus.scheduled) == (ready_at is not None)
        scheduled += len(offsets) if status == SegmentStatus.scheduled else 0
        _hold(held, first, offsets, content, _WAITS)
    for first, lo, hi, picks, live, _ in leases:
        offsets = as_range(lo, hi, picks)
        assert len(offsets) == live > 0
        _hold(held, first, offsets, content, _RUNS)
    for index, first, *_ in suspensions:
        _hold(held, first, [index - first], content, _SLEEPS)
    for index, byte in enumerate(content):
        if not held[index]:
            assert byte in _ENDED, f"item {index} is {State(byte).name}, and nowhere"
    return scheduled


def _hold(held: bytearray, first: int, offsets: Sequence[int], content: bytes, allowed: bytes) -> None:
    assert list(offsets) == sorted(set(offsets)), "offsets are in order, each once"
    for offset in offsets:
        index = first + offset
        assert not held[index], f"item {index} is in two places"
        assert content[index] in allowed, f"item {index} is {State(content[index]).name}, and held"
        held[index] = 1


def _counters(one: _Batch, content: bytes, scheduled: int) -> None:
    counted = {state.name: content.count(state) for state in (*TERMINAL, State.suspended)}
    counted["scheduled"] = scheduled
    assert {name: getattr(one, name) for name in counted} == counted
    assert min(counted.values()) >= 0
    assert one.succeeded + one.failed + one.cancelled + one.expired + one.scheduled + one.suspended <= one.total


def _outcomes(one: _Batch, content: bytes, outcomes: list[Any]) -> None:
    number = 0
    last: dict[int, tuple[int, int]] = {}
    for settle, first, lo, hi, picks, count, state, round_, durations, results in outcomes:
        offsets = as_range(lo, hi, picks)
        assert settle == number, "outcomes are numbered without a gap"
        assert len(offsets) == count > 0
        assert list(offsets) == sorted(set(offsets))
        assert (offsets[0], offsets[-1]) == (lo, hi - 1)
        assert durations is None or len(durations) == 4 * count
        assert (results is not None) == (state == State.succeeded)
        assert results is None or len(split_array(results)) == count
        number += count
        for offset in offsets:
            index = first + offset
            assert index not in last or (last[index][0] != State.succeeded and last[index][1] < round_), (
                f"item {index} ended twice in round {round_}"
            )
            last[index] = (state, round_)
    assert one.settled == number
    for index, byte in enumerate(content):
        if byte in TERMINAL:
            assert last[index][0] == byte, f"item {index}: its last outcome says otherwise"


def _failures(one: _Batch, content: bytes, failures: list[Any], groups: list[Any]) -> None:
    attempts = Counter(fingerprint for _, _, _, fingerprint in failures)
    final: dict[int, tuple[int, str]] = {}
    for index, round_, last, fingerprint in failures:
        assert round_ <= one.round
        if last:
            assert index not in final or final[index][0] != round_, f"item {index} failed for good twice in one round"
            final[index] = max(final.get(index, (0, "")), (round_, fingerprint))
    failed = Counter(final[index][1] for index, byte in enumerate(content) if byte == State.failed)
    assert {fingerprint: count for fingerprint, count, _ in groups if count} == failed
    assert {fingerprint: count for fingerprint, _, count in groups} == attempts


def _phase(one: _Batch, segments: list[Any], leases: list[Any], events: list[str]) -> None:
    ended = one.succeeded + one.failed + one.cancelled + one.expired
    done = one.sealed_at is not None and ended == one.total and one.probe is None
    assert (one.phase == "closed") == done, f"{ended} of {one.total} ended, and the batch is {one.phase}"
    assert (one.ended is not None) == (one.finished_at is not None) == done
    assert all(row[5] == (one.phase == "paused") for row in segments), "held if and only if paused"
    assert one.phase != "cancelling" or not segments, "nothing of a stopped batch waits"
    assert (one.phase == "open") <= (one.sealed_at is None)
    assert one.round >= max((row[-1] for row in leases), default=1)
    if one.single:
        assert not events
    else:
        finished = events.count("batch.finished")
        assert events.count("batch.reopened") >= finished - done
        assert (events[-1:] == ["batch.finished"]) == done
        alternating = [kind for place, kind in enumerate(events) if events[place - 1 : place] != [kind]]
        assert alternating.count("batch.finished") == finished, "one closing, one event"
