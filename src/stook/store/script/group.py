"""Groups of batched tasks form in the queue, across batches and workers: the claim gives them whole.

    size members │ `timeout` after the first became ready │ no room under a limit for more │ a worker that drains

Nobody holds members of a group that still forms. The worker only cuts what it is given: by size, by bytes, and where
`Slice.forced` says that no more will come.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from stook.store.script.batch_row import decode_policy

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from stook.core.limits import Head, Room, Share
    from stook.core.policy import BatchConfig
    from stook.store.script.gates import Flow

__all__ = ["Closed", "Forming", "Waiting", "close_groups", "closes_at", "form_groups", "largest_group"]

SECOND = 1_000_000


class Waiting(Protocol):
    @property
    def id(self) -> int: ...
    @property
    def task(self) -> str: ...
    @property
    def project(self) -> str: ...
    @property
    def lane(self) -> str: ...
    @property
    def policy(self) -> str: ...
    @property
    def pos(self) -> int: ...
    @property
    def stop(self) -> int: ...
    @property
    def ready_at(self) -> int: ...
    @property
    def closed(self) -> int: ...
    def head(self) -> Head: ...


W = TypeVar("W", bound=Waiting)


@dataclass
class Forming(Generic[W]):
    allowed: list[W]
    """The segments that may be claimed now."""
    wait_until: int | None = None
    """When the next group closes by its timeout."""
    short: int = 0
    """The size of the largest group that these segments do not fill: with more of them it could be full."""


@dataclass
class Closed:
    shares: list[Share]
    forced: dict[Flow, str]
    """By task, project and lane: why its last group has fewer members than it could have."""
    wait_until: int | None = None
    """As in `Forming`, for what is left."""


def form_groups(segments: Sequence[W], room: Room, now: int, *, hurried: bool = False) -> Forming[W]:
    """Items of a batched task wait, claimed by nobody, until `size` of a project and lane are ready, or as many as
    limits let run, or the oldest has waited `timeout` seconds. `hurried`: nobody waits for more."""
    ready: dict[Flow, int] = {}
    oldest: dict[Flow, int] = {}
    for one in segments:
        if not one.closed:
            flow = _flow(one)
            ready[flow] = ready.get(flow, 0) + one.stop - one.pos
            oldest[flow] = min(oldest.get(flow, one.ready_at), one.ready_at)
    forming: Forming[W] = Forming([])
    no_more = _no_more_fit(segments, room) if room.limited else frozenset()
    for one in segments:
        config = _config(one)
        if config is None or ready[_flow(one)] >= config.size or _flow(one) in no_more:
            forming.allowed.append(one)
            continue
        forming.short = max(forming.short, config.size)
        closes = oldest[_flow(one)] - one.ready_at + closes_at(one)
        if hurried or closes <= now:
            forming.allowed.append(one)
        else:
            forming.wait_until = _earlier(forming.wait_until, closes)
    return forming


def close_groups(
    shares: list[Share],
    segments: Mapping[int, W],
    room: Room,
    now: int,
    *,
    sated: bool,
    more: bool,
    hurried: bool = False,
) -> Closed:
    """What a worker gets of `shares` in `segments`, which were allowed and are given by their ids; `room` is what they
    leave. `sated`: the worker wants no more than that. `more`: there may be segments that were not looked at.

    Items behind the last full group stay where they are, unless their own time has come, or no others may join them.
    Where the task has several flows, or its groups are counted, a worker is never given a part of a group to wait for
    the rest of.
    """
    closed = Closed([], {})
    batched = [one for one in shares if _config(segments[one.head.id]) is not None]
    flows = dict.fromkeys(_flow(segments[one.head.id]) for one in batched)
    for flow in flows:
        open_ = [one for one in segments.values() if _flow(one) == flow and not one.closed]
        given = [one for one in batched if _flow(segments[one.head.id]) == flow]
        alone = not flow[2] and sum(task == flow[0] for task, *_ in flows) == 1 and not _counted(given, room)
        size, count = largest_group(open_), sum(one.take for one in given)
        rest = count % size
        if sum(one.stop - one.pos for one in open_) < size:
            taken = {one.head.id for one in given}
            members = [one for one in open_ if one.id in taken or room.left(one.head()) > 0]
        elif not rest or (sated and count < size):
            if not alone and rest:
                _leave(given, rest)
            continue  # what does not fill a group was asked for to fill one
        elif (sated or more) and count > size:
            _leave(given, rest)
            continue
        else:
            members = [segments[one.head.id] for one in _last(given, rest)]
        closes = min(map(closes_at, members))
        if hurried:
            closed.forced[flow] = "drain"
        elif closes <= now:
            closed.forced[flow] = "timeout"
        elif all(room.left(one.head) <= 0 for one in given):
            closed.forced[flow] = "concurrency"
        else:
            _leave(given, rest)
            closed.wait_until = _earlier(closed.wait_until, closes)
    closed.shares = [one for one in shares if one.take]
    return closed


def largest_group(segments: Iterable[Waiting]) -> int:
    """The size of the largest group any of them may join; 0 where no task is batched."""
    return max((config.size for config in map(_config, segments) if config is not None), default=0)


def _config(one: Waiting) -> BatchConfig | None:
    """None for what joins no group."""
    return None if one.closed else decode_policy(one.policy).batch


def _flow(one: Waiting) -> Flow:
    return one.task, one.project, one.lane


def _counted(given: Sequence[Share], room: Room) -> bool:
    return any(terms is not None and terms.count_groups for terms in (room.terms_of(one.head) for one in given))


def _no_more_fit(segments: Sequence[W], room: Room) -> set[Flow]:
    """Flows of batched tasks whose ready items take all the room there is for them."""
    room = room.copy()
    open_: dict[Flow, list[Head]] = {}
    for one in segments:
        if _config(one) is not None:
            head = one.head()
            room.take(head, min(head.left, room.left(head)))
            open_.setdefault(_flow(one), []).append(head)
    return {flow for flow, heads in open_.items() if all(room.left(head) <= 0 for head in heads)}


def closes_at(one: Waiting) -> int:
    """When a group whose first member it is closes by its timeout."""
    config = decode_policy(one.policy).batch
    return one.ready_at + (0 if config is None else round(config.timeout * SECOND))


def _last(given: Sequence[Share], rest: int) -> list[Share]:
    """Those that the last `rest` items are of."""
    found = []
    for one in reversed(given):
        if rest > 0:
            found.append(one)
        rest -= one.take
    return found


def _leave(given: Sequence[Share], rest: int) -> None:
    for one in _last(given, rest):
        left = min(one.take, rest)
        one.take -= left
        rest -= left


def _earlier(one: int | None, other: int) -> int:
    return other if one is None else min(one, other)
