"""What the store has: of the whole installation, so it is not for everybody's eyes."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final

from prometheus_client.core import GaugeMetricFamily

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from prometheus_client.core import Metric

    from stook.store.script.read.figures import LiveFigures, StoreFigures

__all__ = ["MOST", "OTHERS", "store_families"]

MOST: Final = 100
"""Queues of projects that are named, those with the most open items first; the others are added up."""
OTHERS: Final = "(others)"
_PLACE: Final = ("project", "queue")
_Place = tuple[str, str]


def store_families(found: StoreFigures | None) -> Iterator[Metric]:
    """None: the store does not answer."""
    yield GaugeMetricFamily("stook_store_up", "1: the store answers.", value=float(found is not None))
    made = _Figures(found)
    yield _family("executions", "Executions of batches that have not ended.", made.states(), "state")
    yield _family("batches", "Batches that have not ended.", made.phases(), "phase")
    yield _family("queue_age_seconds", "How long what is next in line has been waiting.", made.ages())
    yield _family("leases", "Leases that workers hold.", made.leases())
    workers = GaugeMetricFamily("stook_workers", "Workers that gave a sign of life within 30 seconds.", labels=())
    if found is not None:
        workers.add_metric((), found.workers)
    yield workers


def _family(name: str, text: str, values: Mapping[tuple[str, ...], float], *more: str) -> Metric:
    made = GaugeMetricFamily(f"stook_{name}", text, labels=(*_PLACE, *more))
    for labels, value in values.items():
        made.add_metric(labels, value)
    return made


class _Figures:
    """By project and queue, and those that are too many as one."""

    def __init__(self, found: StoreFigures | None) -> None:
        self._now = 0 if found is None else found.now
        self._live = () if found is None else found.live
        self._leases = () if found is None else found.leases
        self._ready = () if found is None else found.ready
        open_items: dict[_Place, int] = defaultdict(int)
        for live in self._live:
            open_items[live.project, live.queue] += _open(live)
        for lease in self._leases:
            open_items[lease.project, lease.queue] += 0
        for one in self._ready:
            open_items[one.project, one.queue] += 0
        self._named = set(sorted(open_items, key=lambda place: (-open_items[place], place))[:MOST])

    def states(self) -> Mapping[tuple[str, ...], int]:
        made: dict[tuple[str, ...], int] = defaultdict(int)
        for live in self._live:
            place = self._shown(live.project, live.queue)
            for state in ("succeeded", "failed", "cancelled", "expired", "scheduled", "suspended"):
                made[*place, state] += getattr(live, state)
            made[*place, "queued"] += _open(live) - live.scheduled - live.suspended
        for lease in self._leases:
            place = self._shown(lease.project, lease.queue)
            made[*place, "running"] += lease.running
            made[*place, "queued"] -= lease.running
        return made

    def phases(self) -> Mapping[tuple[str, ...], int]:
        made: dict[tuple[str, ...], int] = defaultdict(int)
        for live in self._live:
            made[*self._shown(live.project, live.queue), live.phase] += live.batches
        return made

    def leases(self) -> Mapping[tuple[str, ...], int]:
        made: dict[tuple[str, ...], int] = defaultdict(int)
        for lease in self._leases:
            made[self._shown(lease.project, lease.queue)] += lease.leases
        return made

    def ages(self) -> Mapping[tuple[str, ...], float]:
        made: dict[tuple[str, ...], float] = {}
        for one in self._ready:
            if one.ready_at is not None:
                place = self._shown(one.project, one.queue)
                made[place] = max(made.get(place, 0.0), (self._now - one.ready_at) / 1_000_000)
        return made

    def _shown(self, project: str, queue: str) -> _Place:
        return (project, queue) if (project, queue) in self._named else (OTHERS, OTHERS)


def _open(live: LiveFigures) -> int:
    return live.total - live.succeeded - live.failed - live.cancelled - live.expired
