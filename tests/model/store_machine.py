"""A store and its model side by side: every rule does the same to both and compares the answers, then everything."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, precondition, rule

from stook.core.errors import Conflict
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
from tests.contract.batches import batch_of, chunked, events_of, new_batch, payloads, policy, send, states_of, take, trouble
from tests.contract.moving_clock import SECOND
from tests.model.batch_model import DELAY, Batch, Model, Refused
from stook.core.outcome import Settlement

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from tests.contract.checked_store import CheckedStore

__all__ = ["StoreMachine"]

ENDS = st.sampled_from([State.failed, State.cancelled, State.expired])
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
_LATER = st.none() | st.integers(-5, 60)


class StoreMachine(RuleBasedStateMachine):
    """`opened` gives an empty store; it is closed by `closed`."""

    batches = Bundle("batches")
    tokens = Bundle("tokens")

    def __init__(self, runner: asyncio.Runner, opened: Callable[[], CheckedStore], closed: Callable[[Any], None]) -> None:
        super().__init__()
        self._run = runner.run
        self.store = opened()
        self._closed = closed
        self.model = Model()
        self.model.now = self.store.clock.now

    def teardown(self) -> None:
        self._closed(self.store)

    # ------------------------------------------------------------------------------------------- helpers

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
            row = self._run(batch_of(self.store, batch.id))
            counters = batch.counters()
            assert row.counters(counters.running) == counters
            there = (row.phase, row.stop, row.ended, row.round, row.retries, row.losses, row.settled, row.probe is None)
            assert there == (
                batch.phase,
                batch.stop,
                batch.ended,
                batch.round,
                batch.retries,
                batch.losses,
                batch.settled,
                batch.probe is None,
            )
            stored = self._run(states_of(self.store, batch.id))
            assert [_seen(byte) for byte in stored] == [_kept(item.state, asked=item.asked) for item in batch.items]
            events = [kind for kind, _ in self._run(events_of(self.store, batch.id))]
            assert events.count("batch.finished") == batch.finished

    # -------------------------------------------------------------------------------------------- intake

    @initialize(target=batches)
    def first(self) -> bytes:
        return self.submit(6, 4, 0, None, None, None, None, 2, 2, None, sealed=True)

    @rule(
        target=batches,
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
        sealed=st.booleans(),
    )
    def submit(
        self, count, per, priority, run, expires, deadline, patience, attempts, losses, limit, *, sealed
    ) -> bytes:
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
        self.append(new.id, count, per, run, expires)
        if sealed:
            self.seal(new.id)
        return new.id

    def batch(self, batch_id: bytes) -> Batch | None:
        return self.model.batches.get(batch_id)

    @rule(batch_id=batches, count=st.integers(1, 8), per=st.integers(1, 6), run=_LATER, expires=_LATER)
    def append(self, batch_id, count, per, run, expires) -> None:
        if batch := self.batch(batch_id):
            times = {"run_at": self.at(run), "expires_at": self.at(expires)}
            chunks = chunked(payloads(count, len(batch.items)), per)
            self.both(lambda: self.model.append(batch, count, **times), append, batch_id, chunks, **times)

    @rule(batch_id=batches)
    def seal(self, batch_id) -> None:
        if batch := self.batch(batch_id):
            self.both(lambda: self.model.seal(batch), seal, batch_id)

    # ---------------------------------------------------------------------------------------------- work

    @rule(target=tokens, items=st.integers(1, 12), idle=st.booleans(), worker=st.sampled_from("ab"), lease=st.integers(5, 40))
    def claim(self, items, idle, worker, lease) -> list[int]:
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
        all_of_it = [item.index for item in batch.items if item.suspect and item.state is State.queued and item.herd == herd]
        assert indexes == all_of_it[: self.model.room(batch)]

    @rule(tokens=tokens, data=st.data())
    def settle(self, tokens, data) -> None:
        for token in tokens:
            lease = self.model.leases.get(token)
            if lease is None:
                answer = self._run(send(self.store, Settlement(token, self.known(), [0], [b"1"], [1])))
                assert answer.lost == [token]
                continue
            indexes = st.sampled_from(range(len(lease.batch.items)))
            mine = st.sampled_from(sorted(lease.items))
            chosen = data.draw(st.lists(mine | indexes if data.draw(st.booleans()) else mine, unique=True))
            verdicts = {index: data.draw(VERDICTS) for index in chosen}
            self.settle_as(token, lease.batch, verdicts)

    @rule(tokens=tokens, verdict=VERDICTS)
    def settle_whole(self, tokens, verdict) -> None:
        for token in tokens:
            if lease := self.model.leases.get(token):
                self.settle_as(token, lease.batch, dict.fromkeys(sorted(lease.items), verdict))

    def known(self) -> bytes:
        return next(iter(self.model.batches), bytes(16))

    def settle_as(self, token: int, batch: Batch, verdicts: dict[int, str]) -> None:
        (rows,) = self._run(self.store.tables.fetch(f"select first from lease where token = {token}"))
        first = rows[0][0]
        good = [index - first for index, verdict in verdicts.items() if verdict == "succeed" and index >= first]
        bad = [
            trouble(index - first, _KINDS[verdict][0], retryable=_KINDS[verdict][1])
            for index, verdict in verdicts.items()
            if verdict != "succeed" and index >= first
        ]
        settlement = Settlement(token, batch.id, good, [b"%d" % one for one in good], [1] * len(good), bad)
        answer = self._run(send(self.store, settlement))
        in_order = {index: v for index, v in verdicts.items() if v == "succeed" and index >= first}
        in_order |= {index: v for index, v in verdicts.items() if v != "succeed" and index >= first}
        live, stale = self.model.settle(token, in_order)
        assert (answer.lost == [], answer.stale) == (live, stale)
        self.compare()

    @rule(worker=st.sampled_from("ab"))
    def worker_dies(self, worker) -> None:
        tokens = [token for token, lease in self.model.leases.items() if lease.worker == worker]
        answer, expected = self.both(lambda: self.model.lose(tokens), lose_workers, [worker])
        assert answer == expected

    # ---------------------------------------------------------------------------------------------- time

    @rule(seconds=st.sampled_from([1, 4, 9, 10, 30]))
    def time_passes(self, seconds) -> None:
        self.store.clock.advance(seconds)
        self.model.now = self.store.clock.now

    @rule()
    def promote(self) -> None:
        self.both(self.model.promote, promote_due)

    @rule()
    def expire_leases(self) -> None:
        tokens = [token for token, lease in self.model.leases.items() if lease.expires_at <= self.model.now]
        answer, expected = self.both(lambda: self.model.lose(tokens), expire_leases)
        assert answer == expected

    @rule()
    def expire_waiting(self) -> None:
        answer, expected = self.both(self.model.expire_waiting, expire_waiting)
        assert answer == expected

    @rule()
    def end_overdue(self) -> None:
        answer, expected = self.both(self.model.end_overdue, end_overdue)
        assert answer == expected

    # -------------------------------------------------------------------------------------------- people

    @rule(batch_id=batches, hard=st.booleans())
    def cancel(self, batch_id, hard) -> None:
        if batch := self.batch(batch_id):
            self.both(lambda: self.model.cancel(batch, hard=hard), cancel, batch_id, hard=hard, reason="")

    @rule(batch_id=batches, indexes=st.lists(st.integers(0, 15), max_size=6))
    def cancel_items(self, batch_id, indexes) -> None:
        if batch := self.batch(batch_id):
            answer, expected = self.both(lambda: self.model.cancel_items(batch, indexes), cancel_items, batch_id, indexes)
            assert (answer.ended, answer.asked) == expected

    @rule(batch_id=batches)
    def pause(self, batch_id) -> None:
        if batch := self.batch(batch_id):
            self.both(lambda: self.model.pause(batch), pause, batch_id, reason="")

    @rule(batch_id=batches)
    def resume(self, batch_id) -> None:
        if batch := self.batch(batch_id):
            self.both(lambda: self.model.resume(batch), resume, batch_id, ramp=False)

    @rule(
        batch_id=batches,
        states=st.sets(ENDS, min_size=1),
        indexes=st.none() | st.sets(st.integers(0, 15), max_size=8),
        probe=st.none() | st.integers(1, 3),
    )
    def retry(self, batch_id, states, indexes, probe) -> None:
        if batch := self.batch(batch_id):
            names = tuple(sorted(state.name for state in states))
            scope = RetryScope(names, indexes=None if indexes is None else tuple(sorted(indexes)))
            answer, expected = self.both(
                lambda: self.model.retry(batch, states, indexes, probe), retry, batch_id, scope, probe=probe
            )
            assert answer == expected

    @precondition(lambda self: any(batch.phase == "closed" for batch in self.model.batches.values()))
    @rule()
    def delete(self) -> None:
        batch = next(batch for batch in self.model.batches.values() if batch.phase == "closed")
        self.both(lambda: self.model.delete(batch), delete, batch.id)

    @rule(limit=st.integers(1, 5))
    def purge(self, limit) -> None:
        self.write(purge, limit)
        self.compare()


def _seen(byte: int) -> State:
    """What waits for its time or runs is told by where it is: the audit has looked at that."""
    return State.queued if byte == State.scheduled else State(byte)


def _kept(state: State, *, asked: bool) -> State:
    if state is State.running:
        return State.cancelling if asked else State.queued
    return State.queued if state is State.scheduled else state
