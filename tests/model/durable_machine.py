"""Executions that wait for each other, and a few dicts that say what must become of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from stook.core.outcome import Settlement
from stook.core.retry_scope import RetryScope
from stook.core.states import State
from stook.store.script.cancel_items import cancel_items
from stook.store.script.errands import run_errands
from stook.store.script.retry import retry
from stook.store.script.sweep import lose_workers
from stook.store.script.wake import wake_due
from tests.contract.batches import fail, policy, result, send, submit_items, take
from tests.contract.durable import call, sleep, suspended
from tests.contract.moving_clock import SECOND

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from stook.core.wait import Wait
    from tests.contract.checked_store import CheckedStore

__all__ = ["DurableMachine"]

PICK = st.integers(0, 60)
BELOW = {"t": "child", "child": "leaf"}
TASKS = ("t", "child", "leaf")
POLICY = policy(max_attempts=3, max_losses=99)
_OVER = (State.succeeded, State.failed, State.cancelled)
WAITS = st.lists(
    st.tuples(
        st.sampled_from(["sleep", "child", "child", "child", "nobody"]),
        st.sampled_from([None, 3, 10]),
        st.sampled_from(["raise", "fail_parent"]),
        st.sampled_from(["unstarted", "always", "never"]),
        st.booleans(),
    ),
    min_size=1,
    max_size=4,
)


@dataclass(eq=False)
class Waiting:
    kind: str
    due_at: int | None
    fails: bool
    on_timeout: str
    child: Execution | None = None


@dataclass(eq=False)
class Execution:
    task: str
    place: tuple[bytes, int]
    state: State = State.queued
    token: int | None = None
    asked: bool = False
    lost: bool = False
    round: int = 1
    waits: dict[str, Waiting] = field(default_factory=dict)
    memos: dict[str, str | None] = field(default_factory=dict)
    """By key: the kind of the error, or None."""
    awaited_by: tuple[Execution, str] | None = None

    @property
    def fresh(self) -> bool:
        return self.state is State.queued and not self.memos and not self.lost and self.round == 1


class DurableMachine(RuleBasedStateMachine):
    """`opened` gives an empty store; it is closed by `closed`."""

    def __init__(
        self, runner: asyncio.Runner, opened: Callable[[], CheckedStore], closed: Callable[[Any], None]
    ) -> None:
        super().__init__()
        self._run = runner.run
        self.store = opened()
        self._closed = closed
        self.all: dict[tuple[bytes, int], Execution] = {}
        self.slices: dict[int, Any] = {}
        self.errands: list[tuple[str, Execution, Any]] = []
        self.number = 0
        self.submit(2)

    def teardown(self) -> None:
        self._closed(self.store)

    def compare(self) -> None:
        for (batch_id, index), one in self.all.items():
            stored = State(self.store.audit.seen[batch_id].states[index])
            running = State.cancelling if one.asked else State.queued
            assert stored is (running if one.state is State.running else one.state)

    def of(self, *states: State, task: str | None = None) -> list[Execution]:
        return [one for one in self.all.values() if one.state in states and task in (None, one.task)]

    # ------------------------------------------------------------------------------------- what the model does

    def end(self, one: Execution, state: State) -> None:
        one.state, one.token, one.waits, one.asked = state, None, {}, False
        if one.awaited_by is None:
            return
        parent, key = one.awaited_by
        if key in parent.waits and parent.waits[key].child is one:
            self.errands.append(("child_ended", parent, key, one, state))

    def drop(self, one: Execution, *, begun: bool) -> None:
        for wait in one.waits.values():
            if wait.child is not None:
                self.errands.append(("cancel_child", wait.child, begun))

    def deliver(self, came: list[tuple[Execution, str, str | None]]) -> None:
        fails = []
        for one, key, error in came:
            wait = one.waits.pop(key)
            one.memos[key] = error
            if error == "timeout" and wait.child is not None and wait.on_timeout != "never":
                self.errands.append(("cancel_child", wait.child, wait.on_timeout == "always"))
            if wait.fails and error not in (None, "timeout"):
                fails.append(one)
        for one in {id(one): one for one, _, _ in came}.values():
            if one in fails:
                self.drop(one, begun=False)
                self.end(one, State.failed)
            elif not one.waits:
                one.state = State.queued

    def do_errands(self) -> None:
        while self.errands:
            kind = self.errands[0][0]
            chosen = [one for one in self.errands if one[0] == kind]
            self.errands = [one for one in self.errands if one[0] != kind]
            match kind:
                case "child_ended":
                    came = []
                    for _, parent, key, child, state in chosen:
                        if key in parent.waits and parent.waits[key].child is child:
                            error = None if state is State.succeeded else state.name
                            came.append((parent, key, error))
                    self.deliver(came)
                case "cancel_child":
                    for _, child, begun in chosen:
                        if child.state not in _OVER and (begun or child.fresh):
                            self.cancel(child, children=True)
                case _:
                    for _, parent, _ in chosen:
                        if parent.state is State.suspended:
                            self.drop(parent, begun=False)
                            self.end(parent, State.failed)

    def cancel(self, one: Execution, *, children: bool) -> None:
        if one.state is State.running:
            one.asked = True
        elif one.state not in _OVER:
            if children:
                self.drop(one, begun=True)
            self.end(one, State.cancelled)

    # ------------------------------------------------------------------------------------------------- the rules

    @precondition(lambda self: len(self.all) < 40)
    @rule(count=st.integers(1, 3))
    def submit(self, count: int) -> None:
        batch_id = self._run(submit_items(self.store, count, policy=POLICY))
        self.all |= {(batch_id, index): Execution("t", (batch_id, index)) for index in range(count)}

    @rule(items=st.integers(1, 5), idle=st.booleans())
    def claim(self, items: int, idle: bool) -> None:
        for one in self._run(take(self.store, items, tasks=TASKS, idle=idle)).slices:
            self.slices[one.token] = one
            for offset in one.offsets:
                found = self.all[one.batch_id, one.first + offset]
                assert found.state is State.queued
                assert (one.attempt, one.round) == (1, found.round)
                memos = one.memos.get(offset, [])
                assert {memo.key: memo.error and memo.error.kind for memo in memos} == found.memos
                found.state, found.token = State.running, one.token

    @precondition(lambda self: self.of(State.running))
    @rule(nth=PICK, verdict=st.sampled_from(["succeed", "succeed", "fail", "release"]))
    def settle(self, nth: int, verdict: str) -> None:
        one, work, offset = self._running(nth)
        if verdict == "succeed":
            self._send(Settlement(work.token, work.batch_id, [offset], [result(0)], [1]))
            self.end(one, State.cancelled if one.asked else State.succeeded)
        elif verdict == "fail":
            self._send(fail(work, offset, retryable=False))
            self.end(one, State.cancelled if one.asked else State.failed)
        else:
            self._send(fail(work, offset, kind="released"))
            if one.asked:
                self.end(one, State.cancelled)
            else:
                one.state, one.token = State.queued, None
        self.compare()

    @precondition(lambda self: self.of(State.running))
    @rule(nth=PICK, waits=WAITS)
    def suspend(self, nth: int, waits: list[Any]) -> None:
        one, work, offset = self._running(nth)
        told, planned = [], {}
        for drawn, seconds, on_failure, on_timeout, grouped in waits:
            self.number += 1
            key, below = f"k{self.number}", BELOW.get(one.task)
            kind = "sleep" if below is None else drawn
            options = {"on_failure": on_failure, "cancel_on_timeout": on_timeout, "group": "g" if grouped else None}
            wait: Wait
            if kind == "sleep" or below is None:
                wait = sleep(key, seconds or 0)
            elif kind == "nobody":
                wait = call(key, below, policy=None, seconds=seconds, **options)
            else:
                wait = call(key, below, policy=POLICY, seconds=seconds, **options)
            told.append(wait)
            length = wait.seconds
            due = None if length is None else self.store.clock.now + round(length * SECOND)
            planned[key] = Waiting(kind, due, kind != "sleep" and on_failure == "fail_parent", on_timeout)
        self._send(suspended(work, *told, offsets=[offset]))
        if one.asked:
            self.end(one, State.cancelled)
        else:
            self._begin_to_wait(one, planned)
        self.compare()

    def _begin_to_wait(self, one: Execution, planned: dict[str, Waiting]) -> None:
        (rows,) = self._run(self.store.tables.fetch("select batch_id, idx, key, child_batch, child_idx from wait"))
        children = {row[2]: (bytes(row[3]), row[4]) for row in rows if row[3] is not None}
        failing = False
        for key, wait in planned.items():
            if wait.kind == "nobody":
                one.memos[key] = "failed"
                if wait.fails:
                    failing = True
                    self.errands.append(("fail_parent", one, None))
                continue
            if wait.kind == "child":
                place = children[key]
                wait.child = self.all[place] = Execution(BELOW[one.task], place, awaited_by=(one, key))
            one.waits[key] = wait
        one.token = None
        one.state = State.suspended if one.waits or failing else State.queued

    @rule()
    def errands_are_done(self) -> None:
        while self._run(self.store.write(run_errands)):
            pass
        self.do_errands()
        self.compare()

    @rule(seconds=st.sampled_from([0, 1, 3, 10]))
    def time_passes(self, seconds: int) -> None:
        self.store.clock.advance(seconds)
        self._run(self.store.write(wake_due))
        now = self.store.clock.now
        self.deliver(
            [
                (one, key, None if wait.kind == "sleep" else "timeout")
                for one in self.of(State.suspended)
                for key, wait in one.waits.items()
                if wait.due_at is not None and wait.due_at <= now
            ]
        )
        self.compare()

    @rule(nth=PICK, children=st.booleans())
    def cancel_one(self, nth: int, children: bool) -> None:
        one = list(self.all.values())[nth % len(self.all)]
        self._run(self.store.write(cancel_items, one.place[0], [one.place[1]], children=children))
        self.cancel(one, children=children)
        self.compare()

    @precondition(lambda self: self.of(State.failed, State.cancelled, task="t"))
    @rule(nth=PICK)
    def retry_by_hand(self, nth: int) -> None:
        them = self.of(State.failed, State.cancelled, task="t")
        one = them[nth % len(them)]
        scope = RetryScope(("failed", "cancelled"), indexes=(one.place[1],))
        assert self._run(self.store.write(retry, one.place[0], scope)) == 1
        one.state, one.lost = State.queued, False
        one.memos = {key: error for key, error in one.memos.items() if error is None}
        (rows,) = self._run(self.store.tables.fetch("select id, round from batch"))
        one.round = next(round_ for batch_id, round_ in rows if batch_id == one.place[0])
        self.compare()

    @rule()
    def the_worker_dies(self) -> None:
        self._run(self.store.write(lose_workers, ["w"]))
        for one in self.of(State.running):
            if one.asked:
                self.end(one, State.cancelled)
            else:
                one.state, one.token, one.lost = State.queued, None, True
        self.compare()

    def _running(self, nth: int) -> tuple[Execution, Any, int]:
        them = self.of(State.running)
        one = them[nth % len(them)]
        assert one.token is not None
        work = self.slices[one.token]
        return one, work, one.place[1] - work.first

    def _send(self, settlement: Settlement) -> None:
        answer = self._run(send(self.store, msgspec.structs.replace(settlement)))
        assert (answer.lost, answer.stale) == ([], 0)
