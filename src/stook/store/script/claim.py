"""A worker takes work: segments' cursors move, leases are written.

Only segments are locked, and those another claim holds are skipped: a claim never waits for a settlement or an
operator. Limits are guarded by locks that only claims take.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from stook.core.limits import Room, Share, ramp_limit, share
from stook.core.work import Claimed
from stook.store.script.gates import CONTENDED, Flow, Gates
from stook.store.script.group import close_groups, form_groups, largest_group
from stook.store.script.lane_walk import LaneWalk
from stook.store.script.leasing import Segment, lease
from stook.store.script.pieces import pieces_of, sizes_that_matter, whole
from stook.store.script.plain_claim import Plain, claim_plainly
from stook.store.statement import All, Each, Guard, Now

if TYPE_CHECKING:
    from stook.store.statement import Row, Script

__all__ = ["Ask", "claim"]

FEW = 4
"""Segments looked at first per task and project: what is locked is hidden from other claims meanwhile."""
HEADS = 24
"""Segments looked at where these do not fill the claim: so many that a few at their limit hide nothing."""
LANES = 16
"""Lanes of a task and project looked at in a round."""
LANE_HEADS = 96
"""Segments looked at, all in all, where there are many lanes."""
ROUNDS = 8
"""Rounds of a claim that finds only lanes without room."""
LATER = 0.05
"""Seconds after which a claim that has found only those is worth another."""


class Ask(msgspec.Struct, kw_only=True):
    worker: str
    tasks: Sequence[str]
    items: int
    slices: int
    idle: bool
    hurried: bool = False
    """Groups of batched tasks close with what is there."""
    lease_until: Callable[[int], int]
    """now → when the lease ends."""
    tokens: Callable[[], int]
    project: str | None = None
    """Only work of this project; None: of all."""
    plain: Plain | None = None
    """What plain claims go by, and learn from this one; None: there are none."""
    pivot: Callable[[], str] = lambda: ""
    """Draws the lane to begin with, of a task that has many: eight hexadecimal digits."""


def claim(ask: Ask) -> Script[Claimed]:
    """Slices for a worker, oldest right first, within every limit, of nothing that is past its time to start. A suspect
    is given only to an idle worker, alone."""
    if ask.plain is not None:
        plainly = yield from claim_plainly(ask, ask.plain)
        if plainly is not None:
            return plainly
    front: list[Row] = yield Each("claim_front", [(task,) for task in ask.tasks])
    now: int = yield Now()
    quotas = [row for row in front if row[0] not in (None, "terms", "flow")]
    found = [(task, project, *lanes) for kind, project, task, _, _, _, *lanes in front if kind == "flow"]
    if ask.plain is not None:
        ask.plain.learn_terms(front)
    gates = Gates(front, now)
    flows = _unpaused(_own(ask, found), quotas)
    yield from gates.enter((project, task) for task, project, *_ in flows)
    suspect = yield from _suspect(ask, [task for task, project, *_ in found if project is None], quotas, gates, now)
    if suspect and ask.idle:
        leased = yield from lease(ask, [whole(*suspect)], gates, now, alone=True, forced={})
        if leased:
            return Claimed(leased, suspects=True)
    open_ = [one for one in flows if gates.admits(one[1], one[0])]
    claimed = Claimed([])
    pivot = ask.pivot() if any(first != last for _, _, first, last in open_) else ""
    walk = LaneWalk(open_, pivot, max(2, min(LANES, ask.items)))
    for _ in range(ROUNDS):
        lanes = yield from walk.round()
        claimed = yield from _claim_from(ask, (yield from gates.narrow(lanes)), gates, quotas, now)
        if claimed.slices or walk.done or claimed.wait == CONTENDED:
            break
    else:
        claimed.wait = LATER if claimed.wait is None else min(LATER, claimed.wait)
    claimed.suspects = suspect is not None
    at = gates.wait_at()
    waits = [*([] if at is None else [(at - now) / 1_000_000]), *([CONTENDED] if gates.contended else [])]
    if waits:
        claimed.wait = min([*waits, *([] if claimed.wait is None else [claimed.wait])])
    return claimed


def _claim_from(ask: Ask, flows: Sequence[Flow], gates: Gates, quotas: Sequence[Row], now: int) -> Script[Claimed]:
    full: list[bytes] = []
    heads = HEADS if len(flows) * HEADS <= LANE_HEADS or not any(lane for *_, lane in flows) else FEW
    most = FEW
    while flows:
        rows = yield Each("claim_heads", [(*flow, b"".join(full), most, now) for flow in flows])
        if not rows and not full:
            return Claimed([], wait=CONTENDED)
        segments = {row[0]: Segment(*row) for row in rows}
        undeclared = gates.undeclared(((one.project, one.task), one.policy) for one in segments.values())
        if undeclared:
            yield from gates.declare(undeclared)
            flows = yield from gates.narrow(flows)
            continue
        room, in_flight, weights = yield from _room(list(segments.values()), quotas, gates, now)
        forming = form_groups(list(segments.values()), room, now, hurried=ask.hurried)
        counts = Counter((one.task, one.project, one.lane) for one in segments.values())
        more = any(count >= most for count in counts.values())
        if forming.short > most and more:
            most = forming.short
            continue
        largest = largest_group(segments.values())
        if largest and more and most < heads:
            most = heads
            continue
        blocked = {one.batch_id for one in forming.allowed if room.batches.get(one.batch_id, 1) <= 0}
        slices = max(ask.slices, largest)
        keyed = any(lane for *_, lane in flows)
        items = max(ask.items, largest) if keyed else ask.items
        gates.note_waiting(one.head() for one in forming.allowed)
        shares = share(
            [one.head() for one in forming.allowed],
            items=items,
            slices=slices,
            room=room,
            in_flight=in_flight,
            weights=weights,
        )
        sated = len(shares) >= slices or sum(one.take for one in shares) >= items
        if most < heads and more and (not sated or _emptied(shares, counts, most)):
            most = heads
            continue
        closed = close_groups(
            _whole_groups(shares, segments, room),
            {one.id: one for one in forming.allowed},
            room,
            now,
            sated=sated,
            more=more,
            hurried=ask.hurried,
        )
        if not closed.shares and blocked:
            full.extend(blocked)
            continue
        sizes = yield from sizes_that_matter(closed, segments)
        cut = pieces_of(closed, segments, gates.rooms, ask.tokens, sizes, now)
        leased = yield from lease(ask, cut.pieces, gates, now, alone=False, forced=closed.forced, why=cut.why)
        if cut.pieces and not leased:
            continue
        if ask.plain is not None:
            ask.plain.learn_policies(segments[one.head.id].policy for one in closed.shares)
        moments = [one - now for one in (forming.wait_until, closed.wait_until, cut.wait_until) if one is not None]
        kept_back = bool(full) or (
            not sated and sum(one.take for one in shares) < sum(one.head().left for one in forming.allowed)
        )
        return Claimed(leased, wait=min(moments) / 1_000_000 if moments else None, limited=kept_back)
    return Claimed([])


def _emptied(shares: Sequence[Share], counts: Mapping[Flow, int], most: int) -> bool:
    """Whether all that was seen of a lane is taken, and there may be more of it."""
    taken = Counter((one.head.task, one.head.project, one.head.lane) for one in shares if one.take == one.head.left)
    return any(count >= most and counts[flow] == count for flow, count in taken.items())


def _suspect(
    ask: Ask, tasks: Sequence[str], quotas: Sequence[Row], gates: Gates, now: int
) -> Script[tuple[Segment, int] | None]:
    """The oldest suspect that pauses and limits let run, and how many of its items; of the first few of these tasks."""
    after = dict.fromkeys(tasks, 0)
    for _ in range(HEADS if after else 0):
        rows: list[Row] = yield _look_for_suspects(ask, after)
        found = sorted((Segment(*row) for row in rows), key=lambda one: one.id)
        after = {one.task: one.id for one in found}
        undeclared = gates.undeclared(((one.project, one.task), one.policy) for one in found)
        if undeclared:
            yield from gates.declare(undeclared)
        yield from gates.enter((one.project, one.task) for one in found)
        narrowed = yield from gates.narrow([(one.task, one.project, one.lane) for one in found])
        allowed = set(_unpaused([(*flow, flow[2]) for flow in narrowed], quotas))
        for one in found:
            if (one.task, one.project, one.lane, one.lane) in allowed:
                room, _, _ = yield from _room([one], quotas, gates, now)
                count = min(one.stop - one.pos, room.left(one.head()))
                if count > 0:
                    return one, count
        if not after:
            break
    return None


def _look_for_suspects(ask: Ask, after: dict[str, int]) -> Each:
    """The next of each task behind the one seen last. They have started once: no time to start in holds for them."""
    if ask.project is None:
        return Each("claim_suspect", list(after.items()))
    return Each("claim_suspect_of", [(task, seen, ask.project) for task, seen in after.items()])


def _own(ask: Ask, flows: Sequence[Row]) -> Sequence[Row]:
    return [flow for flow in flows if flow[1] is not None and ask.project in (None, flow[1])]


def _whole_groups(shares: list[Share], segments: dict[int, Segment], room: Room) -> list[Share]:
    """A closed group is given whole to a worker of any appetite, as far as limits allow."""
    whole = []
    for one in shares:
        more = min(one.head.left - one.take, room.left(one.head)) if segments[one.head.id].closed else 0
        room.take(one.head, more)
        whole.append(Share(one.head, one.take + more))
    return whole


def _unpaused(flows: Sequence[Row], quotas: Sequence[Row]) -> list[tuple[str, str, str, str]]:
    paused = {(scope, project, name) for scope, project, name, _, stopped, *_ in quotas if stopped}
    return [
        (task, project, first, last)
        for task, project, first, last in flows
        if not paused or (("project", project, "") not in paused and ("task", project, task) not in paused)
    ]


def _room(
    segments: Sequence[Segment], quotas: Sequence[Row], gates: Gates, now: int
) -> Script[tuple[Room, dict[str, int], dict[str, float]]]:
    """What limits leave. Locks each limit that could matter, then counts leases: exact, whoever else claims now."""
    projects = {one.project for one in segments}
    limits = {
        (scope, project, name): most
        for scope, project, name, most, *_ in quotas
        if most is not None and project in projects
    }
    stopped = {(project, name) for scope, project, name, _, paused, *_ in quotas if paused and scope == "queue"}
    batches = {}
    for one in segments:
        bounds = [bound for bound in (one.max_concurrency, ramp_limit(now, one.ramp_at)) if bound is not None]
        if bounds:
            batches[one.batch_id] = min(bounds)
    terms = {place: one.copy() for place, one in gates.rooms.items()}
    room = Room({}, dict.fromkeys(stopped, 0), {}, {}, terms)
    if not limits and not batches and len(projects) <= 1:
        return room, {}, {}
    guards = {f"{scope}:{project}:{name}" for scope, project, name in limits}
    guards |= {f"batch:{one.hex()}" for one in batches}
    yield Guard(tuple(guards - gates.held))
    gates.held |= guards  # from here on it waits for no task's guard
    usage: list[Row] = yield All("usage")
    in_flight: dict[str, int] = {}
    used: dict[tuple[str, str, str], int] = {}
    for project, queue, task, live in usage:
        in_flight[project] = in_flight.get(project, 0) + live
        for scope in (("project", project, ""), ("queue", project, queue), ("task", project, task)):
            used[scope] = used.get(scope, 0) + live
    for (scope, project, name), most in limits.items():
        left = max(0, most - used.get((scope, project, name), 0))
        match scope:
            case "project":
                room.projects[project] = left
            case "queue":
                room.queues[project, name] = min(left, room.queues.get((project, name), left))
            case _:
                room.tasks[project, name] = left
    if batches:
        held: list[Row] = yield Each("batch_usage", [(one,) for one in batches])
        live_of: dict[bytes, int] = {row[0]: row[1] for row in held}
        room.batches.update({one: max(0, most - live_of.get(one, 0)) for one, most in batches.items()})
    weights: list[Row] = (yield All("weights")) if len(projects) > 1 else []
    return room, in_flight, {row[0]: row[1] for row in weights}
