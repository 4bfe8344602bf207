"""A store and its model side by side: every rule does the same to both and compares the answers, then everything."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from stook.core.errors import Conflict
from stook.core.outcome import Settlement
from stook.core.policy import RetryPolicy
from stook.core.retry_scope import RetryScope
from stook.core.states import State
from stook.store.script.cancel_items import cancel_items
from stook.store.script.delete import delete, purge
from stook.store.script.pause import pause, resume
from stook.store.script.retry import retry
from stook.store.script.stop import cancel
from stook.store.script.submit import append, create_batch, seal
from stook.store.script.sweep import end_overdue, expire_leases, expire_waiting, lose_workers, promote_due
from tests.contract.batches import (
    chunked,
    new_batch,
    payloads,
    policy,
    send,
    take,
    trouble,
)
from tests.contract.moving_clock import SECOND
from tests.model.batch_model import DELAY, Batch, Model, Refused

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from tests.contract.checked_store import CheckedStore

__all__ = ["StoreMachine"]

_ENDS = (State.failed, State.cancelled, State.expired)
ENDS = st.sampled_from(_ENDS)
PICK = st.integers(0, 60)
WORKERS = st.sampled_from("ab")
VERDICTS = st.sampled_from(
    ["succeed", "succeed", "succeed", "fail", "fail", "fail for good", "release", "lose", "cancelled"]
)
_KINDS = {
    "fail": ("failed", True),
    "fail for good": ("failed", False),
    "release": ("released", True),
    "lose": ("lost", True),
    "cancelled": ("cancelled", True),
}
_COUNTERS = ("succeeded", "failed", "cancelled", "expired", "scheduled", "suspended", "total")
_LATER = st.none() | st.integers(-5, 60)
KEYS = st.lists(st.sampled_from([None, "a", "b", "c"]), max_size=6)


class StoreMachine(RuleBasedStateMachine):
    """`opened` gives an empty store; it is closed by `closed`."""

    def __init__(
        self, runner: asyncio.Runner, opened: Callable[[], CheckedStore], closed: Callable[[Any], None]
    ) -> None:
        super().__init__()
        self._run = runner.run
        self.store = opened()
        self._closed = closed
        self.model = Model()
        self.model.now = self.store.clock.now
        self.firsts: dict[int, int] = {}

    def teardown(self) -> None:
        self._closed(self.store)

    # ------------------------------------------------------------------------------------------- helpers

    def live(self) -> list[Batch]:
        return [batch for batch in self.model.batches.values() if batch.phase != "closed"]

    def ended(self, batch: Batch) -> bool:
        return any(item.state in _ENDS for item in batch.items)

    def write(self, verb: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        return self._run(self.store.write(verb, *arguments, **options))

    def both(self, modelled: Callable[[], Any], verb: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        """The store's answer; both refuse, or neither."""
        try:
            answer = self.write(verb, *arguments, **options)
        except Conflict:
            answer = Refused
        try:
            expected = modelled()
        except Refused:
            expected = Refused
        assert (answer is Refused) == (expected is Refused)
        self.compare()
        return answer, expected

    def at(self, seconds: int | None) -> int | None:
        return None if seconds is None else self.model.now + seconds * SECOND

    def compare(self) -> None:
        for batch in self.model.batches.values():
            row, stored, events = self.store.audit.seen[batch.id]
            counters = batch.counters()
            assert [getattr(row, name) for name in _COUNTERS] == [getattr(counters, name) for name in _COUNTERS]
            there = (row.phase, row.stop, row.ended, row.round, row.retries, row.losses, row.settled, row.probe is None)
            assert (row.consumed, *there) == (
                batch.consumed,
                batch.phase,
                batch.stop,
                batch.ended,
                batch.round,
                batch.retries,
                batch.losses,
                batch.settled,
                batch.probe is None,
            )
            assert [_seen(byte) for byte in stored] == [_kept(item.state, asked=item.asked) for item in batch.items]
            assert events.count("batch.finished") == batch.finished

    # -------------------------------------------------------------------------------------------- intake

    @initialize()
    def first(self) -> None:
        self.submit(
            count=6,
            per=4,
            priority=0,
            run=None,
            expires=None,
            deadline=None,
            patience=None,
            attempts=2,
            losses=2,
            limit=None,
            keys=[],
            sealed=True,
        )

    @precondition(lambda self: len(self.live()) < 4)
    @rule(
        count=st.integers(0, 12),
        per=st.integers(1, 6),
        priority=st.integers(-1, 1),
        run=_LATER,
        expires=_LATER,
        deadline=_LATER,
        patience=_LATER,
        attempts=st.integers(1, 3),
        losses=st.integers(1, 3),
        limit=st.none() | st.integers(1, 5),
        keys=KEYS,
        sealed=st.booleans(),
    )
    def submit(
        self, *, count, per, priority, run, expires, deadline, patience, attempts, losses, limit, keys, sealed
    ) -> None:
        retries = RetryPolicy(backoff="fixed", base=DELAY)
        new = new_batch(
            self.store,
            policy=policy(max_attempts=attempts, max_losses=losses, retry=retries),
            priority=priority,
            max_concurrency=limit,
            deadline_at=self.at(deadline),
            open_until=self.at(patience),
        )
        self.write(create_batch, new)
        batch = Batch(new.id, priority, attempts, losses, limit, new.deadline_at, new.open_until)
        self.model.batches[new.id] = batch
        self._append(batch, count, per, run, expires, keys)
        if sealed:
            self._seal(batch)

    def _append(self, batch: Batch, count, per, run, expires, keys=()) -> None:
        times = {"run_at": self.at(run), "expires_at": self.at(expires)}
        at, dedupe = batch.consumed, [*keys, *[None] * count][:count]  # the first ones may have a key
        chunks = chunked(payloads(count, at), per, dedupe=dedupe)
        options = {"at": at, **times}
        answer, expected = self.both(
            lambda: self.model.append(batch, dedupe, **times), append, batch.id, chunks, **options
        )
        assert expected is Refused or list(answer.existing) == expected
        if keys and expected is not Refused:  # as after a lost answer
            assert self.write(append, batch.id, chunks, **options).total == len(batch.items)
            self.compare()

    def _seal(self, batch: Batch) -> None:
        self.both(lambda: self.model.seal(batch), seal, batch.id)

    @precondition(lambda self: any(not batch.sealed for batch in self.live()))
    @rule(
        nth=PICK,
        count=st.integers(1, 8),
        per=st.integers(1, 6),
        run=_LATER,
        expires=_LATER,
        keys=KEYS,
        sealed=st.booleans(),
    )
    def append(self, nth, count, per, run, expires, keys, sealed) -> None:
        batch = _nth([batch for batch in self.live() if not batch.sealed], nth)
        self._append(batch, count, per, run, expires, keys)
        if sealed:
            self._seal(batch)

    # ---------------------------------------------------------------------------------------------- work

    @precondition(lambda self: self.model.ready(suspect=False) or self.model.ready(suspect=True))
    @rule(items=st.integers(1, 12), idle=st.booleans(), worker=WORKERS, lease=st.integers(5, 40))
    def claim(self, items, idle, worker, lease) -> None:
        self._claim(items, idle, worker, lease)

    @precondition(lambda self: self.model.ready(suspect=False) or self.model.ready(suspect=True))
    @rule(items=st.integers(1, 12), verdicts=st.lists(VERDICTS, min_size=1, max_size=4), idle=st.booleans())
    def work(self, items, verdicts, idle) -> None:
        for token in self._claim(items, idle, "c", 30):
            indexes = sorted(self.model.leases[token].items)
            self.settle_as(token, {index: verdicts[place % len(verdicts)] for place, index in enumerate(indexes)})

    @precondition(lambda self: self.model.ready(suspect=False) or self.model.ready(suspect=True))
    @rule(items=st.integers(1, 12), idle=st.booleans())
    def a_worker_takes_and_dies(self, items, idle) -> None:
        if tokens := self._claim(items, idle, "d", 30):
            answer, expected = self.both(lambda: self.model.lose(tokens), lose_workers, ["d"])
            assert answer == expected

    def _claim(self, items, idle, worker, lease) -> list[int]:
        claimed = self._run(take(self.store, items, idle=idle, worker=worker, lease=lease))
        suspects = self.model.ready(suspect=True)
        assert claimed.suspects == bool(suspects)
        if suspects and idle:
            (one,) = claimed.slices
            self.check_suspect(one)
        for one in claimed.slices:
            batch = self.model.batches[one.batch_id]
            assert len(one.offsets) <= self.model.room(batch)
            indexes = [one.first + offset for offset in one.offsets]
            given = [batch.items[index] for index in indexes]
            assert {(item.attempt, item.round, item.priority) for item in given} == {
                (one.attempt, one.round, one.priority)
            }
            self.model.claimed(one.token, batch, indexes, worker, self.at(lease), alone=one.exclusive)
            self.firsts[one.token] = one.first
        if not any(one.exclusive for one in claimed.slices):
            assert sum(len(one.offsets) for one in claimed.slices) <= items
            left = [item.priority for _, item in self.model.ready(suspect=False)]
            assert claimed.slices or not left
            assert not left or max(left) <= min(one.priority for one in claimed.slices)
        self.compare()
        return [one.token for one in claimed.slices]

    def check_suspect(self, one: Any) -> None:
        """All of its herd, as far as limits let it."""
        batch = self.model.batches[one.batch_id]
        indexes = [one.first + offset for offset in one.offsets]
        herd = batch.items[indexes[0]].herd
        all_of_it = [
            item.index for item in batch.items if item.suspect and item.state is State.queued and item.herd == herd
        ]
        assert indexes == all_of_it[: self.model.room(batch)]

    @precondition(lambda self: self.model.leases)
    @rule(nth=PICK, verdict=VERDICTS)
    def settle_whole(self, nth, verdict) -> None:
        token = _nth(list(self.model.leases), nth)
        self.settle_as(token, dict.fromkeys(sorted(self.model.leases[token].items), verdict))

    @precondition(lambda self: self.model.leases)
    @rule(nth=PICK, data=st.data())
    def settle_some(self, nth, data) -> None:
        """Of the slice, in any order; and some that are not its own."""
        token = _nth(list(self.model.leases), nth)
        lease = self.model.leases[token]
        mine = st.sampled_from(sorted(lease.items))
        strangers = st.integers(self.firsts[token], self.firsts[token] + 8)
        chosen = data.draw(st.lists(mine | mine | mine | strangers, min_size=1, unique=True))
        self.settle_as(token, {index: data.draw(VERDICTS) for index in chosen})

    def settle_late(self, token: int) -> None:
        batch_id = next(iter(self.model.batches), bytes(16))
        answer = self._run(send(self.store, Settlement(token, batch_id, [0], [b"1"], [1])))
        assert answer.lost == [token]
        self.compare()

    def settle_as(self, token: int, verdicts: dict[int, str]) -> None:
        first, batch = self.firsts[token], self.model.leases[token].batch
        good = {index: verdict for index, verdict in verdicts.items() if verdict == "succeed"}
        bad = {index: verdict for index, verdict in verdicts.items() if verdict != "succeed"}
        troubles = [
            trouble(index - first, _KINDS[verdict][0], retryable=_KINDS[verdict][1]) for index, verdict in bad.items()
        ]
        offsets = [index - first for index in good]
        settlement = Settlement(token, batch.id, offsets, [b"%d" % one for one in offsets], [1] * len(good), troubles)
        answer = self._run(send(self.store, settlement))
        live, stale = self.model.settle(token, good | bad)
        assert (answer.lost == [], answer.stale) == (live, stale)
        self.compare()
        if token not in self.model.leases:
            self.settle_late(token)

    @precondition(lambda self: self.model.leases)
    @rule(worker=WORKERS)
    def worker_dies(self, worker) -> None:
        tokens = [token for token, lease in self.model.leases.items() if lease.worker == worker]
        answer, expected = self.both(lambda: self.model.lose(tokens), lose_workers, [worker])
        assert answer == expected

    # ---------------------------------------------------------------------------------------------- time

    @rule(
        seconds=st.sampled_from([0, 1, 9, 10, 30]), sweep=st.sampled_from(["promote", "leases", "waiting", "overdue"])
    )
    def time_passes(self, seconds, sweep) -> None:
        self.store.clock.advance(seconds)
        now = self.model.now = self.store.clock.now
        match sweep:
            case "promote":
                self.both(self.model.promote, promote_due)
            case "leases":
                tokens = [token for token, lease in self.model.leases.items() if lease.expires_at <= now]
                answer, expected = self.both(lambda: self.model.lose(tokens), expire_leases)
                assert answer == expected
            case "waiting":
                answer, expected = self.both(self.model.expire_waiting, expire_waiting)
                assert answer == expected
            case _:
                answer, expected = self.both(self.model.end_overdue, end_overdue)
                assert answer == expected

    # -------------------------------------------------------------------------------------------- people

    @precondition(lambda self: self.model.batches)
    @rule(nth=PICK, what=st.sampled_from(["soft", "hard", "pause", "resume", "append", "seal"]))
    def operate(self, nth, what) -> None:
        """On any batch, whether it makes sense or not."""
        model, batch = self.model, _nth(list(self.model.batches.values()), nth)
        match what:
            case "soft" | "hard":
                hard = what == "hard"
                self.both(lambda: model.cancel(batch, hard=hard), cancel, batch.id, hard=hard, reason="")
            case "pause":
                self.both(lambda: model.pause(batch), pause, batch.id, reason="")
            case "resume":
                self.both(lambda: model.resume(batch), resume, batch.id, ramp=False)
            case "append":
                self._append(batch, 1, 1, None, None)
            case _:
                self._seal(batch)

    @precondition(lambda self: self.live())
    @rule(nth=PICK, indexes=st.lists(st.integers(0, 15), min_size=1, max_size=6))
    def cancel_items(self, nth, indexes) -> None:
        batch = _nth(self.live(), nth)
        answer, expected = self.both(lambda: self.model.cancel_items(batch, indexes), cancel_items, batch.id, indexes)
        assert (answer.ended, answer.asked) == expected

    @precondition(lambda self: any(self.ended(batch) for batch in self.model.batches.values()))
    @rule(
        nth=PICK,
        states=st.sets(ENDS, min_size=1) | st.just(set(_ENDS)),
        indexes=st.none() | st.sets(st.integers(0, 15), max_size=8),
        probe=st.none() | st.integers(1, 3),
    )
    def retry(self, nth, states, indexes, probe) -> None:
        batch = _nth([batch for batch in self.model.batches.values() if self.ended(batch)], nth)
        scope = RetryScope(
            tuple(sorted(state.name for state in states)), indexes=None if indexes is None else tuple(sorted(indexes))
        )
        answer, expected = self.both(
            lambda: self.model.retry(batch, states, indexes, probe), retry, batch.id, scope, probe=probe
        )
        assert answer == expected

    @precondition(lambda self: any(batch.phase == "closed" for batch in self.model.batches.values()))
    @rule(limit=st.integers(1, 5))
    def delete(self, limit) -> None:
        batch = next(batch for batch in self.model.batches.values() if batch.phase == "closed")
        self.both(lambda: self.model.delete(batch), delete, batch.id)
        self.write(purge, limit)
        self.compare()


def _nth(them: list[Any], number: int) -> Any:
    return them[number % len(them)]


def _seen(byte: int) -> State:
    """What waits for its time or runs is told by where it is: the audit has looked at that."""
    return State.queued if byte == State.scheduled else State(byte)


def _kept(state: State, *, asked: bool) -> State:
    if state is State.running:
        return State.cancelling if asked else State.queued
    return State.queued if state is State.scheduled else state
