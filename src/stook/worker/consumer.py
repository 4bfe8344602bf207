"""A slot: takes one item after another and awaits its handler. The only loop that turns once per item."""

from __future__ import annotations

import asyncio
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from stook.worker.answer import answer, unencoded
from stook.worker.drive import drive
from stook.worker.held import NEVER
from stook.worker.trouble import released

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from contextvars import Context

    from stook.worker.held import Held
    from stook.worker.signals import Reason, Signal
    from stook.worker.slots import Slots
    from stook.worker.source import Trouble

__all__ = ["Call", "Consumer"]

AGAIN: Final = 1_000_000_000
"""Nanoseconds after which a handler that swallowed its cancellation is cancelled again."""


class Call(NamedTuple):
    """A handler's coroutine that has suspended for the first time."""

    context: Context
    coroutine: Coroutine[Any, Any, Any]
    step: Any
    """What it waits for."""
    started: int


class Consumer:
    """`due` is when the watchdog has to look at it (`perf_counter_ns`): finite only while a handler is suspended."""

    __slots__ = ("_cuts", "_deadline", "_parked", "_signal", "_slots", "_task", "cut", "due", "following")

    def __init__(self, slots: Slots) -> None:
        self._slots = slots
        self._task: asyncio.Task[None] | None = None
        self._parked: asyncio.Future[None] | None = None
        self._signal: Signal | None = None
        self._deadline = NEVER
        self._cuts = 0
        self.due = NEVER
        self.cut: Reason | None = None
        """Why what it runs was cancelled."""
        self.following = False
        """A handler is suspended in it."""

    def start(self) -> asyncio.Task[None]:
        self._task = asyncio.get_running_loop().create_task(self._run(), name="stook consumer")
        return self._task

    def end(self, *, idle: bool) -> asyncio.Task[None]:
        """Ends its task: at once if it is idle, else by cancelling whatever it waits for."""
        if idle:
            self.wake()
        else:
            self._own_task().cancel()
        return self._own_task()

    def wake(self) -> None:
        if self._parked is not None and not self._parked.done():
            self._parked.set_result(None)

    async def _run(self) -> None:
        slots = self._slots
        while not slots.closing:
            queue = slots.next_queue()
            if queue is None:
                await self._park()
            elif queue is slots.ready:
                await self._run_along()
            elif queue is slots.threaded:
                slots.rouse(2)
                await slots.threads.turn()
            else:
                await queue.popleft().run(self)
            slots.poke()

    async def _park(self) -> None:
        slots = self._slots
        self._parked = asyncio.get_running_loop().create_future()
        slots.idle.append(self)
        slots.poke()
        if not slots.busy and not slots.waiting:
            slots.quiet()
        try:
            await self._parked
        finally:
            self._parked = None

    async def _run_along(self) -> None:
        slots = self._slots
        ready, copy, now = slots.ready, slots.base.copy, perf_counter_ns
        slots.begin_turn()
        while ready:
            held, offset, payload = ready.popleft()
            started = now()
            if started >= held.expires or (held.blocked and not held.may_start(offset)):
                held.withdraw(offset)
                continue
            ended: bytes | Trouble | BaseException
            context = copy()
            try:
                coroutine = held.handler(payload) if held.plain else context.run(held.begin, offset, payload)
                step = context.run(coroutine.send, None)
            except StopIteration as stop:
                try:
                    ended = held.encode(stop.value)
                except Exception as error:  # noqa: BLE001 -- a user's model may raise anything
                    ended = unencoded(stop.value, error, held.encode, held.retry, offset)
            except KeyboardInterrupt:
                held.trouble(released(offset))
                raise
            except BaseException as error:  # noqa: BLE001 -- the handler's, whatever it is
                ended = error
            else:
                await self._attend(held, offset, Call(context, coroutine, step, started))
                continue
            at = now()
            held.conclude(offset, ended, at - started)
            if at >= slots.turn_until:
                if not await slots.give_way():
                    await self._park()
                return  # to look at the other queues too

    async def _attend(self, held: Held, offset: int, call: Call) -> None:
        held.running[offset] = self
        ended: bytes | Trouble | BaseException
        try:
            value = await self.follow(call, limit=held.limit_of(offset), signal=held.signals.get(offset))
        except BaseException as error:
            if self.is_ending(error):
                held.trouble(released(offset))
                raise
            ended = error
        else:
            ended = answer(value, held.encode, held.retry, offset)
        finally:
            del held.running[offset]
        held.conclude(offset, ended, perf_counter_ns() - call.started, cut=self.cut is not None)
        slots = self._slots
        if len(slots.ready) <= slots.low_water:
            slots.poke()
        slots.begin_turn()

    def ask(self, held: Held, _offset: int, reason: Reason) -> None:
        """A cancelled handler has its grace; one whose lease is lost has none."""
        if reason == "cancelled":
            self.stop_by(perf_counter_ns() + round(held.piece.policy.cancel_grace * 1e9))
        else:
            self.stop(reason)

    # ------------------------------------------------------------------------- a suspended handler, and its end

    async def follow(self, call: Call, *, limit: int, signal: Signal | None) -> Any:
        """What the suspended handler returns or raises. `cut` then tells whether it was cancelled from here."""
        self.cut, self._signal = None, signal
        self._deadline = self.due = call.started + limit
        self.following = True
        self._slots.watchdog.watch(self.due)
        self._slots.rouse(2)  # doubling: a thousand slots fill in ten turns of the loop
        try:
            return await drive(call.context, call.coroutine, call.step)
        finally:
            self.following = False
            self.due = NEVER
            while self._cuts:
                self._cuts -= 1
                self._own_task().uncancel()

    def is_ending(self, error: BaseException) -> bool:
        """The consumer itself is being ended, not the handler: the program stops without asking the worker."""
        return isinstance(error, (KeyboardInterrupt, GeneratorExit)) or (
            isinstance(error, asyncio.CancelledError) and self._own_task().cancelling() > 0
        )

    async def lend(self, function: Callable[[], Any], *, limit: int, signal: Signal | None) -> Any:
        """Calls `function` in a thread, where it can be signalled but not stopped."""
        self.cut, self._signal = None, signal
        self._deadline = self.due = perf_counter_ns() + limit
        self._slots.watchdog.watch(self.due)
        self._slots.rouse(2)
        try:
            return await self._slots.threads.call(function)
        finally:
            self.due = NEVER

    def stop(self, reason: Reason) -> None:
        """Signals, and cancels a suspended handler. Again, if it goes on: it may swallow one by mistake."""
        if self._signal is not None:
            self._signal.set(reason)
        if not self.following:
            self.due = NEVER
            return
        if self.cut is None:
            self.cut = reason
        self._cuts += 1
        self._own_task().cancel()
        self.due = perf_counter_ns() + AGAIN
        self._slots.watchdog.watch(self.due)

    def stop_by(self, moment: int) -> None:
        if moment < self.due:
            self.due = moment
            self._slots.watchdog.watch(moment)

    def expire(self) -> None:
        """Called by the watchdog when `due` has passed."""
        self.stop(self.cut or ("timeout" if perf_counter_ns() >= self._deadline else "cancelled"))

    def _own_task(self) -> asyncio.Task[None]:
        assert self._task is not None
        return self._task
