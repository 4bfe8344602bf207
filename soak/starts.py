"""What the workers wrote down, beside what the store remembers: who started what, when, and by which claim.

claimed_at ──▶ start ──▶ outcome          a claim after the outcome of its round: the store gave out what had ended
                                          a start after its success: a settled execution ran again
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from soak.journal import START
from soak.plan import MAX_ATTEMPTS
from stook.core.ids import execution_id
from stook.core.states import State

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from soak.journal import BatchJournal
    from soak.report import Ledger
    from stook.store.script.read.follow import OutcomeBlock

__all__ = ["StartsChecker"]

LATE: Final = 1_000_000
"""Microseconds within which a worker whose lease has run out must notice: it may only learn it by its own clock."""
HALVINGS: Final = 6
"""A group of 20 that raises is halved where it is until its members stand alone: so many calls for one claim."""
_LIMIT: Final = "attempts stay within max_attempts"
_AGAIN: Final = "nothing is claimed after it ended in its round"
_ONCE: Final = "one start per claim"
_SETTLED: Final = "nothing starts after its success"
_TAKEN: Final = "a success that the store acknowledged is there"

_Key = tuple[int, int, int]
"""Index, attempt, worker."""


class StartsChecker:
    """Of one batch."""

    def __init__(self, ledger: Ledger, batch_id: bytes, serials: Sequence[str], *, grouped: bool) -> None:
        self._ledger = ledger
        self._batch_id = batch_id
        self._serials = serials
        self._per_claim = HALVINGS if grouped else 1
        self._ended: dict[tuple[int, int], tuple[int, State]] = {}
        self._succeeded: dict[int, int] = {}
        self._claims: Counter[_Key] = Counter()

    def check(self, journal: BatchJournal, blocks: Iterable[OutcomeBlock]) -> None:
        for block in blocks:
            for offset in block.offsets:
                index = block.first + offset
                self._ended[index, block.round] = block.finished_at, block.state
                if block.state is State.succeeded:
                    self._succeeded[index] = block.finished_at
        self._taken(journal)
        self._started(journal)
        self._kept(journal)

    def _taken(self, journal: BatchJournal) -> None:
        for taken in journal.taken:
            self._ledger.looked(_AGAIN, len(taken.offsets))
            self._ledger.expect(
                _LIMIT, taken.attempt <= MAX_ATTEMPTS, f"attempt {taken.attempt} of {self._id(taken.first)}"
            )
            for offset in taken.offsets:
                index = taken.first + offset
                self._claims[index, taken.attempt, taken.serial] += 1
                end = self._ended.get((index, taken.round))
                if end is not None and end[0] < taken.claimed_at:
                    late = taken.claimed_at - end[0]
                    who = self._serials[taken.serial]
                    self._ledger.wrong(
                        _AGAIN, f"{self._id(index)} {end[1].name} in round {taken.round}, {late} µs later {who} got it"
                    )

    def _started(self, journal: BatchJournal) -> None:
        starts: Counter[_Key] = Counter()
        log = journal.starts
        self._ledger.looked(_SETTLED, len(log) // START)
        self._ledger.looked(_ONCE, len(log) // START)
        for place in range(0, len(log), START):
            index, attempt, at, serial = log[place : place + START]
            starts[index, attempt, serial] += 1
            end = self._succeeded.get(index)
            if end is not None and at > end + LATE:
                who = self._serials[serial]
                self._ledger.wrong(_SETTLED, f"{self._id(index)} succeeded, {at - end} µs later {who} started it")
        for key, count in starts.items():
            if count > self._claims[key] * self._per_claim:
                index, attempt, serial = key
                times = f"{count} starts of {self._claims[key]} claims by {self._serials[serial]}"
                self._ledger.wrong(_ONCE, f"{self._id(index)}, attempt {attempt}: {times}")

    def _kept(self, journal: BatchJournal) -> None:
        for taken, offsets in journal.succeeded:
            self._ledger.looked(_TAKEN, len(offsets))
            for offset in offsets:
                end = self._ended.get((taken.first + offset, taken.round))
                if end is None or end[1] is State.failed:
                    self._ledger.wrong(_TAKEN, f"{self._id(taken.first + offset)}, round {taken.round}: {end}")

    def _id(self, index: int) -> str:
        return execution_id(self._batch_id, index)
