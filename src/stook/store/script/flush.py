"""What one transaction writes for one batch, gathered in memory while its row is locked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stook.core.picks import pack, pack_durations
from stook.core.states import State
from stook.store.script.batch_news import Ended, note_end, note_failure
from stook.store.script.segment_row import NewSegment, SegmentStatus

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stook.core.outcome import Trouble
    from stook.store.script.batch_row import BatchRow
    from stook.store.script.settle_slice import Held

__all__ = ["Flush"]


class Flush:
    """Rows in the order of the named statements' columns; the batch's counters move as the rows are added."""

    def __init__(self, batch: BatchRow, now: int) -> None:
        self.batch = batch
        self.now = now
        self.states: dict[int, bytearray] = {}
        self.outcomes: list[tuple[object, ...]] = []
        self.failures: list[tuple[object, ...]] = []
        self.groups: dict[str, list[int | str]] = {}
        self.segments: list[NewSegment] = []
        self.leases_done: list[tuple[int]] = []
        self.open_left: dict[int, Sequence[int]] = {}
        self.suspended: list[tuple[Held, Trouble]] = []
        self.memos: list[tuple[object, ...]] = []
        self.losses: list[tuple[object, ...]] = []
        self.forgotten: list[tuple[object, ...]] = []
        self.ended: list[int] = []
        self.failed = 0
        self.probed = 0
        self.probe_failed = 0
        self._claimed_at = now
        self._retrying: dict[tuple[object, ...], NewSegment] = {}

    @property
    def touched(self) -> bool:
        return bool(self.states or self.leases_done or self.open_left)

    def chunk_states(self, first: int, states: bytes) -> bytearray:
        """The states of a chunk as this flush leaves them; several leases of one flush may touch one chunk."""
        found = self.states.get(first)
        if found is None:
            found = self.states[first] = bytearray(states)
        return found

    def state_rows(self) -> list[tuple[object, ...]]:
        return [(self.batch.id, first, bytes(states)) for first, states in self.states.items()]

    def group_rows(self) -> list[tuple[object, ...]]:
        return [(self.batch.id, fingerprint, *group) for fingerprint, group in self.groups.items()]

    def leases_left(self) -> list[tuple[object, ...]]:
        done = {token for (token,) in self.leases_done}
        return [(token, pack(left), len(left)) for token, left in self.open_left.items() if token not in done]

    def claimed(self, at: int) -> None:
        """When that was claimed whose outcomes come next: its batch has started with the first that ended."""
        self._claimed_at = at

    def outcome(
        self,
        first: int,
        offsets: Sequence[int],
        state: State,
        *,
        round_: int,
        attempt: int,
        results: list[bytes] | None = None,
        durations: Sequence[int] = (),
        blobs: Sequence[int] = (),
    ) -> None:
        """Terminal outcomes of items of one chunk, numbered behind all earlier ones of the batch."""
        count = len(offsets)
        batch = self.batch
        run = isinstance(offsets, range) or offsets[-1] - offsets[0] + 1 == count
        self.outcomes.append(
            (
                batch.id,
                batch.settled,
                first,
                offsets[0],
                offsets[-1] + 1,
                None if run else pack(offsets),
                count,
                int(state),
                round_,
                attempt,
                self.now,
                pack_durations(durations) if durations else None,
                pack(blobs) if blobs else None,
                None if results is None else b"[" + b",".join(results) + b"]",
            )
        )
        if batch.hooks:
            note_end(batch, Ended(first, offsets, state, round_, attempt, self.now, results, blobs))
        batch.settled += count
        if attempt and (batch.started_at is None or self._claimed_at < batch.started_at):
            batch.started_at = self._claimed_at
        match state:
            case State.succeeded:
                batch.succeeded += count
                batch.streak = 0
            case State.failed:
                batch.failed += count
                batch.streak += count
                self.failed += count
            case State.cancelled:
                batch.cancelled += count
            case _:
                batch.expired += count
        if batch.keyed:
            self.ended.extend(first + offset for offset in offsets)

    def failure(self, index: int, trouble: Trouble, *, round_: int, attempt: int, nth: int, final: bool) -> None:
        if final and self.batch.hooks:
            note_failure(self.batch, index, (trouble.type, trouble.code, trouble.message))
        self.failures.append(
            (
                self.batch.id,
                index,
                round_,
                attempt,
                nth,
                int(final),
                trouble.fingerprint,
                trouble.code,
                trouble.type,
                trouble.message,
                trouble.traceback,
                trouble.duration,
                self.now,
            )
        )
        group = self.groups.get(trouble.fingerprint)
        if group is None:
            group = [trouble.code, trouble.type, trouble.message[:1000], 0, 0, index, self.now, self.now]
            self.groups[trouble.fingerprint] = group
        group[3] = int(group[3]) + final
        group[4] = int(group[4]) + 1

    def count_probe(self, round_: int, count: int, failed: int = 0) -> None:
        """Items of the round that a retry tries first."""
        if self.batch.probe is not None and round_ == self.batch.round:
            self.probed += count
            self.probe_failed += failed

    def again(self, first: int, offset: int, segment: NewSegment) -> None:
        """An item goes back to the queue with others of its chunk that go back alike."""
        alike = (
            first,
            segment.round,
            segment.attempt,
            segment.losses,
            segment.status,
            segment.closed,
            segment.due_at,
            segment.group,
            segment.lane,
            segment.cost,
        )
        found = None if segment.alone and segment.group is None else self._retrying.get(alike)
        if found is None:
            segment.offsets = [offset]
            self._retrying[alike] = segment
            self.segments.append(segment)
        else:
            assert isinstance(found.offsets, list)
            found.offsets.append(offset)
        if segment.status is SegmentStatus.scheduled:
            self.batch.scheduled += 1
