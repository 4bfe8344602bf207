"""Who goes next, and what may run: pure arithmetic over what the claim has read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stook.core.terms_room import TermsRoom

__all__ = ["Head", "Room", "Share", "ramp_limit", "share"]

RAMP_SECONDS: Final = 10
NO_LIMIT: Final = 1 << 60


class Head(msgspec.Struct, gc=False):
    """A segment at the front of the queue, `left` items in it. `group`: how many of the task's items make one call of
    the handler; 0: each is one, -1: all of the segment's are."""

    id: int
    batch_id: bytes
    project: str
    queue: str
    task: str
    priority: int
    rank: int
    left: int
    lane: str = ""
    cost: str | None = None
    group: int = 0


class Share(msgspec.Struct, gc=False):
    head: Head
    take: int


class Room(msgspec.Struct):
    """What is left under every limit that exists; a name without an entry has no limit."""

    projects: dict[str, int]
    queues: dict[tuple[str, str], int]
    tasks: dict[tuple[str, str], int]
    batches: dict[bytes, int]
    terms: Mapping[tuple[str, str], Any] = {}
    """By project and task, the `TermsRoom`."""

    @property
    def limited(self) -> bool:
        """There is any limit at all."""
        return bool(self.projects or self.queues or self.tasks or self.batches or self.terms)

    def copy(self) -> Room:
        terms = {place: one.copy() for place, one in self.terms.items()}
        return Room(self.projects.copy(), self.queues.copy(), self.tasks.copy(), self.batches.copy(), terms)

    def terms_of(self, head: Head) -> TermsRoom | None:
        return self.terms.get((head.project, head.task)) if self.terms else None

    def left(self, head: Head) -> int:
        terms = self.terms_of(head)
        return min(
            NO_LIMIT if terms is None else terms.left(head.lane, head.cost, head.group),
            self.projects.get(head.project, NO_LIMIT),
            self.queues.get((head.project, head.queue), NO_LIMIT),
            self.tasks.get((head.project, head.task), NO_LIMIT),
            self.batches.get(head.batch_id, NO_LIMIT),
        )

    def hold(self, head: Head) -> None:
        """Something of it was left over for want of tokens, if that is why: nothing overtakes it."""
        terms = self.terms_of(head)
        if terms is not None:
            terms.hold(head.lane, head.cost)

    def take(self, head: Head, count: int) -> None:
        if head.project in self.projects:
            self.projects[head.project] -= count
        if (head.project, head.queue) in self.queues:
            self.queues[head.project, head.queue] -= count
        if (head.project, head.task) in self.tasks:
            self.tasks[head.project, head.task] -= count
        if head.batch_id in self.batches:
            self.batches[head.batch_id] -= count
        terms = self.terms_of(head)
        if terms is not None and count:
            terms.take(head.lane, head.cost, count, ungrouped=not head.group)


def share(
    heads: Sequence[Head],
    *,
    items: int,
    slices: int,
    room: Room,
    in_flight: Mapping[str, int],
    weights: Mapping[str, float],
) -> list[Share]:
    """Which segments to take from and how much: higher priority first; then the project with the least in flight for
    its weight; then rank (which shares between the batches of a project); then age."""
    flows: dict[tuple[int, str], list[Head]] = {}
    for head in sorted(heads, key=lambda one: (one.rank, one.id), reverse=True):
        flows.setdefault((-head.priority, head.project), []).append(head)
    load = {project: in_flight.get(project, 0) for _, project in flows}
    shares: list[Share] = []
    for priority in sorted({order for order, _ in flows}):
        level = {project: queue for (order, project), queue in flows.items() if order == priority}
        while level and items > 0 and len(shares) < slices:
            project = min(level, key=lambda name: (load[name] / weights.get(name, 1.0), name))
            head = level[project].pop()
            if not level[project]:
                del level[project]
            allowed = room.left(head)
            count = min(head.left, items, allowed)
            if count > 0:
                room.take(head, count)
                load[project] += count
                items -= count
                shares.append(Share(head, count))
            if room.terms and allowed < head.left:
                room.hold(head)
    return shares


def ramp_limit(now: int, resumed_at: int | None) -> int | None:
    """How many executions of a batch may be in flight so soon after it was resumed: 4, doubling every second, no
    limit after ten. None: no limit."""
    if resumed_at is None:
        return None
    seconds = (now - resumed_at) // 1_000_000
    return None if seconds >= RAMP_SECONDS else 4 << max(0, seconds)
