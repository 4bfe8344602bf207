"""Where claimed items wait for a free slot, and the slots: long-lived consumers that take one after another.

One consumer runs along as long as handlers never suspend; a second is roused only when one does. So no-op handlers
cost no switch at all, and at most one consumer at a time has to be told to give way to the rest of the loop.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections import deque
from itertools import repeat
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any, Final

from stook.worker.consumer import Consumer
from stook.worker.threads import Threads
from stook.worker.trouble import released
from stook.worker.watchdog import Watchdog

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from stook.worker.group import Group
    from stook.worker.held import Held
    from stook.worker.outbox import Outbox
    from stook.worker.signals import Reason
    from stook.worker.spans import Spans

__all__ = ["Slots"]

TURN: Final = 1_500_000
"""Nanoseconds the loop may be kept busy by handlers that never suspend."""


LAST_WAIT: Final = 0.05
"""Seconds for consumers to end."""


class Slots:
    """`poke` is called when a slot or room in the queues may have become free, `quiet` when nothing is left to run,
    `failed` when a consumer ended by an error of its own."""

    def __init__(
        self,
        count: int,
        *,
        outbox: Outbox,
        poke: Callable[[], None],
        quiet: Callable[[], None],
        failed: Callable[[BaseException], None],
    ) -> None:
        self.count = count
        self.watchdog = Watchdog(self.look)
        self.poke = poke
        self.quiet = quiet
        self._failed = failed
        self.spans: Spans | None = None
        """Who traces calls of batched handlers."""
        self.base = contextvars.copy_context()
        """What every item's context begins as."""
        self.ready: deque[tuple[Held, int, Any]] = deque()
        self.threaded: deque[tuple[Held, int, Any]] = deque()
        self.groups: deque[Group] = deque()
        self.idle: list[Consumer] = []
        self.consumers: list[Consumer] = []
        self.calls: set[Group] = set()
        """Groups whose handler runs."""
        self.threads = Threads(self.threaded, outbox=outbox, base=self.base, watchdog=self.watchdog)
        self.low_water = 0
        """Items ready at which more are wanted."""
        self.turn_until = 0
        self.giving_way = False
        self.closing = False
        self._rotation: deque[deque[Any]] = deque((self.ready, self.threaded, self.groups))

    @property
    def busy(self) -> int:
        return len(self.consumers) - len(self.idle)

    @property
    def waiting(self) -> int:
        """Handler calls that wait for a slot."""
        return len(self.ready) + len(self.threaded) + len(self.groups)

    def add(self, held: Held, offsets: Sequence[int], payloads: Sequence[Any], *, threaded: bool) -> None:
        (self.threaded if threaded else self.ready).extend(zip(repeat(held), offsets, payloads))
        self.rouse(1)

    def add_group(self, group: Group, *, first: bool = False) -> None:
        if first:
            self.groups.appendleft(group)
        else:
            self.groups.append(group)
        self.rouse(1)

    def rouse(self, most: int) -> None:
        """Lets up to `most` more consumers look for work, if there is work and a slot for it."""
        for _ in range(min(most, self.waiting)):
            if self.idle:
                self.idle.pop().wake()
            elif len(self.consumers) < self.count and not self.closing:
                self.start_consumer()
            else:
                return

    def start_consumer(self) -> None:
        consumer = Consumer(self)
        self.consumers.append(consumer)
        consumer.start().add_done_callback(lambda task: self._ended(consumer, task))

    def next_queue(self) -> deque[Any] | None:
        """A queue with work in it; each kind in turn, so that none waits for another to run dry."""
        rotation = self._rotation
        for _ in range(len(rotation)):
            rotation.rotate(-1)
            if rotation[-1]:
                return rotation[-1]
        return None

    def look(self, now: int) -> int:
        """For the watchdog: stops what is due, and says when to look next."""
        for consumer in self.consumers:
            if consumer.due <= now:
                consumer.expire()
        return min([self.threads.look(now), *(consumer.due for consumer in self.consumers)])

    def begin_turn(self) -> None:
        if not self.giving_way:
            now = perf_counter_ns()
            if now >= self.turn_until:
                self.turn_until = now + TURN

    async def give_way(self) -> bool:
        """Lets the loop turn once. False if another consumer is doing that: one is enough, the caller parks."""
        self.poke()
        if self.giving_way:
            return False
        self.giving_way = True
        try:
            await asyncio.sleep(0)
        finally:
            self.giving_way = False
            self.turn_until = perf_counter_ns() + TURN
        return True

    # ------------------------------------------------------------------------------- what will not be run after all

    def sweep(self) -> None:
        """Ends waiting items that may not start any more."""
        for queue in (self.ready, self.threaded):
            for entry in _emptied(queue):
                held, offset, _ = entry
                if held.may_start(offset):
                    queue.append(entry)
                else:
                    held.withdraw(offset)
        self.rouse(self.count)

    def head(self) -> object:
        """What waits longest, by identity: the same for long means that nothing moves."""
        for queue in (self.ready, self.threaded):
            try:
                return queue[0]
            except IndexError:
                continue
        return None

    def hand_back(self, keep: int) -> int:
        """Releases waiting items, the last ones first, until `keep` are left. How many it were."""
        count = 0
        for queue in (self.threaded, self.ready):
            while len(self.ready) + len(self.threaded) > keep:
                try:
                    held, offset, _ = queue.pop()
                except IndexError:
                    break
                held.trouble(released(offset))
                count += 1
        return count

    def tell_calls(self, reason: Reason) -> None:
        for group in self.calls:
            if group.signal is not None:
                group.signal.set(reason)

    def cut(self) -> None:
        """Cancels every suspended handler; threads were told, which is all that can be done."""
        for consumer in self.consumers:
            if consumer.following:
                consumer.stop("shutdown")

    async def close(self) -> None:
        """Ends the consumers; one whose handler will not be ended is left to itself."""
        self.closing = True
        self.threads.close()
        self.watchdog.close()
        idle = set(self.idle)
        tasks = [consumer.end(idle=consumer in idle) for consumer in self.consumers]
        if tasks:
            await asyncio.wait(tasks, timeout=LAST_WAIT)

    def _ended(self, consumer: Consumer, task: asyncio.Task[None]) -> None:
        self.consumers.remove(consumer)
        if consumer in self.idle:
            self.idle.remove(consumer)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._failed(error)
        if self.waiting and not self.closing:
            self.rouse(1)


def _emptied(queue: deque[tuple[Held, int, Any]]) -> list[tuple[Held, int, Any]]:
    # Threads take from it meanwhile: each entry must leave it before it is looked at.
    entries = []
    while True:
        try:
            entries.append(queue.popleft())
        except IndexError:
            return entries
