"""What a handler's durable calls meet where there is no store: memory, and the test's answers."""

from __future__ import annotations

import asyncio
import functools
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, cast

from stook.core.errors import ConfigError
from stook.core.memo import Memo, MemoError
from stook.core.payload import decode
from stook.worker.children import name_of
from stook.worker.conversion import encode
from stook.worker.durable import Durable
from stook.worker.failures import ChildCancelled, ChildTimeout, EventTimeout
from stook.worker.held import NEVER
from stook.worker.memory import STATE, Memory

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from stook.core.wait import Wait
    from stook.worker.children import Call
    from stook.worker.facilities import Facilities
    from stook.worker.held import Held
    from stook.worker.signals import Signal

__all__ = ["Rehearsal"]

CODE: Final = "rehearsal"


class Rehearsal:
    """`slept` are seconds by key (None: until a moment), `called` (task, payload) by key, `emitted` (name, payload),
    `cancelled` execution ids, `scheduled` names of schedules, `states` what checkpoints were given. `remembered`
    are the values by key, of steps, children and events."""

    def __init__(
        self,
        execution: str,
        *,
        children: Mapping[str, Any],
        events: Mapping[str, Any],
        steps: Mapping[str, Any],
        state: Any,
        after: Rehearsal | None = None,
    ) -> None:
        self.execution = execution
        self.children = children
        self.events = events
        self.slept: dict[str, float | None] = {}
        self.called: dict[str, tuple[str, Any]] = {}
        self.emitted: list[tuple[str, Any]] = []
        self.cancelled: list[str] = []
        self.scheduled: list[str] = []
        self.states: list[Any] = []
        self._durable: _Rehearsed | None = None
        self.memos: dict[str, Memo] = {} if after is None else dict(after.memos)
        self.memos |= {name: Memo(name, "step", encode(value), code=CODE) for name, value in steps.items()}
        if state is not None:
            self.memos[STATE] = Memo(STATE, "state", encode(state), code=CODE)

    @property
    def remembered(self) -> dict[str, Any]:
        return {key: decode(memo.value) for key, memo in self.memos.items() if key != STATE and memo.error is None}

    def bound(self, signal: Signal) -> Durable:
        if self._durable is None:
            self._durable = _Rehearsed(self, signal, self.memos)
        return self._durable


@dataclass
class _Piece:
    batch_id: bytes = bytes(16)
    trace: str | None = None


@dataclass
class _Stand:
    """As much of a held slice as `Durable` looks at."""

    lost: bool = False
    stopping: bool = False
    closes: int = NEVER
    cancelled: frozenset[int] = frozenset()
    piece: _Piece = field(default_factory=_Piece)


@dataclass
class _Stage:
    """As much of a worker's facilities."""

    outside: _Rehearsed
    tasks: Mapping[str, Any] = field(default_factory=dict)
    meter: None = None

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        return _loop()


class _Rehearsed(Durable):
    def __init__(self, rehearsal: Rehearsal, signal: Signal, memos: dict[str, Memo]) -> None:
        self._rehearsal = rehearsal
        self._stored = memos
        self.facilities = cast("Facilities", _Stage(self))
        self.execution = rehearsal.execution
        self._held = cast("Held", _Stand())
        self._offset = 0
        self._signal = signal
        self._code = CODE
        self._memory = Memory(list(memos.values()), code=CODE, strict=False, execution=self.execution)
        self._running = {}
        self._gathered = {}
        self._suspended = self._handed_back = self._over = False

    async def gather(self, calls: Sequence[Call], *, return_exceptions: bool) -> list[Any]:
        for call in calls:
            if call.key not in self._stored:
                name = name_of(call.task)
                self._rehearsal.called[call.key] = (name, call.payload)
                await self._remember(_answer("child", call.key, name, self._rehearsal.children, call.payload))
        return await super().gather(calls, return_exceptions=return_exceptions)

    async def _met(self, wait: Wait) -> Memo:
        if wait.key not in self._stored:
            if wait.kind == "sleep":
                self._rehearsal.slept[wait.key] = wait.seconds
                await self._remember(Memo(wait.key, "sleep", code=CODE))
            elif wait.event is not None:
                await self._remember(_answer("event", wait.key, wait.event.name, self._rehearsal.events, None))
        return await super()._met(wait)

    async def checkpoint(self, state: Any) -> None:
        self._rehearsal.states.append(state)
        await super().checkpoint(state)

    async def emit(self, name: str, payload: Any) -> str:
        encode(payload)
        self._rehearsal.emitted.append((name, payload))
        return self.execution

    async def cancel(self, execution_id: str, *, reason: str, cancel_children: bool) -> bool:  # noqa: ARG002
        self._rehearsal.cancelled.append(execution_id)
        return True

    async def schedule(self, task: str, name: str, cron: str, payload: bytes, **options: Any) -> None:  # noqa: ARG002
        self._rehearsal.scheduled.append(name)

    async def unschedule(self, task: str, name: str, *, cancel_running: bool) -> bool:  # noqa: ARG002
        if name not in self._rehearsal.scheduled:
            return False
        self._rehearsal.scheduled.remove(name)
        return True

    async def _remember(self, *memos: Memo, extend: bool = False) -> None:  # noqa: ARG002 - there is no lease
        for memo in memos:
            self._stored.pop(memo.key, None)
            self._stored[memo.key] = memo
            if memo.kind in ("sleep", "child", "event"):
                self._memory.foresee(memo)
            else:
                self._memory.add(memo)


def _answer(kind: Any, key: str, name: str, answers: Mapping[str, Any], payload: Any) -> Memo:
    for known in (key, name):
        if known in answers:
            given = answers[known]
            break
    else:
        what, option = ("child", "children") if kind == "child" else ("event", "events")
        raise ConfigError(
            f"the handler waits for {what} {key!r} ({name!r}), and the test has no answer",
            hint=f"make_context({option}={{{key!r}: …}})",
        )
    if callable(given) and not isinstance(given, type):
        given = given(payload)
    if isinstance(given, BaseException):
        return Memo(key, kind, error=_error(given), code=CODE)
    return Memo(key, kind, encode(given), code=CODE)


def _error(given: BaseException) -> MemoError:
    told = getattr(given, "error", None)
    if isinstance(told, MemoError):
        return told
    if isinstance(given, (ChildTimeout, EventTimeout)):
        return MemoError("timeout", type(given).__name__, str(given))
    if isinstance(given, ChildCancelled):
        return MemoError("cancelled", type(given).__name__, str(given))
    return MemoError("failed", type(given).__name__, str(given))


@functools.cache
def _loop() -> asyncio.AbstractEventLoop:
    """For `def` handlers, which call it from their own thread."""
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="stook-rehearsal", daemon=True).start()
    return loop
