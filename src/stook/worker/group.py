"""Executions handed to one call of a batched handler, and what becomes of each."""

from __future__ import annotations

import threading
import uuid
from functools import partial
from itertools import chain
from time import monotonic, perf_counter_ns
from typing import TYPE_CHECKING, Any, Final, assert_never

from stook.worker.attempt import NO_CUSTOM
from stook.worker.batch_context import Gathering
from stook.worker.consumer import Call
from stook.worker.drive import foreign
from stook.worker.event import Event
from stook.worker.group_durable import GroupDurable
from stook.worker.group_ending import Ending, Run
from stook.worker.held import NEVER
from stook.worker.logs.captured import CapturedLog
from stook.worker.logs.tracking import CURRENT, tracking
from stook.worker.suspend import Released, Suspend

if TYPE_CHECKING:
    from collections.abc import Callable

    from stook.worker.batch_context import BatchContext, SyncBatchContext
    from stook.worker.consumer import Consumer
    from stook.worker.definition import TaskDefinition
    from stook.worker.facilities import Facilities
    from stook.worker.held import Held
    from stook.worker.signals import Reason, Signal
    from stook.worker.slots import Slots
    from stook.worker.spans import GroupSpan

__all__ = ["Group"]

_opening: Final = threading.Lock()


class Group:
    def __init__(
        self,
        runs: list[Run],
        *,
        slots: Slots,
        closed_by: str,
        formed: float,
        began: Callable[[int], None],
        ran: Callable[[int, int], None],
        log: CapturedLog | None = None,
    ) -> None:
        """`began(size)` is told when it leaves the queue, `ran(items, nanoseconds)` when its call is over. `log` is
        that of the group it is a half of."""
        self.runs = runs
        self.closed_by = closed_by
        self.formed = formed
        self.signal: Signal | None = None
        self._slots = slots
        self._began = began
        self._ran = ran
        self._cancelled: set[int] = set()
        """Positions of members that shall end cancelled."""
        self._context: BatchContext | SyncBatchContext | None = None
        self._consumer: Consumer | None = None
        self._span: GroupSpan | None = None
        self._positions: dict[tuple[int, int], int] | None = None
        self._log = log
        self._members: list[str] | None = None
        self._limit = NEVER
        """Nanoseconds the call may take: the shortest of its members' timeouts."""

    def __len__(self) -> int:
        return sum(len(run.offsets) for run in self.runs)

    async def run(self, consumer: Consumer) -> None:
        """Calls the handler with the members that may still start, and settles each."""
        self._began(len(self))
        self.runs = [run for run in map(_startable, self.runs) if run.offsets]
        if not self.runs:
            return
        self._consumer = consumer
        held = self.runs[0].held
        self._limit = min(run.held.limit_of(offset) for run in self.runs for offset in run.offsets)
        raised: BaseException | None = None
        answered = None
        if held.facilities is not None and held.facilities.meter is not None:
            held.facilities.meter.grouped(held.piece.task, len(self), self.closed_by, monotonic() - self.formed)
        started = perf_counter_ns()
        self._slots.calls.add(self)
        try:
            answered = await self._call(consumer, held.definition, started)
        except BaseException as error:
            if consumer.is_ending(error):
                raise
            raised = error
        finally:
            self._slots.calls.discard(self)
            self._unregister()
        took = perf_counter_ns() - started
        if took > self._limit:
            raised = held.late(took, self._limit)
        if self._span is not None:
            self._span.end(None if isinstance(raised, (Suspend, Released)) else raised)
        self._ran(len(self), took)
        ending = Ending(
            self.runs,
            took=took,
            marks={} if self._context is None else self._context.marks,
            cut=consumer.cut is not None,
        )
        durable = None if self._context is None else self._context.durable
        if durable is not None and durable.wait is not None:
            ending.suspended(durable, answered if raised is None else raised)
        elif durable is not None and durable.handed_back and raised is not None:
            ending.handed_back()
        elif raised is None:
            ending.answered(answered, self._ids)
        else:
            self._run_halves(ending.raised(raised))

    # --------------------------------------------------------------------------------------------- the call

    def _arguments(self, definition: TaskDefinition) -> tuple[Any, ...]:
        parameters = definition.parameters
        if parameters.context or tracking.wanted:
            first = self.runs[0].held
            facilities = first.facilities
            self._context = definition.group_context(
                Gathering(
                    task=definition.name,
                    queue=first.assignment.queue,
                    group_id=str(uuid.uuid4()),
                    size=len(self),
                    closed_by=self.closed_by,
                    formed=self.formed,
                    timeout=None if self._limit >= NEVER else self._limit / 1e9,
                    cancelled=self._cancelled,
                    ids=self._ids,
                    log=self._open_log,
                    durable=None if facilities is None else partial(self._durable, facilities),
                    custom=NO_CUSTOM if facilities is None else facilities.custom,
                )
            )
            self.signal = self._context.signal
            if first.stopping:
                self.signal.set("shutdown")
        match parameters.takes:
            case "nothing":
                given: tuple[Any, ...] = ()
            case "payload":
                given = (list(chain.from_iterable(run.payloads for run in self.runs)),)
            case "event":
                given = (
                    [
                        Event(payload, run.held.assignment, offset)
                        for run in self.runs
                        for offset, payload in zip(run.offsets, run.payloads, strict=True)
                    ],
                )
            case unknown:
                assert_never(unknown)
        return (*given, self._context) if parameters.context else given

    def _durable(self, facilities: Facilities, signal: Signal) -> GroupDurable:
        return GroupDurable(self.runs, signal, facilities)

    def _open_log(self) -> CapturedLog | None:
        """From any thread. One for all members, made when something is said."""
        limits = self.runs[0].held.log_limits
        if self._log is None and limits is not None:
            with _opening:
                if self._log is None:
                    log = CapturedLog(limits, shared=True)
                    for run in self.runs:
                        run.held.logs.update(dict.fromkeys(run.offsets, log))
                    self._log = log
        return self._log

    async def _call(self, consumer: Consumer, definition: TaskDefinition, started: int) -> Any:
        given = self._arguments(definition)
        context = self._slots.base.copy()
        if self._context is not None:
            context.run(CURRENT.set, self._context)
        if self._slots.spans is not None:
            self._span = self._slots.spans.of_group([run.held.piece for run in self.runs], len(self))
            if self._span is not None:
                context.run(self._span.begin)
        limit = self._limit
        if not definition.is_async:
            self._register()
            call = partial(context.run, definition.handler, *given)
            return await consumer.lend(call, limit=limit, signal=self.signal)
        coroutine = definition.handler(*given)
        try:
            step = context.run(coroutine.send, None)
        except StopIteration as stop:
            return stop.value
        except GeneratorExit as error:
            raise foreign(error) from error
        self._register()
        return await consumer.follow(Call(context, coroutine, step, started), limit=limit, signal=self.signal)

    def _register(self) -> None:
        for run in self.runs:
            run.held.running.update(dict.fromkeys(run.offsets, self))

    def _unregister(self) -> None:
        for held, offsets, _ in self.runs:
            if held.running:
                for offset in offsets:
                    held.running.pop(offset, None)

    def ask(self, held: Held, offset: int, reason: Reason) -> None:
        """One member is to stop. The handler only hears of it when that leaves it no member to work for."""
        if self._positions is None:
            keys = ((run.held.piece.token, one) for run in self.runs for one in run.offsets)
            self._positions = {key: position for position, key in enumerate(keys)}
        self._cancelled.add(self._positions[held.piece.token, offset])
        if len(self._cancelled) < len(self) or self._consumer is None:
            return
        if self.signal is not None:
            self.signal.set(reason)
        self._consumer.ask(held, offset, reason)

    def _ids(self) -> list[str]:
        if self._members is None:
            self._members = [run.held.assignment.execution_id(offset) for run in self.runs for offset in run.offsets]
        return self._members

    def _run_halves(self, halves: list[list[Run]]) -> None:
        for runs in reversed(halves):
            half = Group(
                runs,
                slots=self._slots,
                closed_by="bisect",
                formed=self.formed,
                began=_nobody,
                ran=self._ran,
                log=self._log,
            )
            self._slots.add_group(half, first=True)


def _nobody(_size: int) -> None:
    """A half was never in the queue its group came from."""


def _startable(run: Run) -> Run:
    held = run.held
    lapsed = perf_counter_ns() >= held.expires
    if not lapsed and not held.blocked:
        return run
    kept = []
    for offset, payload in zip(run.offsets, run.payloads, strict=True):
        if not lapsed and held.may_start(offset):
            kept.append((offset, payload))
        else:
            held.withdraw(offset)
    return Run(held, [offset for offset, _ in kept], [payload for _, payload in kept])
