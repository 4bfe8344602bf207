"""What the workers of this process did: `stook.worker.meter.Meter`."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

from stook.telemetry.distribution import HANDLERS, LATENCIES, Distribution

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from prometheus_client.core import Metric

    from stook.telemetry.loop_lag import LoopLag
    from stook.worker.meter import Load
    from stook.worker.source import Settlement, Slice, Trouble

__all__ = ["WorkerFigures"]

OUTCOMES: Final = ("succeeded", "failed", "retried", "lost", "cancelled", "released", "bisected")


class WorkerFigures:
    """Plain numbers, added to once per slice; whoever scrapes pays for their form."""

    def __init__(self, lag: LoopLag) -> None:
        self._lag = lag
        self._loads: list[Load] = []
        self._claimed: Counter[str] = Counter()
        self._outcomes: dict[str, Counter[str]] = {}
        self._durations: dict[str, Distribution] = {}
        self._leases_lost: Counter[str] = Counter()
        self._claims = Distribution(LATENCIES)
        self._settles = Distribution(LATENCIES)

    # --------------------------------------------------------------------------------------------------- as a meter

    def attach(self, load: Load) -> None:
        self._loads.append(load)
        self._lag.start()

    def detach(self, load: Load) -> None:
        self._loads = [one for one in self._loads if one is not load]
        self._lag.stop()

    def claimed(self, slices: Sequence[Slice], took: int) -> None:
        self._claims.add(took // 1000)
        for piece in slices:
            self._claimed[piece.task] += len(piece.offsets)

    def settled(self, settlements: Sequence[tuple[Slice, Settlement]], took: int) -> None:
        self._settles.add(took // 1000)
        for piece, one in settlements:
            outcomes = self._outcomes.get(piece.task)
            if outcomes is None:
                outcomes = self._outcomes[piece.task] = Counter()
                self._durations[piece.task] = Distribution(HANDLERS)
            if one.offsets:
                outcomes["succeeded"] += len(one.offsets)
                self._durations[piece.task].add_many(one.durations)
            if one.troubles:
                for trouble in one.troubles:
                    outcomes[_outcome(piece, trouble)] += 1
                self._durations[piece.task].add_many([each.duration for each in one.troubles if each.kind == "failed"])

    def lost(self, piece: Slice, items: int) -> None:
        self._leases_lost[piece.task] += items

    # ----------------------------------------------------------------------------------------------- for who scrapes

    def collect(self) -> Iterator[Metric]:
        yield _gauge("in_flight", "Executions claimed and not yet settled.", sum(one.in_flight for one in self._loads))
        yield _gauge("slots", "Handler calls there may be at once.", sum(one.capacity for one in self._loads))
        yield _gauge("slots_busy", "Handler calls there are.", sum(one.running for one in self._loads))
        yield _counter("claimed", "Executions taken from the queue.", self._claimed)
        yield self._attempts()
        yield self._handlers()
        yield _counter("lease_lost", "Executions whose lease ended before their outcome was stored.", self._leases_lost)
        yield _histogram("claim_seconds", "How long a claim took.", self._claims)
        yield _histogram("settle_seconds", "How long it took until a flush of outcomes was durable.", self._settles)

    def describe(self) -> Iterator[Metric]:
        return self.collect()

    def _attempts(self) -> Metric:
        made = CounterMetricFamily(
            "stook_worker_attempts", "Attempts whose end is stored, by how they ended.", labels=("task", "outcome")
        )
        for task, outcomes in list(self._outcomes.items()):
            for outcome in OUTCOMES:
                made.add_metric((task, outcome), outcomes[outcome])
        return made

    def _handlers(self) -> Metric:
        made = HistogramMetricFamily(
            "stook_worker_handler_seconds", "How long handlers ran that succeeded or failed.", labels=("task",)
        )
        for task, one in list(self._durations.items()):
            made.add_metric((task,), one.buckets(), one.total)
        return made


def _outcome(piece: Slice, trouble: Trouble) -> str:
    """A failure that is tried again is `retried`: as the policy has it, which the store has the last word on."""
    if trouble.kind == "failed" and trouble.retryable and piece.attempt < piece.policy.max_attempts:
        return "retried"
    return trouble.kind


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(f"stook_worker_{name}", text, value=value)


def _counter(name: str, text: str, values: Counter[str]) -> Metric:
    made = CounterMetricFamily(f"stook_worker_{name}", text, labels=("task",))
    for task, value in list(values.items()):
        made.add_metric((task,), value)
    return made


def _histogram(name: str, text: str, one: Distribution) -> Metric:
    made = HistogramMetricFamily(f"stook_worker_{name}", text, labels=())
    made.add_metric((), one.buckets(), one.total)
    return made
