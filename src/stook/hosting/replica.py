"""A process with somebody's code loaded, which runs one thing at a time.

start ──▶ load ──▶ give ──▶ began, answers ──▶ give ──▶ … ──▶ stop
├─ `ahead`: what is given while it runs lies ready, and can be taken back
└─ it ends, breaks the protocol, or says that it is spent: it is not used again
"""

from __future__ import annotations

import asyncio
import json
import signal
from typing import TYPE_CHECKING, Any, Final

import msgspec

from stook.core.deployment import Action, App
from stook.hosting.frames import Incoming, framed, to_bytes
from stook.hosting.launch import launch

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from pathlib import Path

    from stook.hosting.launch import Exit, Launched, ProcessLimits
    from stook.hosting.original import Original
    from stook.hosting.output import Sink

__all__ = ["STRANGE", "Died", "Done", "Loaded", "Raised", "Replica", "Unloadable", "how_it_ended", "outcome_of"]

STRANGE: Final = "it answered something else than was asked"
_CHUNK: Final = 1 << 18
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
    """The process is gone; `how` in words, with the limit that it broke. `began`: what `run` asked of it had begun.
    `struck`: by somebody else's SIGKILL, as far as anybody knows."""

    how: str
    began: bool = True
    struck: bool = False


class Replica:
    """On one loop, for one caller at a time; `stop` from anywhere on it, any number of times."""

    def __init__(self, launched: Launched, limits: ProcessLimits) -> None:
        self._launched = launched
        self._limits = limits
        self._incoming = Incoming()
        self._broken: str | None = None
        self._began = True
        """What was given last, by what it says itself."""
        self.ahead = False
        """It may be given more than it runs."""
        self.runs = 0
        """Given to it, and not taken back."""
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
        if self._launched.gone:
            return await self._died()
        self.listen(sink)
        self._launched.line.write(to_bytes({"op": "load", **frame}))
        told = await self.answers()
        if isinstance(told, Died):
            return told
        self.listen(None)
        answer = told[0]
        match answer:
            case {"op": "loaded"}:
                self.ahead = answer.get("ahead") is True
                try:
                    return _loaded(answer)
                except (msgspec.ValidationError, KeyError, TypeError) as error:
                    return await self.give_up(f"it said what it has loaded in a way that nobody understands: {error}")
            case {"op": "failed", "error": dict(error)}:
                self.spent = True
                return _unloadable(error)
            case _:
                return await self.give_up(STRANGE)

    def give(self, runs: Sequence[bytes]) -> None:
        """Frames, as JSON: they run one after another. More than one at a time for one that takes some `ahead` only."""
        self.runs += len(runs)
        self._began = False
        self._launched.line.write(b"".join(map(framed, runs)))
        if self.ahead:
            self._launched.turns.give(len(runs))

    def take_back(self, most: int) -> int:
        """How many of the last ones given, `most` at most, have not begun, and never will."""
        if self.ahead:
            count = self._launched.turns.take_back(most)
        else:
            count = min(most, int(self._launched.gone and not self._began))
            self._began = self._began or count > 0
        self.runs -= count
        return count

    async def answers(self) -> list[dict[str, Any]] | Died:
        """What it has said since, in its order: `done` and `raised` are one for each run, `event`s come before."""
        launched, incoming = self._launched, self._incoming
        while incoming.broken is None:
            try:
                data = await launched.ours.read(_CHUNK)
            except OSError:  # what has come before is still to be read
                launched.ours.set_exception(None)  # type: ignore[arg-type]
                launched.ours.feed_eof()
                continue
            if not data:
                died = await self._died()
                data, launched.last_words = launched.last_words, b""
                if not data:
                    return died
            if found := self._without_began(incoming.take(data)):
                self.spent = self.spent or any(one.get("spent") for one in found)
                return found
        return await self.give_up(f"it wrote to the line that is its host's: {incoming.broken}")

    def _without_began(self, told: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Those that are given one at a time say it in a frame."""
        if self.ahead:
            return told
        self._began = self._began or bool(told)
        return [one for one in told if one.get("op") != "began"]

    async def pause(self, seconds: float) -> None:
        """Lets it work undisturbed: what it says meanwhile is read at once."""
        transport: Any = self._launched.line.transport
        transport.pause_reading()
        try:
            await asyncio.sleep(seconds)
        finally:
            transport.resume_reading()

    def listen(self, sink: Sink | None, may_read: Callable[[], bool] | None = None) -> None:
        """What is written from now on is the sink's, what was written before is not. See `Output` for `may_read`."""
        self._launched.output.may_read = may_read
        self._launched.output.go_on()
        self._launched.output.turn_to(sink)

    def heard(self, answer: Mapping[str, Any], behind: int = 0) -> bool:
        """All that the run wrote is in the sink, when this is its answer. True: it wrote something, so none of the
        `behind` that were given after it begins."""
        output, wrote = self._launched.output, bool(answer.get("wrote"))
        if wrote or not self.ahead:
            output.drain()
        if wrote and self.ahead:
            self._launched.turns.next_round()
            self.runs -= behind
        if output.unfinished:
            output.finish()
        return wrote and self.ahead

    def read_on(self) -> None:
        """Nothing more stands in the way of reading what it writes."""
        self._launched.output.go_on()

    async def run(
        self,
        frame: Mapping[str, Any],
        sink: Sink | None,
        on_event: Callable[[dict[str, Any]], Awaitable[None]] | None = None,
    ) -> Done | Raised | Died:
        """One run and nothing else. Everything that was written while it ran is in `sink` on return. Cut off, it must
        be stopped: what it runs goes on. Of one that died before it `began` the code was not called."""
        if self._launched.gone:
            return msgspec.structs.replace(await self._died(), began=False)
        self.listen(sink)
        self.give([json.dumps({"op": "run", **frame}, separators=(",", ":")).encode()])
        while True:
            told = await self.answers()
            if isinstance(told, Died):
                return msgspec.structs.replace(told, began=not self.take_back(1))
            for answer in told:
                if answer.get("op") != "event":
                    self.heard(answer)
                    self.listen(None)
                    return outcome_of(answer) or await self.give_up(STRANGE)
                if on_event is not None:
                    await on_event(answer)

    async def stop(self, grace: float = 0.0) -> Exit:
        """SIGTERM, then SIGKILL after `grace` seconds, to all that it has started too."""
        self.spent = True
        return await self._launched.end(grace)

    async def give_up(self, why: str) -> Died:
        """It is ended, as one that is broken."""
        self._broken = why
        await self.stop()
        return await self._died()

    async def _died(self) -> Died:
        """The line is closed. A process that closes it and lives on is as good as dead."""
        self.spent = True
        if self._broken is None:  # most are on their way out, and say by themselves how
            await asyncio.wait({self._launched.exit}, timeout=_LAST_GRACE)
        ended = await self._launched.end(_LAST_GRACE)
        struck = self._broken is None and ended.struck
        return Died(self._broken or how_it_ended(ended, self._limits), struck=struck)


def outcome_of(answer: Mapping[str, Any]) -> Done | Raised | None:
    """None: it is no answer to a run."""
    match answer:
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
            return None


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
