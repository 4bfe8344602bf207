"""A replica at work: what it was given, what it runs, and what became of that.

given ──▶ begun ──▶ its answer ──▶ concluded          one after another, in their order
│         └─ cut off, out of time, or dead: concluded as that
└─ taken back before it began, or never begun by who died: as if it had not been given, but not for ever
"""

from __future__ import annotations

import asyncio
from collections import deque
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from stook.core.payload import Invalid, check_many
from stook.hosting.failures import ProcessExited, ResultTooLarge, raised
from stook.hosting.finishing import to_its_end
from stook.hosting.replica import STRANGE, Died, Done, Raised, outcome_of
from stook.hosting.run_log import MOST_LINE
from stook.worker.failures import ResultNotSerializable
from stook.worker.held import NEVER, Held
from stook.worker.trouble import failed

if TYPE_CHECKING:
    from collections.abc import Awaitable, Sequence

    from stook.hosting.output import Stream
    from stook.hosting.pool import Pool
    from stook.hosting.replica import Replica
    from stook.hosting.run_log import RunLog
    from stook.worker.signals import Reason
    from stook.worker.source import Trouble

__all__ = ["MOST", "Given", "Parent", "Station"]

MOST: Final = 256
"""Executions that a process is given at a time."""
TRIES: Final = 3
"""Processes that a run is given to, until one has begun it."""
_SHORTEST: Final = 0.0005
_LONGEST: Final = 0.002
"""Seconds in which half of what a process was given may come to its end, before that is looked at."""


class Given(NamedTuple):
    """One execution; `payload` is its JSON. `tries`: processes that died when it was next, before they began it."""

    held: Held
    offset: int
    payload: bytes
    tries: int = 0

    @property
    def limit(self) -> int:
        """Nanoseconds it may run once its code is loaded."""
        timeout = self.held.assignment.timeout_of(self.offset)
        return NEVER if timeout is None else round(timeout * 1e9)


class Parent(Protocol):
    """Who gives. `most` bytes a result may have, `grace` seconds at most a process that is cut off."""

    pool: Pool
    most: int
    grace: float
    item: float
    """Nanoseconds that a run takes by itself, about."""

    def frame(self, one: Given) -> bytes: ...

    def first_frame(self, one: Given) -> Awaitable[bytes]:
        """The same, for what is given to a station first; where that has to be waited for, nothing else is given."""
        ...

    def new_log(self, one: Given) -> RunLog: ...

    def drop_log(self, log: RunLog) -> None: ...

    def event(self, one: Given, frame: dict[str, Any], /) -> Awaitable[None]: ...

    def events_kept(self) -> Awaitable[None]: ...

    def ran(self, nanoseconds: int) -> None:
        """So long a run took by itself."""
        ...

    def loaded(self, station: Station) -> None:
        """The time of what it runs counts from now on."""
        ...

    def returned(self, given: Sequence[Given]) -> None:
        """Never begun, in their order."""
        ...

    def answered(self, station: Station) -> None:
        """It has room, or nothing to do."""
        ...

    def left(self, station: Station) -> None:
        """Nothing of it is at work any more."""
        ...


class Station:
    """On one loop. It begins with one execution, and is over when it has none; a `Sink`, and the `Runner` of what it
    has."""

    most = MOST_LINE

    def __init__(self, parent: Parent, first: Given) -> None:
        self._parent = parent
        self.given: deque[Given] = deque((first,))
        first.held.running[first.offset] = self
        self.began = perf_counter_ns()
        """When the first of `given` did, as far as is known here."""
        self._timed = NEVER
        """When its time began to count: while code is loaded it does not."""
        self.replica: Replica | None = None
        self.window = 1
        """So many it may have: one that writes begins each of them by itself, and gives back the others."""
        self._fresh = False
        """What runs has waited for its process to be ready."""
        self._log: RunLog | None = None
        self._told = False
        self._cuts: dict[tuple[Held, int], Reason] = {}
        """What is to be cut off once nothing but it can be under way."""
        self._cut: Reason | None = None
        self._ending: asyncio.Task[Any] | None = None
        self._task = asyncio.create_task(self._work(), name="stook hosted runs")

    @property
    def deadline(self) -> int:
        """`perf_counter_ns` at which what runs is out of time."""
        return min(NEVER, self._timed + self.given[0].limit)

    @property
    def cutting(self) -> bool:
        return self._cut is not None

    async def over(self) -> None:
        await asyncio.wait({self._task})

    def give(self, more: Sequence[Given]) -> None:
        assert self.replica is not None
        if not self.given:
            self.began = self._timed = perf_counter_ns()
        self.given.extend(more)
        for one in more:
            one.held.running[one.offset] = self
        self.replica.give([self._parent.frame(one) for one in more])

    def take_back(self) -> None:
        """Whatever has not begun, but for the first."""
        if self.replica is not None and len(self.given) > 1:
            self._return(self.replica.take_back(len(self.given) - 1))

    # ------------------------------------------------------------------------------------------------- cutting off

    def ask(self, held: Held, offset: int, reason: Reason) -> None:
        self.take_back()
        if held.running.get(offset) is self:
            self._cuts[held, offset] = reason
            self._cut_if_due()

    def cut(self, reason: Reason) -> None:
        """Whatever runs."""
        self.take_back()
        for one in self.given:
            self._cuts[one.held, one.offset] = reason
        self._cut_if_due()

    def _cut_if_due(self) -> None:
        """Where more than one has begun, the answer of the first is on its way, and it is not what would be hit."""
        if self._cut is not None or len(self.given) != 1:
            return
        held, offset, *_ = self.given[0]
        self._cut = self._cuts.get((held, offset))
        if self._cut is None:
            return
        if self.replica is None:
            self._task.cancel()
        else:
            grace = min(held.definition.policy.cancel_grace, self._parent.grace)
            self._ending = asyncio.create_task(self.replica.stop(grace), name="stook hosted run ends")

    # ---------------------------------------------------------------------------------------------------- the work

    async def _work(self) -> None:
        parent = self._parent
        try:
            frame = await parent.first_frame(self.given[0])
            replica = await parent.pool.borrow(self)
        except BaseException as error:  # noqa: BLE001 -- whatever keeps it from starting is its run's failure
            self._flush()
            self._conclude(error, cut=self.cutting)
            parent.left(self)
            return
        self.replica = replica
        self._fresh = not replica.runs
        try:
            await self._run_on(replica, frame)
        except BaseException:
            await to_its_end(replica.stop())
            self.take_back()
            while self.given:
                self._conclude(asyncio.CancelledError(), cut=True)
            raise
        finally:
            if self._ending is not None:
                await to_its_end(_ended(self._ending))
            if replica.alive:
                replica.listen(None)
            parent.pool.give_back(replica)
            parent.left(self)

    async def _run_on(self, replica: Replica, frame: bytes) -> None:
        """Until there is nothing left of what it was given, and nothing more to be had."""
        parent = self._parent
        replica.listen(self, self._may_read)
        replica.give([frame])
        self._timed = perf_counter_ns()
        parent.loaded(self)
        while self.given:
            told = await replica.answers()
            if isinstance(told, Died):
                await self._died(told)
                return
            await self._take_all(told)
            if self._ending is None and not replica.spent:
                parent.answered(self)
                pause = (len(self.given) - 1) * parent.item / 2e9
                if pause > _SHORTEST:
                    await replica.pause(min(pause, _LONGEST))

    async def _take_all(self, answers: Sequence[dict[str, Any]]) -> None:
        outputs = self._checked(answers)
        for answer in answers:
            if answer.get("op") == "event":
                if self.given:
                    self._told = True
                    await self._parent.event(self.given[0], answer)
                continue
            outcome = outcome_of(answer)
            if outcome is None or not self.given:
                await self._broken()
                return
            await self._answered(answer, outcome, outputs)

    async def _answered(self, answer: dict[str, Any], outcome: Done | Raised, outputs: dict[str, bytes] | None) -> None:
        replica = self.replica
        assert replica is not None
        wrote = replica.heard(answer, len(self.given) - 1)
        self._flush()
        if self._told:
            self._told = False
            await self._parent.events_kept()
        ended: bytes | Trouble | BaseException
        if self.cutting:
            ended = self._cut_off()
        elif isinstance(outcome, Raised):
            ended = raised(outcome)
        else:
            ended = self._result(outcome.output, outputs)
        self._conclude(ended, took=answer.get("took"), cut=self.cutting)
        self.window = 1 if wrote else min(2 * self.window, MOST)
        if wrote:
            self._return(len(self.given))
        elif self._cuts:
            self._cut_if_due()
        if len(self.given) <= 1:
            replica.read_on()

    def _checked(self, answers: Sequence[dict[str, Any]]) -> dict[str, bytes] | None:
        """Results as they are stored, by what was said; None where they have to be looked at one by one."""
        outputs = [text for answer in answers if isinstance(text := answer.get("output"), str) and text]
        try:
            found = check_many([text.encode() for text in outputs])
        except UnicodeEncodeError:
            return None
        return None if isinstance(found, Invalid) else dict(zip(outputs, found, strict=True))

    def _result(self, output: str, outputs: dict[str, bytes] | None) -> bytes | Trouble | BaseException:
        found = None if outputs is None else outputs.get(output)
        if found is None:
            try:
                raw = output.encode()
            except UnicodeEncodeError as error:
                return ResultNotSerializable(f"the result is not JSON: {error}")
            checked = check_many([raw])
            if isinstance(checked, Invalid):
                return ResultNotSerializable(f"the result is not JSON: {checked.flaw[1]}")
            found = checked[0]
        if len(found) > self._parent.most:
            one, most = self.given[0], self._parent.most
            large = ResultTooLarge(f"the result has {len(found)} bytes of JSON, the limit is {most}")
            return failed(one.offset, large, one.held.retry, retry=False)
        return found

    async def _died(self, told: Died) -> None:
        """What had not begun goes back: if that is all of it, the first has had a try."""
        assert self.replica is not None
        unbegun = self.replica.take_back(len(self.given))
        if unbegun and unbegun == len(self.given):
            first = self.given[0]
            if first.tries + 1 < TRIES and self._cut != "timeout":
                self.given[0] = first._replace(tries=first.tries + 1)
            else:
                unbegun -= 1
        self._return(unbegun)
        self._flush()
        if self._told:
            self._told = False
            await self._parent.events_kept()
        while self.given:
            self._conclude(self._cut_off() if self.cutting else self._exited(told), cut=self.cutting)

    def _cut_off(self) -> BaseException:
        if self._cut != "timeout":
            return asyncio.CancelledError()
        return Held.late(perf_counter_ns() - self._timed, self.given[0].limit)

    def _exited(self, told: Died) -> Trouble:
        held, offset, *_ = self.given[0]
        error = ProcessExited(f"the process that ran it {told.how}")
        return failed(offset, error, held.retry, retry=held.definition.policy.rerun_lost)

    async def _broken(self) -> None:
        assert self.replica is not None
        await self._died(await self.replica.give_up(STRANGE))

    def _conclude(self, ended: bytes | Trouble | BaseException, *, took: Any = None, cut: bool = False) -> None:
        held, offset, *_ = self.given.popleft()
        now = perf_counter_ns()
        nanoseconds = now - self.began
        if type(took) is int and 0 <= 1000 * took < nanoseconds and not cut:
            self._parent.ran(1000 * took)
            nanoseconds = nanoseconds if self._fresh else 1000 * took
        self._fresh = False
        self.began = self._timed = now
        if held.running.get(offset) is self:
            del held.running[offset]
        if self._cuts:
            self._cuts.pop((held, offset), None)
        held.conclude(offset, ended, nanoseconds, cut=cut and self._cut != "timeout")

    def _return(self, count: int) -> None:
        if not count:
            return
        back = [self.given.pop() for _ in range(count)][::-1]
        for one in back:
            if one.held.running.get(one.offset) is self:
                del one.held.running[one.offset]
            self._cuts.pop((one.held, one.offset), None)
        self._parent.returned(back)

    # -------------------------------------------------------------------------------------------------- as a sink

    def take(self, stream: Stream, lines: Sequence[bytes]) -> None:
        if self._log is None and self.given:
            self._log = self._parent.new_log(self.given[0])
        if self._log is not None:
            self._log.take(stream, lines)

    def _flush(self) -> None:
        if self._log is not None:
            self._log.flush()
            self._parent.drop_log(self._log)
            self._log = None

    def _may_read(self) -> bool:
        """Once only one can have begun, what is there is that one's: answers come before what the next one writes, for
        who has written waits until it was read."""
        if len(self.given) > 1:
            self.window = 1
            self.take_back()
        return len(self.given) <= 1


async def _ended(task: asyncio.Task[Any]) -> None:
    await asyncio.wait({task})
