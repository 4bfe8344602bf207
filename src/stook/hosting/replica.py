"""A process with somebody's code loaded, which runs one thing at a time.

start ──▶ load ──▶ run ──▶ began, done ──▶ run ──▶ … ──▶ stop
└─ it ends, breaks the protocol, or says that it is spent: it is not used again
"""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Any, Final

import msgspec

from stook.core.deployment import Action, App
from stook.hosting.frames import BrokenLine, read_frame, to_bytes
from stook.hosting.launch import launch

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from pathlib import Path

    from stook.hosting.launch import Exit, Launched, ProcessLimits
    from stook.hosting.original import Original
    from stook.hosting.output import Sink

__all__ = ["Died", "Done", "Loaded", "Raised", "Replica", "Unloadable", "how_it_ended"]

_MOST_APPS: Final = 1000
_LONGEST: Final = 366 * 86_400.0
_LAST_GRACE: Final = 1.0
"""Seconds for a process that has closed its line to end by itself."""


class Loaded(msgspec.Struct, frozen=True):
    apps: tuple[App, ...]
    facts: dict[str, Any]


class Unloadable(msgspec.Struct, frozen=True):
    """`where` is the user's file and line, empty where nobody knows."""

    type: str
    message: str
    where: str = ""
    traceback: str = ""


class Done(msgspec.Struct, frozen=True):
    """`output` is JSON."""

    output: str


class Raised(msgspec.Struct, frozen=True):
    """`code`: what kind of failure it is, where it is not simply the code's own. `retryable`, and after how many
    seconds: what the code has decided; None where it decides nothing."""

    type: str
    message: str
    traceback: str = ""
    code: str = ""
    output: str = ""
    retryable: bool | None = None
    retry_after: float | None = None


class Died(msgspec.Struct, frozen=True):
    """The process is gone; `how` in words, with the limit that it broke. `began`: what was asked of it had begun.
    `struck`: by somebody else's SIGKILL, as far as anybody knows."""

    how: str
    began: bool = True
    struck: bool = False


class Replica:
    """On one loop, for one caller at a time; `stop` from anywhere on it, any number of times."""

    def __init__(self, launched: Launched, limits: ProcessLimits) -> None:
        self._launched = launched
        self._limits = limits
        self._broken: str | None = None
        self._began = False
        self.runs = 0
        self.spent = False
        """It is not to be used again."""

    @classmethod
    async def start(
        cls,
        argv: Sequence[str],
        *,
        cwd: Path,
        env: Mapping[str, str],
        limits: ProcessLimits,
        original: Original | None = None,
    ) -> Replica:
        """`original`: what it begins as a copy of, instead of as a program."""
        return cls(await launch(argv, cwd=cwd, env=env, limits=limits, original=original), limits)

    @property
    def alive(self) -> bool:
        return not self._launched.gone

    @property
    def pid(self) -> int:
        """Of its keeper: the process itself is its child."""
        return self._launched.pid

    async def load(self, frame: Mapping[str, Any], sink: Sink | None = None) -> Loaded | Unloadable | Died:
        answer = await self._ask({"op": "load", **frame}, sink, None)
        match answer:
            case Died():
                return answer
            case {"op": "loaded"}:
                try:
                    return _loaded(answer)
                except (msgspec.ValidationError, KeyError, TypeError) as error:
                    return await self._give_up(f"it said what it has loaded in a way that nobody understands: {error}")
            case {"op": "failed", "error": dict(error)}:
                self.spent = True
                return _unloadable(error)
            case _:
                return await self._give_up("it answered something else than was asked")

    async def run(
        self,
        frame: Mapping[str, Any],
        sink: Sink | None,
        on_event: Callable[[dict[str, Any]], Awaitable[None]] | None = None,
    ) -> Done | Raised | Died:
        """Everything that was written while it ran is in `sink` on return. Cut off, it must be stopped: what it runs
        goes on. Of one that died before it `began` the code was not called."""
        self.runs += 1
        answer = await self._ask({"op": "run", **frame}, sink, on_event)
        match answer:
            case Died():
                return answer
            case {"op": "done", "output": str(output)}:
                return Done(output)
            case {"op": "raised", "error": dict(error)}:
                again, delay = error.get("retryable"), error.get("retry_after")
                return Raised(
                    str(error.get("type") or "Error"),
                    str(error.get("message") or ""),
                    str(error.get("traceback") or ""),
                    str(error.get("code") or ""),
                    str(answer.get("output") or ""),
                    again if isinstance(again, bool) else None,
                    _seconds(delay),
                )
            case _:
                return await self._give_up("it answered something else than was asked")

    async def stop(self, grace: float = 0.0) -> Exit:
        """SIGTERM, then SIGKILL after `grace` seconds, to all that it has started too."""
        self.spent = True
        return await self._launched.end(grace)

    async def _ask(
        self,
        frame: dict[str, Any],
        sink: Sink | None,
        on_event: Callable[[dict[str, Any]], Awaitable[None]] | None,
    ) -> dict[str, Any] | Died:
        launched = self._launched
        self._began = frame["op"] != "run"
        if launched.gone:
            return await self._died()
        finished = False
        launched.output.turn_to(sink)
        try:
            launched.line.write(to_bytes(frame))
            while True:
                answer = await read_frame(launched.ours)
                if answer is None:
                    return await self._died()
                if answer.get("op") == "began":
                    self._began = True
                    continue
                if answer.get("op") != "event":
                    finished = True
                    self.spent = self.spent or bool(answer.get("spent"))
                    return answer
                if on_event is not None:
                    await on_event(answer)
        except BrokenLine as error:
            return await self._give_up(f"it wrote to the line that is its host's: {error}")
        except OSError:
            return await self._died()
        finally:
            if finished:
                launched.output.turn_to(None)

    async def _give_up(self, why: str) -> Died:
        self._broken = why
        await self.stop()
        return await self._died()

    async def _died(self) -> Died:
        """The line is closed. A process that closes it and lives on is as good as dead."""
        self.spent = True
        ended = await self._launched.end(_LAST_GRACE)
        struck = self._broken is None and ended.struck
        return Died(self._broken or how_it_ended(ended, self._limits), self._began, struck)


def how_it_ended(ended: Exit, limits: ProcessLimits) -> str:
    match ended.reason:
        case "memory":
            return f"was killed: it had {_mib(ended.memory)} MiB of memory, its limit is {_mib(limits.memory)} MiB"
        case "tasks":
            return f"was killed: it had more than {limits.tasks} processes and threads"
        case "start":
            return f"could not be started: {ended.detail}"
        case _:
            pass
    if ended.status is None:
        return "was killed"
    if ended.status >= 0:
        return f"exited with status {ended.status}"
    try:
        name = signal.Signals(-ended.status).name
    except ValueError:
        name = str(-ended.status)
    return f"was killed by signal {name}"


def _mib(size: int) -> int:
    return round(size / 2**20)


def _seconds(told: object) -> float | None:
    number = isinstance(told, int | float) and not isinstance(told, bool)
    return min(float(told), _LONGEST) if number and told >= 0 else None  # type: ignore[arg-type, operator]


def _loaded(answer: dict[str, Any]) -> Loaded:
    apps = msgspec.convert(answer["apps"], tuple[App, ...])
    if len(apps) > _MOST_APPS or sum(len(app.actions) for app in apps) > _MOST_APPS:
        raise TypeError(f"more than {_MOST_APPS} apps or actions")
    facts = answer.get("facts") or {}
    if not isinstance(facts, dict):
        raise TypeError("facts are an object")
    return Loaded(tuple(App(app.name, tuple(_plain(one) for one in app.actions)) for app in apps), facts)


def _plain(action: Action) -> Action:
    if not action.name:
        raise TypeError("an action without a name")
    return action


def _unloadable(error: dict[str, Any]) -> Unloadable:
    file, line = error.get("file"), error.get("line")
    where = "" if not file else f"{file}:{line}" if line else str(file)
    return Unloadable(
        str(error.get("type") or "Error"), str(error.get("message") or ""), where, str(error.get("traceback") or "")
    )
