"""One attempt of a durable execution: what its context's methods do, on the worker's loop.

    safe point: cancelled? lease lost? handed back? ──▶ remembered? ──▶ its value
                                                          │ no
                         a step: run, stored ◀────────────┴───▶ a wait: gathered with those that run beside it
                                                                then Suspend, which ends the handler's call

A suspension waits until the steps that run beside it are stored: nothing of the execution runs on while it is away.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import contextmanager
from contextvars import ContextVar
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any, Final, NoReturn

from stook.core import payload as json
from stook.core.errors import OptionError, PayloadError
from stook.core.memo import Memo
from stook.core.moments import micros_of, seconds_of
from stook.core.wait import EventWait, Wait
from stook.worker.children import Call, event_value, name_of
from stook.worker.conversion import encode, encode_payload
from stook.worker.failures import Cancelled, ChildTimeout, ResultNotSerializable
from stook.worker.memory import STATE, Memory
from stook.worker.rememberer import lease_lost
from stook.worker.source import Trouble
from stook.worker.suspend import Released, Suspend
from stook.worker.trouble import failed, released

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from stook.core.moments import Duration, When
    from stook.worker.children import Named
    from stook.worker.facilities import Facilities
    from stook.worker.held import Held
    from stook.worker.signals import Signal

__all__ = ["Durable", "within"]

logger = logging.getLogger("stook.worker")

_WITHIN: Final[ContextVar[tuple[str, ...]]] = ContextVar("stook_within", default=())
"""The steps that the running code is inside of."""


@contextmanager
def within(name: str) -> Iterator[None]:
    """The code in the block belongs to the step."""
    token = _WITHIN.set((*_WITHIN.get(), name))
    try:
        yield
    finally:
        _WITHIN.reset(token)


class Durable:
    """Made when a handler first uses what is durable. `closes` is when its task's window does (`perf_counter_ns`)."""

    def __init__(self, held: Held, offset: int, signal: Signal, facilities: Facilities) -> None:
        self.facilities = facilities
        self.execution = held.assignment.execution_id(offset)
        self._held = held
        self._offset = offset
        self._signal = signal
        self._code = held.definition.code
        self._memory = Memory(
            held.piece.memos.get(offset, ()),
            code=self._code,
            strict=held.definition.strict_steps,
            execution=self.execution,
        )
        self._running: dict[str, asyncio.Event] = {}
        self._gathered: dict[str, Wait] = {}
        self._suspended = False
        self._handed_back = False
        self._over = False

    # ------------------------------------------------------------------------------------------------ safe points

    def check(self) -> None:
        """Every method that is a safe point begins so."""
        held = self._held
        if self._suspended or self._over:
            raise Suspend
        reason = self._signal.reason
        if held.lost or reason == "lease_lost":
            raise lease_lost(held, self._offset)
        if self._offset in held.cancelled:
            raise Cancelled("cancelled")
        if reason is not None and reason != "shutdown":
            raise Cancelled(reason)
        if reason == "shutdown" or held.stopping:
            raise Released("shutdown")
        if perf_counter_ns() >= held.closes:
            self._handed_back = True
            raise Released("window")

    # ------------------------------------------------------------------------------------------------------ steps

    async def open(self, name: str) -> Memo | None:
        """What the step came to, or None: then it is to be run now, and to be ended with `keep` or `leave`."""
        self.check()
        while True:
            running = self._running.get(name)
            memo = self._memory.find(name, "step", pending=running is not None)
            if memo is not None:
                self._count(cached=True)
                await asyncio.sleep(0)
                return memo
            if running is None:
                break
            await running.wait()
            self.check()
        self._running[name] = asyncio.Event()
        try:
            await self._memory.judge(name)
        except BaseException:
            self.leave(name)
            raise
        return None

    async def keep(self, name: str, raw: bytes, took: int) -> None:
        """The step's value is durable when this returns. `took` in nanoseconds."""
        try:
            if self._over:
                raise Suspend  # its handler did not wait for it, and its execution may be running elsewhere
            await self._remember(Memo(name, "step", raw, code=self._code))
        finally:
            self.leave(name)
        self._count(cached=False, took=took)

    def leave(self, name: str) -> None:
        """The step runs no more."""
        running = self._running.pop(name, None)
        if running is not None:
            running.set()

    async def pause(self, seconds: float) -> None:
        """Between two tries of a step. A safe point, before and after, that a signal shortens."""
        self.check()
        woken = asyncio.Event()
        loop = asyncio.get_running_loop()

        def wake() -> None:
            loop.call_soon_threadsafe(woken.set)

        self._signal.watch(wake)
        try:
            async with asyncio.timeout(seconds):
                await woken.wait()
        except TimeoutError:
            pass
        finally:
            self._signal.unwatch(wake)
        self.check()

    # ------------------------------------------------------------------------------------------------------ waits

    async def sleep(self, key: str, duration: Duration) -> None:
        wait = Wait(key, "sleep", seconds=seconds_of("sleep", duration), code=self._code)
        await self._met(wait)

    async def sleep_until(self, key: str, when: When) -> None:
        await self._met(Wait(key, "sleep", until=micros_of("sleep_until", when), code=self._code))

    async def wait_for_event(self, key: str, event: Named | str, match: Any, timeout: Duration | None) -> Any:
        matched = None
        if match is not None:
            matched = encode_payload("match", match)
            if not matched.startswith(b"{"):
                raise OptionError(f"match={match!r} is no JSON object", hint="like match={'order': 7}")
        seconds = None if timeout is None else seconds_of("timeout", timeout)
        wait = Wait(key, "event", seconds=seconds, event=EventWait(name_of(event), matched), code=self._code)
        return event_value(await self._met(wait))

    async def gather(self, calls: Sequence[Call], *, return_exceptions: bool) -> list[Any]:
        """Starts those that were not, waits once for all; each one's value, in order."""
        self.check()
        for call in calls:
            if not isinstance(call, Call):
                raise OptionError(f"gather: {call!r} is no call of another task", hint="ctx.call(…) makes one")
        known, trace = self.facilities.tasks, self._held.piece.trace
        memos = [self._memory.find(call.key, "child", pending=call.key in self._gathered) for call in calls]
        missing = [
            call.wait(known, trace=trace, code=self._code)
            for call, memo in zip(calls, memos, strict=True)
            if memo is None
        ]
        if missing:
            await self._suspend(missing)
        values: list[Any] = []
        failures: list[Exception] = []
        for call, memo in zip(calls, memos, strict=True):
            assert memo is not None
            try:
                values.append(call.value(memo, known))
            except Exception as error:  # noqa: BLE001 -- the child's, or its value's
                values.append(error)
                failures.append(error)
        if failures and not return_exceptions:
            raise failures[0]
        return values

    async def _met(self, wait: Wait) -> Memo:
        self.check()
        memo = self._memory.find(wait.key, wait.kind, pending=wait.key in self._gathered)
        if memo is None:
            await self._suspend([wait])
        await asyncio.sleep(0)  # a loop that asks for one key for ever must not be all that runs
        return memo

    async def _suspend(self, waits: Sequence[Wait]) -> NoReturn:
        await self._memory.judge(waits[0].key)
        self.check()
        for name in _WITHIN.get():
            self.leave(name)  # it waits itself: who waits for it would wait for ever
        for wait in waits:
            self._gathered.setdefault(wait.key, wait)
        while True:
            for _ in range(2):
                await asyncio.sleep(0)  # others may be about to wait as well, or to run a step
            running = next(iter(self._running.values()), None)
            if running is None:
                break
            await running.wait()
        self.check()
        self._suspended = True
        raise Suspend

    # ------------------------------------------------------------------------------------------------------- state

    def state(self) -> Any:
        raw = self._memory.state
        return None if raw is None else json.decode(raw)

    async def checkpoint(self, state: Any) -> None:
        self.check()
        if state is None:
            await self._remember(extend=True)
            return
        try:
            raw = json.encode(state)
        except PayloadError as error:
            raise ResultNotSerializable(f"the state of checkpoint() is not JSON: {error}") from None
        await self._remember(Memo(STATE, "state", raw, code=self._code), extend=True)

    async def version(self, name: str, current: int) -> int:
        self.check()
        memo = self._memory.find(name, "version")
        if memo is None:
            chosen = 0 if await self._memory.has_unmet() else current
            memo = Memo(name, "version", encode(chosen), code=self._code)
            await self._remember(memo)
        return int(json.decode(memo.value))

    async def extend(self) -> None:
        """The lease is a whole one again."""
        await self._remember(extend=True)

    # ----------------------------------------------------------------------------------------- the rest of stook

    async def emit(self, name: str, payload: Any) -> str:
        piece = self._held.piece
        raw = encode_payload(f"event {name!r}", payload)
        return await self.facilities.outside.emit(piece.project, name, raw, trace=piece.trace)

    async def cancel(self, execution_id: str, *, reason: str, cancel_children: bool) -> bool:
        return await self.facilities.outside.cancel(
            self._held.piece.project, execution_id, reason=reason, cancel_children=cancel_children
        )

    async def schedule(self, task: str, name: str, cron: str, payload: bytes, **options: Any) -> None:
        await self.facilities.outside.schedule(self._held.piece.project, task, name, cron, payload, **options)

    async def unschedule(self, task: str, name: str, *, cancel_running: bool) -> bool:
        return await self.facilities.outside.unschedule(
            self._held.piece.project, task, name, cancel_running=cancel_running
        )

    async def _remember(self, *memos: Memo, extend: bool = False) -> None:
        await self.facilities.rememberer.remember(self._held, self._offset, memos, extend=extend)
        for memo in memos:
            self._memory.add(memo)

    def _count(self, *, cached: bool, took: int = 0) -> None:
        meter = self.facilities.meter
        if meter is not None:
            meter.stepped(self._held.piece, cached=cached, took=took)

    # ------------------------------------------------------------------------------------------------------ its end

    def ending(self, ended: bytes | Trouble | BaseException) -> bytes | Trouble | BaseException:
        """What the call came to: a suspension holds, whatever the handler made of it."""
        self._over = True
        if self._suspended:
            if not _is_suspension(ended):
                what = "raised" if isinstance(ended, BaseException) else "returned"
                logger.warning(
                    "the handler of execution %s %s something after it was suspended; it is dropped: let Suspend pass",
                    self.execution,
                    what,
                    exc_info=ended if isinstance(ended, BaseException) else None,
                )
            return Trouble(self._offset, "suspended", waits=tuple(self._gathered.values()))
        if self._handed_back and not isinstance(ended, bytes):
            return released(self._offset)
        if isinstance(ended, BaseException):
            forget = self._memory.timeouts(_uncaught(ended))
            if forget:
                trouble = failed(self._offset, ended, self._held.retry)
                trouble.forget = tuple(forget)
                return trouble
        return ended


def _is_suspension(ended: bytes | Trouble | BaseException) -> bool:
    if isinstance(ended, BaseExceptionGroup):
        return all(map(_is_suspension, ended.exceptions))
    return isinstance(ended, (Suspend, asyncio.CancelledError))


def _uncaught(error: BaseException) -> list[str]:
    """Keys of the children whose timeouts it is, or was raised from."""
    found: list[str] = []
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        if isinstance(link, ChildTimeout):
            found.append(link.key)
        link = link.__cause__
    return found
