"""Where claimed work goes: each lane asks for what it has room for, and takes it in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from stook.core.errors import StookError
from stook.worker.conversion import Unreadable
from stook.worker.pace import CLAIM_LIMIT
from stook.worker.trouble import failed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from stook.worker.held import Held
    from stook.worker.pace import Pace
    from stook.worker.slots import Slots

__all__ = ["Elsewhere", "Lane", "SlotLane", "Surroundings", "read_payloads"]


class Lane(Protocol):
    @property
    def tasks(self) -> Sequence[str]: ...

    @property
    def pace(self) -> Pace: ...

    def want(self) -> int:
        """Executions it can take now."""
        ...

    def at_once(self) -> int:
        """Of these, what would start at once: a claim is never for less, however small claims are meant to be."""
        ...

    @property
    def gathering(self) -> int:
        """Groups that form here: each will want a slot."""
        ...

    def want_last(self, free: int) -> int:
        """Executions for the groups that `free` slots, beside other lanes' groups, can take when the worker stops."""
        ...

    def accept(self, held: Held) -> None: ...

    def claimed(self, *, all_of_it: bool, hurried: bool) -> None:
        """A claim's slices were accepted; `all_of_it`: nothing more is there now. `hurried`: nobody waits for more."""
        ...

    def close(self, why: str) -> None:
        """Nothing more comes: what still gathers goes to the queue."""
        ...

    def hand_back(self) -> int:
        """Releases what would wait here longer than it should; how many items."""
        ...


class Elsewhere(Lane, Protocol):
    """A lane whose items run in processes of its own, beside the slots."""

    count: int
    """Calls that it can have at once."""

    @property
    def busy(self) -> int:
        """Of these, how many it has."""
        ...

    async def start(self) -> None:
        """Raises if it can run nothing."""
        ...

    def sweep(self) -> None:
        """Ends waiting items that may not start any more."""
        ...

    def shut(self) -> None:
        """What has not started is given up, nothing starts any more."""
        ...

    def cut(self) -> None:
        """What runs is ended."""
        ...

    def kill(self) -> None:
        """The same, without waiting for anything."""
        ...

    async def end(self) -> None:
        """No process of it is at work on return."""
        ...


class Surroundings(NamedTuple):
    """What a worker gives such a lane: `poke` is to be called when it may take more, `quiet` when it has nothing."""

    pace: Pace
    poke: Callable[[], None]
    quiet: Callable[[], None]


class SlotLane:
    """Tasks whose handlers take one item per call, on the loop or in threads."""

    def __init__(self, tasks: Sequence[str], *, slots: Slots, pace: Pace) -> None:
        self.tasks = tasks
        self.pace = pace
        self._slots = slots
        self._head: object = None
        """What waited first when it was last looked at."""

    def want(self) -> int:
        slots, ahead = self._slots, self.pace.ahead()
        free, waiting = slots.count - slots.busy, slots.waiting
        slots.low_water = ahead // 2
        if waiting > max(free, slots.low_water):
            return 0
        return min(free + ahead - waiting, CLAIM_LIMIT)

    def at_once(self) -> int:
        return self._slots.count - self._slots.busy

    @property
    def gathering(self) -> int:
        return 0

    def want_last(self, free: int) -> int:  # noqa: ARG002 - single items wait for nobody: what is queued stays there
        return 0

    def accept(self, held: Held) -> None:
        offsets, payloads = read_payloads(held)
        self._slots.add(held, offsets, payloads, threaded=not held.definition.is_async)

    def claimed(self, *, all_of_it: bool, hurried: bool) -> None:
        """Items went to the queue as they came."""

    def close(self, why: str) -> None:
        """As for `claimed`."""

    def hand_back(self) -> int:
        waiting = len(self._slots.ready) + len(self._slots.threaded)
        if not waiting:
            self._head = None
            return 0
        head, self._head = self._head, self._slots.head()
        stalled = self._head is not None and head is self._head
        if stalled:
            self.pace.stalled()
        ahead = self.pace.ahead()
        return self._slots.hand_back(ahead) if stalled or waiting > self._slots.count + 4 * ahead else 0


def read_payloads(held: Held) -> tuple[Sequence[int], list[Any]]:
    """Offsets and payloads of the items that can be read; each of the others has failed for good."""
    offsets = held.piece.offsets
    payloads = held.definition.reader.read_many(held.piece.payload)
    if len(payloads) != len(offsets):
        raise StookError(f"a slice of {len(offsets)} items came with {len(payloads)} payloads")
    if Unreadable not in set(map(type, payloads)):
        return offsets, payloads
    kept: list[tuple[int, Any]] = []
    for offset, payload in zip(offsets, payloads, strict=True):
        if isinstance(payload, Unreadable):
            held.trouble(failed(offset, payload.error, held.retry))
        else:
            kept.append((offset, payload))
    return [offset for offset, _ in kept], [payload for _, payload in kept]
