"""What the workers of this process did: `stook.worker.meter.Meter`."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

from stook.telemetry.distribution import HANDLERS, LATENCIES, SIZES, Distribution
from stook.telemetry.engine_figures import EngineFigures

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from prometheus_client.core import Metric

    from stook.telemetry.loop_lag import LoopLag
    from stook.worker.meter import Load
    from stook.worker.source import Settlement, Slice, Trouble

__all__ = ["WorkerFigures"]

OUTCOMES: Final = ("succeeded", "failed", "retried", "lost", "cancelled", "released", "bisected", "suspended")


class WorkerFigures(EngineFigures):
    """Plain numbers, added to once per slice; whoever scrapes pays for their form."""

    def __init__(self, lag: LoopLag) -> None:
        super().__init__()
        self._lag = lag
        self._loads: list[Load] = []
        self._claimed: Counter[str] = Counter()
        self._waits: dict[str, Distribution] = {}
        self._outcomes: dict[tuple[str, str], Counter[str]] = {}
        self._durations: dict[str, Distribution] = {}
        self._leases_lost: Counter[str] = Counter()
        self._fenced: Counter[str] = Counter()
        self._claims = Distribution(LATENCIES)
        self._settles = Distribution(LATENCIES)
        self._steps: Counter[tuple[str, str]] = Counter()
        self._step_durations: dict[str, Distribution] = {}
        self._group_sizes: dict[tuple[str, ...], Distribution] = {}
        self._group_ages: dict[str, Distribution] = {}

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
            if piece.waited is not None:
                waits = self._waits.get(piece.task)
                if waits is None:
                    waits = self._waits[piece.task] = Distribution(HANDLERS)
                waits.add(piece.waited, len(piece.offsets))

    def settled(self, settlements: Sequence[tuple[Slice, Settlement]], took: int) -> None:
        self._settles.add(took // 1000)
        for piece, one in settlements:
            place = (piece.task, piece.queue)
            outcomes = self._outcomes.get(place)
            if outcomes is None:
                outcomes = self._outcomes[place] = Counter()
                self._durations.setdefault(piece.task, Distribution(HANDLERS))
            if one.offsets:
                outcomes["succeeded"] += len(one.offsets)
                self._durations[piece.task].add_many(one.durations)
            if one.troubles:
                for trouble in one.troubles:
                    outcomes[_outcome(piece, trouble)] += 1
                self._durations[piece.task].add_many([each.duration for each in one.troubles if each.kind == "failed"])

    def stepped(self, piece: Slice, *, cached: bool, took: int) -> None:
        self._steps[piece.task, "true" if cached else "false"] += 1
        if not cached:
            self._step_durations.setdefault(piece.task, Distribution(HANDLERS)).add(took // 1000)

    def grouped(self, task: str, size: int, closed_by: str, age: float) -> None:
        sizes = self._group_sizes.get((task, closed_by))
        if sizes is None:
            sizes = self._group_sizes[task, closed_by] = Distribution(SIZES)
        sizes.add(size * 1_000_000)
        self._group_ages.setdefault(task, Distribution(HANDLERS)).add(round(age * 1_000_000))

    def fenced(self, piece: Slice) -> None:
        self._fenced[piece.task] += 1

    def lost(self, piece: Slice, items: int) -> None:
        self._leases_lost[piece.task] += items

    # ----------------------------------------------------------------------------------------------- for who scrapes

    def collect(self) -> Iterator[Metric]:
        yield _gauge("in_flight", "Executions claimed and not yet settled.", sum(one.in_flight for one in self._loads))
        yield _gauge("slots", "Handler calls there may be at once.", sum(one.capacity for one in self._loads))
        yield _gauge("slots_busy", "Handler calls there are.", sum(one.running for one in self._loads))
        yield _counter("worker_claimed", "Executions taken from the queue.", self._claimed)
        yield self._attempts()
        yield self._handlers()
        yield _by_task("task_wait_seconds", "How long executions were ready before they were claimed.", self._waits)
        yield _counter(
            "worker_lease_lost", "Executions whose lease ended before their outcome was stored.", self._leases_lost
        )
        yield _counter("fence_rejected", "Writes refused, of what was this worker's no more.", self._fenced)
        yield _histogram("claim_seconds", "How long a claim took.", self._claims)
        yield self._counted_steps()
        yield _by_task("step_duration_seconds", "How long steps ran.", self._step_durations)
        yield _by_labels(
            "group_size", "Members of the groups handlers were called with.", ("task", "closed_by"), self._group_sizes
        )
        yield _by_task(
            "group_age_seconds",
            "How long groups had been forming here when their handler was called.",
            self._group_ages,
        )
        yield _histogram("settle_seconds", "How long it took until a flush of outcomes was durable.", self._settles)
        yield from super().collect()

    def describe(self) -> Iterator[Metric]:
        return self.collect()

    def _attempts(self) -> Metric:
        made = CounterMetricFamily(
            "stook_worker_attempts",
            "Attempts whose end is stored, by how they ended.",
            labels=("task", "queue", "outcome"),
        )
        for place, outcomes in list(self._outcomes.items()):
            for outcome in OUTCOMES:
                made.add_metric((*place, outcome), outcomes[outcome])
        return made

    def _counted_steps(self) -> Metric:
        made = CounterMetricFamily(
            "stook_step_executions", "Steps that ran, or were remembered (cached).", labels=("task", "cached")
        )
        for labels, count in list(self._steps.items()):
            made.add_metric(labels, count)
        return made

    def _handlers(self) -> Metric:
        return _by_task("worker_handler_seconds", "How long handlers ran that succeeded or failed.", self._durations)


def _outcome(piece: Slice, trouble: Trouble) -> str:
    """A failure that is tried again is `retried`: as the policy has it, which the store has the last word on."""
    if trouble.kind == "failed" and trouble.retryable and piece.attempt < piece.policy.max_attempts:
        return "retried"
    return trouble.kind


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(f"stook_worker_{name}", text, value=value)


def _counter(name: str, text: str, values: Counter[str]) -> Metric:
    made = CounterMetricFamily(f"stook_{name}", text, labels=("task",))
    for task, value in list(values.items()):
        made.add_metric((task,), value)
    return made


def _by_task(name: str, text: str, found: Mapping[str, Distribution]) -> Metric:
    return _by_labels(name, text, ("task",), {(task,): one for task, one in list(found.items())})


def _by_labels(name: str, text: str, labels: Sequence[str], found: Mapping[tuple[str, ...], Distribution]) -> Metric:
    made = HistogramMetricFamily(f"stook_{name}", text, labels=labels)
    for values, one in list(found.items()):
        made.add_metric(values, one.buckets(), one.total)
    return made


def _histogram(name: str, text: str, one: Distribution) -> Metric:
    made = HistogramMetricFamily(f"stook_worker_{name}", text, labels=())
    made.add_metric((), one.buckets(), one.total)
    return made
