"""A claimed slice in a worker's hands: what each of its items is waiting for, running as, or has become.

    ready ──▶ running ──▶ done, troubles ──take──▶ settlement ──▶ settled
      │                         ▲
      └── cancelled, released ──┘

Once its lease is lost none of it is settled, whatever it becomes.
"""

from __future__ import annotations

from functools import partial
from itertools import repeat
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any, Final, Protocol

from stook.worker.assignment import Assignment
from stook.worker.context import Context, SyncContext
from stook.worker.durable import Durable
from stook.worker.failures import AttemptTimeout
from stook.worker.logs.captured import CapturedLog
from stook.worker.logs.parts import taken_logs
from stook.worker.logs.tracking import CURRENT, tracking
from stook.worker.source import Settlement, Trouble
from stook.worker.trouble import cancelled, failed, lost, released

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from stook.core.log import LogLimits
    from stook.worker.definition import TaskDefinition
    from stook.worker.facilities import Facilities
    from stook.worker.pace import Pace
    from stook.worker.signals import Reason, Signal
    from stook.worker.source import Slice

__all__ = ["NEVER", "Held", "Runner"]

NEVER: Final = 1 << 62
"""A moment, or a duration, in nanoseconds that no clock reaches."""


class Runner(Protocol):
    """What runs an item and can be asked to stop it."""

    def ask(self, held: Held, offset: int, reason: Reason) -> None: ...


class Held:
    __slots__ = (
        *("assignment", "blocked", "cancelled", "closes", "definition", "done", "durables", "encode", "expires"),
        *("facilities", "handler", "left", "limit"),
        *("log_limits", "logs", "lost", "note", "noted", "pace", "piece", "plain", "retry", "running", "signals"),
        *("stopping", "troubles", "unsettled", "_limit"),
    )

    def __init__(
        self,
        piece: Slice,
        definition: TaskDefinition,
        *,
        note: Callable[[Held], None],
        expires: int,
        pace: Pace | None = None,
        log_limits: LogLimits | None = None,
        facilities: Facilities | None = None,
    ) -> None:
        self.piece = piece
        self.definition = definition
        self.handler = definition.handler
        self.plain = definition.plain and not tracking.wanted
        self.encode = definition.encode
        self.retry = piece.policy.retry
        self.facilities = facilities
        """None: its executions are not durable."""
        self.assignment = Assignment.of(piece, 0.0 if facilities is None else facilities.rememberer.lease)
        own = [] if definition.keeps_time else [one.timeout for one in piece.extras.values()]
        self._limit = NEVER if definition.keeps_time else _nanoseconds(piece.policy.timeout)
        self.limit = min([self._limit, *(_nanoseconds(one) for one in own if one is not None)])
        """Nanoseconds any attempt of it may run; some may run longer."""
        self.expires = expires
        """`perf_counter_ns` at which the lease is over unless it is renewed: nothing of it starts any more, while what
        runs goes on until the loss is certain."""
        self.left = len(piece.offsets)
        """Items without an outcome."""
        self.unsettled = self.left
        self.done: list[tuple[int, bytes, int]] = []
        """(offset, result, microseconds)"""
        self.troubles: list[Trouble] = []
        self.note = note
        self.pace = pace
        """Told how long items ran as they are settled; groups tell it themselves."""
        self.noted = False
        self.running: dict[int, Runner] = {}
        """By offset: those that somebody can be asked to stop."""
        self.signals: dict[int, Signal] = {}
        """By offset: those whose handlers look at a signal. Set from the renewal's thread too."""
        self.cancelled: set[int] = set()
        self.stopping = False
        self.lost = False
        self.blocked = False
        """Some items of it must not start."""
        self.log_limits = log_limits
        """None: nothing is captured."""
        self.durables: dict[int, Durable] = {}
        """By offset: of those whose handlers run and have used it."""
        closes_in = piece.window_closes_in
        self.closes = NEVER if closes_in is None else perf_counter_ns() + round(closes_in * 1e9)
        """`perf_counter_ns` at which the task's window closes."""
        self.logs: dict[int, CapturedLog] = {}
        """By offset: of those that have said something."""

    def begin(self, offset: int, payload: Any) -> Any:
        """Calls the handler with what it asks for: a coroutine, or a thread's result. To be run in the item's own
        context, which then knows what it runs for."""
        definition = self.definition
        make = definition.context
        if make is None and tracking.wanted:
            make = Context if definition.is_async else SyncContext
        context = None if make is None else self._context(make, offset)
        if context is not None:
            CURRENT.set(context)
            self.signals[offset] = context.signal
            if not self.may_start(offset):  # since it was taken off its queue: threads run beside the loop
                why: Reason = "cancelled" if offset in self.cancelled else "shutdown"
                context.signal.set("lease_lost" if self.lost else why)
        given = context if definition.context is not None else None
        return definition.handler(*definition.arguments(payload, self.assignment, offset, given))

    def _context(self, make: type[Context | SyncContext], offset: int) -> Context | SyncContext:
        log = partial(self.log_of, offset)
        facilities = self.facilities
        if facilities is None:
            return make(self.assignment, offset, log)
        durable = partial(self._durable_of, offset, facilities)
        return make(self.assignment, offset, log, durable=durable, custom=facilities.custom)

    def _durable_of(self, offset: int, facilities: Facilities, signal: Signal) -> Durable:
        """From any thread. Made when it is first asked for."""
        found = self.durables.get(offset)
        return self.durables.setdefault(offset, Durable(self, offset, signal, facilities)) if found is None else found

    def log_of(self, offset: int) -> CapturedLog | None:
        """From any thread. Made when it is first asked for."""
        found = self.logs.get(offset)
        if found is None and self.log_limits is not None:
            found = self.logs.setdefault(offset, CapturedLog(self.log_limits))
        return found

    # ------------------------------------------------------------------------------------------------ outcomes

    def succeed_many(self, offsets: Sequence[int], results: Iterable[bytes], microseconds: int) -> None:
        self.done.extend(zip(offsets, results, repeat(microseconds)))
        self.left -= len(offsets)
        if not self.left or not self.noted:
            self.note(self)

    def trouble(self, trouble: Trouble) -> None:
        self.troubles.append(trouble)
        self.left -= 1
        if not self.left or not self.noted:
            self.note(self)

    def drop(self, offset: int) -> None:
        """No outcome: the lease is gone, or the code outlived its worker."""
        self.signals.pop(offset, None)
        self.durables.pop(offset, None)
        self.left -= 1

    def may_start(self, offset: int) -> bool:
        return not (self.blocked and (self.lost or self.stopping or offset in self.cancelled))

    def withdraw(self, offset: int) -> None:
        """The outcome of an item that may not start. One whose lease has run out, so far as is known here, is released:
        if it has been renewed after all, others get it sooner, and if not, that changes nothing."""
        if self.lost:
            self.drop(offset)
        elif offset in self.cancelled:
            self.trouble(cancelled(offset))
        else:
            self.trouble(released(offset))

    def conclude(
        self, offset: int, ended: bytes | Trouble | BaseException, nanoseconds: int, *, cut: bool = False
    ) -> None:
        """The outcome of an item that ran: what it `ended` with, unless something stronger was decided meanwhile.

        lost lease > cancelled > suspended > released (raised or cut at shutdown) > a verdict > timed out > what it
        ended with
        """
        took = nanoseconds // 1000
        if self.signals:
            signal = self.signals.pop(offset, None)
            if signal is not None and signal.reason == "cancelled":  # the handler may know before the loop does
                self.cancelled.add(offset)
                self.blocked = True
            durable = self.durables.pop(offset, None)
            if durable is not None:
                ended = durable.ending(ended)
        if type(ended) is bytes and nanoseconds <= self.limit and not self.blocked:
            self.done.append((offset, ended, took))
            self.left = left = self.left - 1
            if not left or not self.noted:
                self.note(self)
        elif self.lost:
            self.left -= 1
        elif offset in self.cancelled:
            self.trouble(cancelled(offset, took))
        elif self.stopping and (cut or not isinstance(ended, bytes)) and not _is_suspended(ended):
            self._conclude_at_shutdown(offset, ended, nanoseconds, cut=cut)
        else:
            self._conclude_as_it_ended(offset, ended, nanoseconds)

    def _conclude_at_shutdown(
        self, offset: int, ended: bytes | Trouble | BaseException, nanoseconds: int, *, cut: bool
    ) -> None:
        """What may not be run a second time is not released: it has begun."""
        if self.piece.policy.rerun_lost:
            self.trouble(released(offset))
        elif cut:
            self.trouble(lost(offset, "was stopped with its worker", nanoseconds // 1000))
        else:
            self._conclude_as_it_ended(offset, ended, nanoseconds)

    def _conclude_as_it_ended(self, offset: int, ended: bytes | Trouble | BaseException, nanoseconds: int) -> None:
        took = nanoseconds // 1000
        if isinstance(ended, Trouble):
            ended.duration = took
            self.trouble(ended)
        elif nanoseconds > self.limit_of(offset):
            self.trouble(failed(offset, self.late(nanoseconds, self.limit_of(offset)), self.retry, duration=took))
        elif isinstance(ended, bytes):
            self.succeed_many((offset,), (ended,), took)
        else:
            self.trouble(failed(offset, ended, self.retry, duration=took))

    def limit_of(self, offset: int) -> int:
        """Nanoseconds an attempt of it may run."""
        own = None if self.definition.keeps_time else self.assignment.extras_of(offset).timeout
        return self._limit if own is None else _nanoseconds(own)

    @staticmethod
    def late(nanoseconds: int, limit: int) -> AttemptTimeout:
        return AttemptTimeout(
            f"the attempt ran {nanoseconds / 1e9:.3g} s, its timeout is {limit / 1e9:g} s",
            hint="give the task a longer timeout=, or the handler less to do",
        )

    def take(self) -> tuple[Settlement, int]:
        """The outcomes gathered so far, offsets ascending, and how many they are."""
        done, troubles = self.done, self.troubles
        self.done, self.troubles, self.noted = [], [], False
        count = len(done) + len(troubles)
        offsets: Sequence[int] = ()
        results: Sequence[bytes] = ()
        durations: Sequence[int] = ()
        if done:
            done.sort()
            offsets, results, durations = zip(*done, strict=True)
            if len(done) == len(self.piece.offsets):
                offsets = self.piece.offsets
        piece = self.piece
        settlement = Settlement(piece.token, piece.batch_id, offsets, list(results), durations, troubles)
        if self.logs:
            settlement.logs = taken_logs(self, [*offsets, *(trouble.offset for trouble in troubles)])
        return settlement, count

    # ---------------------------------------------------------------------------------------- from outside

    def cancel(self, offsets: Iterable[int] | None) -> None:
        """Cancellation of these, or of all, is asked for; asking again changes nothing."""
        asked = set(self.piece.offsets if offsets is None else offsets) - self.cancelled
        self.cancelled |= asked
        self.blocked = True
        self._ask(asked, "cancelled")

    def lose(self) -> None:
        """The token is gone: nothing of it will be settled."""
        if not self.lost:
            self.lost = self.blocked = True
            self.done, self.troubles, self.noted = [], [], False
            self._ask(self.piece.offsets, "lease_lost")

    def stop(self) -> None:
        """The worker shuts down: nothing more of it starts, what runs is told."""
        self.stopping = self.blocked = True
        for signal in list(self.signals.values()):
            signal.set("shutdown")

    def _ask(self, offsets: Iterable[int], reason: Reason) -> None:
        if not self.running and not self.signals:
            return
        for offset in offsets:
            signal = self.signals.get(offset)
            if signal is not None:
                signal.set(reason)
            runner = self.running.get(offset)
            if runner is not None:
                runner.ask(self, offset, reason)


def _nanoseconds(seconds: float | None) -> int:
    return NEVER if seconds is None else round(seconds * 1e9)


def _is_suspended(ended: bytes | Trouble | BaseException) -> bool:
    return isinstance(ended, Trouble) and ended.kind == "suspended"
