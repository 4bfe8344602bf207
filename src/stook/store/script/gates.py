"""Whether tasks may start anything now: their windows, and what their limits and rates leave, under their guards.

closed window ──▶ passed over until it opens
guard taken by another claim ──▶ passed over for a moment, unless there is nothing else to do
lane with no room ──▶ passed over, its segments unread
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from stook.core.terms import has_terms, read_terms, terms_of_policy, write_terms
from stook.core.terms_room import TermsRoom
from stook.core.window import closes_at, is_open, opens_at
from stook.store.script.batch_row import decode_policy
from stook.store.statement import Each, Guard, Many, TryGuard

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from stook.core.limits import Head
    from stook.core.terms import Terms
    from stook.store.statement import Row, Script

__all__ = ["CONTENDED", "Flow", "Gates", "Place"]

CONTENDED: Final = 0.002
"""Seconds after which what another claim holds is free again: it lets go of what it does not take in a moment."""
Place = tuple[str, str]
"""(project, task)."""
Flow = tuple[str, str, str]
"""(task, project, lane)."""


class Gates:
    """For one claim. `rows` are those of `claim_front.sql`; `rooms` has a task once `enter` let it in, if anything of
    it is counted."""

    def __init__(self, rows: Sequence[Row], now: int) -> None:
        self._terms = {(row[1], row[2]): read_terms(row[5]) for row in rows if row[0] == "terms"}
        self._quotas = {(row[1], row[2]) for row in rows if row[0] == "task" and row[3] is not None}
        self._now = now
        self._shut: set[Place] = set()
        self._entered: set[Place] = set()
        self.held: set[str] = set()
        """Guards that this claim holds."""
        self._moments: list[int] = []
        self.rooms: dict[Place, TermsRoom] = {}
        self.contended = False
        """Something was passed over only because another claim was at it."""

    @property
    def idle(self) -> bool:
        """No task has terms, or a limit."""
        return not self._terms and not self._quotas

    def terms_of(self, place: Place) -> Terms | None:
        """None: its terms have never been declared."""
        found = self._terms.get(place)
        return self._terms.get(("", place[1])) if found is None else found

    def enter(self, places: Iterable[Place]) -> Script[None]:
        """Looks at those it has not looked at yet."""
        fresh = [] if self.idle else sorted({one for one in places if one not in self._entered})
        self._entered.update(fresh)
        names: dict[str, Place] = {}
        for place in fresh:
            terms = self.terms_of(place)
            if terms is not None and terms.window is not None and not is_open(terms.window, self._now):
                self._shut.add(place)
                self._moments.append(opens_at(terms.window, self._now))
            elif (terms is not None and terms.counted) or place in self._quotas:
                names[f"task:{place[0]}:{place[1]}"] = place
        if names:
            yield from self._guard(names, others=len(fresh) > len(names) + len(self._shut.intersection(fresh)))
        counted = [place for place in names.values() if place not in self._shut and self._counts(place)]
        if not counted:
            return
        usage: list[Row] = yield Each("lane_usage", counted)
        for place in counted:
            rows = [tuple(row[2:]) for row in usage if (row[0], row[1]) == place]
            terms = self.terms_of(place)
            assert terms is not None
            self.rooms[place] = TermsRoom(terms, rows, self._now)

    def _counts(self, place: Place) -> bool:
        terms = self.terms_of(place)
        return terms is not None and terms.counted

    def _guard(self, names: dict[str, Place], *, others: bool) -> Script[None]:
        """A claim that holds a guard waits for no other one, so no two wait for each other."""
        free: frozenset[str] = yield TryGuard(tuple(names))
        if not free and not others and not self.held:
            yield Guard(tuple(names))
            free = frozenset(names)
        self.held |= free
        for name, place in names.items():
            if name not in free:
                self._shut.add(place)
                self.contended = True

    def admits(self, project: str, task: str) -> bool:
        return (project, task) not in self._shut

    def narrow(self, flows: Sequence[Flow]) -> Script[list[Flow]]:
        """Those that have room, as far as that can be told without looking at what waits in them."""
        open_ = [flow for flow in flows if self.admits(flow[1], flow[0])]
        if not self.rooms:
            return open_
        yield from self._fill(open_)
        kept = []
        for task, project, lane in open_:
            room = self.rooms.get((project, task))
            if room is not None and room.is_full(lane):
                self._wait_for_rate(room, lane, None)
            else:
                kept.append((task, project, lane))
        return kept

    def _fill(self, flows: Sequence[Flow]) -> Script[None]:
        wanted = {
            (project, task, *key)
            for task, project, lane in flows
            if (project, task) in self.rooms
            for key in self.rooms[project, task].bucket_keys(lane)
        }
        if not wanted:
            return
        rows: list[Row] = yield Each("read_rate_bucket", sorted(wanted))
        for place, room in self.rooms.items():
            room.fill({(row[2], row[3]): (row[4], row[5]) for row in rows if (row[0], row[1]) == place})

    def _wait_for_rate(self, room: TermsRoom, lane: str, cost: str | None) -> None:
        at = room.next_at(lane, cost)
        if at is not None:
            self._moments.append(at)

    def note_waiting(self, heads: Iterable[Head]) -> None:
        """What was looked at, and waits for tokens."""
        for head in heads:
            room = self.rooms.get((head.project, head.task))
            if room is not None:
                self._wait_for_rate(room, head.lane, head.cost)

    def undeclared(self, heads: Iterable[tuple[Place, str]]) -> dict[Place, str]:
        """Places whose work, by the policy it was submitted with, has terms that were never declared."""
        return {
            place: policy
            for place, policy in heads
            if has_terms(decode_policy(policy)) and self.terms_of(place) is None
        }

    def declare(self, found: dict[Place, str]) -> Script[None]:
        """What the catalogue says of them, or else the policy of what waits, and enters them again."""
        rows: list[Row] = yield Each("catalogued_policy", sorted(found))
        known = {(row[0], row[1]): row[2] for row in rows}
        declared = []
        for place, policy in sorted(found.items()):
            terms = terms_of_policy(decode_policy(known[place] or policy))
            declared.append((*place, write_terms(terms), write_terms(terms)))
            self._terms[place] = terms
        yield Many("insert_task_terms", declared)
        self._entered.difference_update(found)
        yield from self.enter(found)

    def closes_in(self, place: Place) -> float | None:
        """Seconds until the task's window closes; None: it never does."""
        terms = self.terms_of(place) if self._terms else None
        end = None if terms is None or terms.window is None else closes_at(terms.window, self._now)
        return None if end is None else (end - self._now) / 1_000_000

    def charge(self, leased: Iterable[tuple[Head, int]]) -> Script[None]:
        """Writes what these took out of their buckets; `leased` is all the claim gives, and is given once."""
        spent: dict[Place, TermsRoom] = {}
        for head, count in leased:
            room = self.rooms.get((head.project, head.task))
            if room is not None:
                room.take(head.lane, head.cost, count, ungrouped=not head.group)
                spent[head.project, head.task] = room
        rows = [
            (*place, *key, bucket.tokens, bucket.at, bucket.full_at)
            for place, room in sorted(spent.items(), key=lambda one: one[0])
            for key, bucket in room.buckets(sorted(room.spent))
        ]
        if rows:
            yield Many("write_rate_bucket", rows)

    def wait_at(self) -> int | None:
        """When something that was passed over may start."""
        return min(self._moments, default=None)
