"""What engines of this process did, whoever asked them: `stook.core.tally.Tally`."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from prometheus_client.core import CounterMetricFamily

from stook.telemetry.store_figures import MOST, OTHERS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from prometheus_client.core import Metric

__all__ = ["EngineFigures"]

CREATED: Final = "created"


class EngineFigures:
    """Of tasks the first `MOST` are named, and the others added up: a server's projects may have any number."""

    def __init__(self) -> None:
        self._invoked: Counter[tuple[str, str, str]] = Counter()
        self._taken_back: Counter[tuple[str, str]] = Counter()
        self._named: set[tuple[str, str]] = set()

    def invoked(self, receipts: Iterable[tuple[str, str, str | None]]) -> None:
        for (task, queue, reason), count in Counter(receipts).items():
            self._invoked[*self._shown(task, queue), reason or CREATED] += count

    def lapsed(self, items: Mapping[tuple[str, str], int]) -> None:
        for place, count in items.items():
            self._taken_back[self._shown(*place)] += count

    def collect(self) -> Iterator[Metric]:
        made = CounterMetricFamily(
            "stook_task_invocations", "Receipts of invocations, by reason.", labels=("task", "queue", "reason")
        )
        for labels, count in list(self._invoked.items()):
            made.add_metric(labels, count)
        yield made
        made = CounterMetricFamily(
            "stook_task_losses", "Executions taken back from workers that were gone.", labels=("task", "queue")
        )
        for place, count in list(self._taken_back.items()):
            made.add_metric(place, count)
        yield made

    def _shown(self, task: str, queue: str) -> tuple[str, str]:
        if (task, queue) not in self._named:
            if len(self._named) >= MOST:
                return OTHERS, OTHERS
            self._named.add((task, queue))
        return task, queue
