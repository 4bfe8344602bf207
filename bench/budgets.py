"""The budgets as data: what is measured, beside whom, and what passes. Times and sizes are the probes' business."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["BUDGETS", "Alike", "AtLeast", "AtMost", "Budget", "Clause", "Linear", "Probe", "Reached"]

Store = Literal["postgres", "sqlite", "none"]
Folder = Literal["peers", "subjects", "floors"]

ITEMS = "items/s"
MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Probe:
    """One mode of one script at one size. Slow systems get fewer items: a rate is what is compared."""

    folder: Folder
    subject: str
    mode: str
    n: int
    quick: int
    store: Store = "postgres"

    @property
    def label(self) -> str:
        return f"{self.subject} {self.mode}".replace("_", " ")


@dataclass(frozen=True, slots=True)
class AtLeast:
    """`ratio` × the fastest of `peers`."""

    probe: Probe
    peers: tuple[Probe, ...]
    ratio: float
    figure: str = "rate"
    unit: str = ITEMS


@dataclass(frozen=True, slots=True)
class AtMost:
    probe: Probe
    figure: str
    unit: str
    limit: float


@dataclass(frozen=True, slots=True)
class Reached:
    """At least `limit`, whatever others do."""

    probe: Probe
    figure: str
    unit: str
    limit: float


@dataclass(frozen=True, slots=True)
class Alike:
    """The slowest stays within `within` (a share) of the fastest."""

    probes: tuple[Probe, ...]
    within: float
    figure: str = "rate"


@dataclass(frozen=True, slots=True)
class Linear:
    """`rate_K` of K workers is `share` × K × `rate_1`, unless the cores were full (`busy_K`, a share)."""

    probe: Probe
    workers: tuple[int, ...]
    share: float
    full: float = 0.95


Clause = AtLeast | AtMost | Reached | Alike | Linear


@dataclass(frozen=True, slots=True)
class Budget:
    """`shown` stands beside the first clause's figures for information: floors, and peers without a say."""

    id: str
    what: str
    clauses: tuple[Clause, ...]
    shown: tuple[Probe, ...] = ()


def _stook(database: Literal["postgres", "sqlite"], mode: str, n: int, quick: int) -> Probe:
    return Probe("subjects", f"stook_{database}", mode, n, quick, store=database)


def _peer(subject: str, mode: str, n: int, quick: int, store: Store = "postgres") -> Probe:
    return Probe("peers", subject, mode, n, quick, store)


def _floor(subject: str, mode: str, n: int, quick: int, store: Store = "postgres") -> Probe:
    return Probe("floors", subject, mode, n, quick, store)


def _http(database: Literal["postgres", "sqlite"], mode: str, n: int, quick: int) -> Probe:
    return Probe("subjects", f"stook_http_{database}", mode, n, quick, store=database)


def _stook_verbs(mode: str, n: int, quick: int) -> Probe:
    return Probe("subjects", "stook_verbs", mode, n, quick)


def _rows(mode: str, n: int, quick: int) -> Probe:
    return _floor("rows", mode, n, quick)


def _beaten(mode: str, n: int, quick: int, *figures: str) -> tuple[Clause, ...]:
    """Claims, settlements and submissions beside the statements of a queue with a row per execution."""
    probe, rows = _stook_verbs(mode, n, quick), _rows(mode, n, quick)
    return tuple(AtLeast(probe, (rows,), 1, figure=figure) for figure in figures)


def _operations(probe: Probe) -> tuple[Clause, ...]:
    figures = ("pause_s", "resume_s", "cancel_s", "retry_failed_s", "delete_s", "first_effect_s")
    return tuple(AtMost(probe, figure, "s", 0.5) for figure in figures)


def _served_memory(probe: Probe) -> tuple[Clause, ...]:
    return AtMost(probe, "rss_mib", "MiB", 200), AtMost(probe, "rss_growth_mib", "MiB", 20)


def _hosted(database: Literal["postgres", "sqlite"], mode: str, n: int, quick: int) -> Probe:
    return Probe("subjects", f"stook_hosted_{database}", mode, n, quick, store=database)


def _latency(probe: Probe) -> tuple[Clause, ...]:
    return AtMost(probe, "p50_ms", "ms", 5), AtMost(probe, "p99_ms", "ms", 20)


PGQUEUER = _peer("pgqueuer", "drain", 50_000, 20_000)
PGQUEUER_SUBMIT = _peer("pgqueuer", "submit", 100_000, 20_000)
AWA = _peer("awa_pg", "drain", 50_000, 20_000)
OBAN = _peer("oban", "drain", 20_000, 5_000)
DBOS = _peer("dbos", "drain", 3_000, 1_000)
PROCRASTINATE = _peer("procrastinate", "drain", 3_000, 1_000)
HUEY = _peer("huey", "drain_unsynced", 10_000, 5_000, store="sqlite")
HUEY_SYNCED = _peer("huey", "drain", 5_000, 2_000, store="sqlite")

SUBMIT = _stook("postgres", "submit", 100_000, 100_000)
DRAIN = _stook("postgres", "drain", 300_000, 100_000)
DRAIN_BATCHED = _stook("postgres", "drain_batched", 500_000, 200_000)
DRAIN_SQLITE = _stook("sqlite", "drain", 300_000, 100_000)
LATENCY = _stook("postgres", "latency", 200, 50)
LATENCY_IN_PROCESS = _stook("sqlite", "latency", 200, 50)
SHELL = Probe("subjects", "stook_shell", "start", 1_000, 1_000, store="none")
MEMORY = _stook("postgres", "memory", MILLION, 200_000)

INVOKE_MANY = _stook_verbs("invoke_many", 200_000, 40_000)
ROWS_INVOKE_MANY = _rows("invoke_many", 100_000, 20_000)
LIMIT = _stook_verbs("limit", 40_000, 10_000)
POLL = _stook_verbs("poll", 200_000, 200_000)

KERNEL_SUBMIT = _hosted("postgres", "submit", 100_000, 100_000)
KERNEL_SUBMIT_SQLITE = _hosted("sqlite", "submit", 100_000, 100_000)
KERNEL_DRAIN = _hosted("postgres", "drain", 100_000, 20_000)
KERNEL_DRAIN_SQLITE = _hosted("sqlite", "drain", 100_000, 20_000)
KERNEL_SHARE = 0.7
"""Of the native route's rate: within 30 %."""

SUBMIT_BODIES = _http("postgres", "submit_bodies", 200_000, 100_000)
SUBMIT_STREAM = _http("postgres", "submit_stream", MILLION, 200_000)
SUBMIT_STREAM_SQLITE = _http("sqlite", "submit_stream", MILLION, 200_000)

BUDGETS: tuple[Budget, ...] = (
    Budget(
        "S1",
        "bulk submit of 100,000 items, Python API, PostgreSQL",
        (
            AtLeast(SUBMIT, (PGQUEUER_SUBMIT,), 15),
            AtLeast(SUBMIT, (_peer("awa_pg", "submit", 100_000, 20_000),), 10),
        ),
        shown=(
            _floor("storage", "copy_rows", 100_000, 100_000),
            _floor("worker", "submit", 100_000, 100_000),
        ),
    ),
    Budget(
        "S2",
        "bulk submit over HTTP, beside direct enqueues: bodies of 10,000 items, a stream of 1,000,000 lines",
        (
            AtLeast(SUBMIT_BODIES, (PGQUEUER_SUBMIT,), 6),
            AtLeast(SUBMIT_STREAM, (PGQUEUER_SUBMIT,), 6),
            AtMost(SUBMIT_BODIES, "growth_mib", "MiB", 64),
            AtMost(SUBMIT_STREAM, "growth_mib", "MiB", 64),
            AtMost(SUBMIT_STREAM_SQLITE, "growth_mib", "MiB", 64),
        ),
    ),
    Budget(
        "S3",
        "drain, async no-op handler per item, results stored, PostgreSQL, one worker process",
        (
            AtLeast(DRAIN, (PGQUEUER, AWA), 8),
            AtLeast(DRAIN, (OBAN,), 25),
            AtLeast(DRAIN, (DBOS, PROCRASTINATE), 120),
        ),
        shown=(
            _floor("worker", "drain_pool", 500_000, 200_000),
            _floor("storage", "postgres", 500_000, 200_000),
        ),
    ),
    Budget(
        "S4",
        "drain, batched no-op handler of 500, PostgreSQL",
        (AtLeast(DRAIN_BATCHED, (PGQUEUER,), 20),),
        shown=(_floor("worker", "drain_batched", 500_000, 200_000),),
    ),
    Budget(
        "S5",
        "drain, async no-op, embedded SQLite with synchronous=FULL",
        (AtLeast(DRAIN_SQLITE, (HUEY,), 15),),
        shown=(HUEY_SYNCED, _floor("storage", "sqlite", 500_000, 200_000, store="sqlite")),
    ),
    Budget(
        "S6",
        "growth: S3 with a backlog of 10k, 100k and 1M",
        (
            Alike(
                (
                    _stook("postgres", "drain", 10_000, 10_000),
                    _stook("postgres", "drain", 100_000, 50_000),
                    _stook("postgres", "drain", MILLION, 200_000),
                ),
                0.10,
            ),
        ),
    ),
    Budget(
        "S7",
        "one execution on an idle system, submit to result seen: in-process; PostgreSQL with a separate worker, without"
        " and with a server between them",
        _latency(LATENCY)
        + _latency(LATENCY_IN_PROCESS)
        + _latency(_http("postgres", "latency", 200, 50))
        + _latency(_http("postgres", "latency_followed", 200, 50)),
        shown=(
            _peer("taskiq", "latency", 200, 50),
            _peer("procrastinate", "latency", 200, 50),
            _peer("awa_pg", "latency", 200, 50),
            _peer("pgqueuer", "latency", 100, 30),
        ),
    ),
    Budget(
        "S8",
        "single durable submits over HTTP, 64 clients on the same cores",
        (
            Reached(_http("postgres", "singles", 20_000, 10_000), "rate", "requests/s", 3000),
            Reached(_http("sqlite", "singles", 20_000, 10_000), "rate", "requests/s", 3000),
        ),
    ),
    Budget(
        "S9",
        "progress of a batch of 1,000,000, asked of the store and over HTTP",
        (
            AtMost(_http("postgres", "progress", MILLION, 200_000), "progress_ms", "ms", 10),
            AtMost(_http("sqlite", "progress", MILLION, 200_000), "progress_ms", "ms", 10),
            AtMost(_stook("postgres", "progress", MILLION, 200_000), "progress_ms", "ms", 1),
            AtMost(_stook("sqlite", "progress", MILLION, 200_000), "progress_ms", "ms", 1),
        ),
    ),
    Budget(
        "S10",
        "pause, resume, cancel, retry-failed and delete of a batch of 1,000,000, in the process and over HTTP",
        _operations(_stook("postgres", "operations", MILLION, 200_000))
        + _operations(_stook("sqlite", "operations", MILLION, 200_000))
        + _operations(_http("postgres", "operations", MILLION, 200_000)),
    ),
    Budget(
        "S11",
        "scale: 1, 2 and 4 workers on PostgreSQL, 1 ms handlers",
        (Linear(_stook("postgres", "workers", 100_000, 30_000), (2, 4), 0.9),),
    ),
    Budget(
        "S12",
        "`import stook`; `stook --help`; first execution of `stook run` on 1,000 rows, from the shell prompt",
        (
            AtMost(SHELL, "import_ms", "ms", 80),
            AtMost(SHELL, "help_ms", "ms", 200),
            AtMost(SHELL, "first_execution_s", "s", 1.5),
        ),
    ),
    Budget(
        "M1",
        "a worker's resident memory while draining 1,000,000: at most, and grown since its first tenth",
        (AtMost(MEMORY, "rss_mib", "MiB", 90), AtMost(MEMORY, "rss_growth_mib", "MiB", 10)),
    ),
    Budget(
        "M2",
        "a server's resident memory during a streamed submit of 1,000,000 with 100 followers: at most, and grown since"
        " its first tenth",
        (
            *_served_memory(_http("postgres", "memory", MILLION, 200_000)),
            *_served_memory(_http("sqlite", "memory", MILLION, 200_000)),
        ),
    ),
    Budget(
        "M3",
        "database size of a finished batch of 1,000,000, less 20 MB, to its payload and result bytes",
        (
            AtMost(_stook("postgres", "disk", MILLION, 200_000), "size_ratio", "×", 1.3),
            AtMost(_stook("sqlite", "disk", MILLION, 200_000), "size_ratio", "×", 1.3),
        ),
    ),
    Budget(
        "C1",
        "single invoke, 8 clients, beside an insert each",
        _beaten("invoke", 20_000, 4_000, "rate"),
    ),
    Budget(
        "C2",
        "batch invoke, 500 items by 2 clients and 1,000 by 4, beside an insert of as many rows",
        (
            AtLeast(INVOKE_MANY, (ROWS_INVOKE_MANY,), 1, figure="rate_500"),
            AtLeast(INVOKE_MANY, (ROWS_INVOKE_MANY,), 1, figure="rate_1000"),
        ),
    ),
    Budget(
        "C3",
        "claim and finish by tens, 1 and 4 clients, beside a claim and an update of rows",
        _beaten("finish_10", 12_000, 4_000, "rate_1", "rate_4"),
    ),
    Budget(
        "C4",
        "claim and finish by hundreds, 1 client",
        _beaten("finish_100", 50_000, 10_000, "rate_1"),
    ),
    Budget(
        "C5",
        "claim and finish by 500, 1 and 4 clients",
        _beaten("finish_500", 100_000, 40_000, "rate_1", "rate_4"),
    ),
    Budget(
        "C6",
        "claim and finish by 500, 1 and 4 clients, deleted on completion, beside a deletion of rows",
        _beaten("delete_500", 100_000, 40_000, "rate_1", "rate_4"),
    ),
    Budget(
        "C7",
        "a claim beside 200,000 executions of a better priority that are due tomorrow",
        (
            AtLeast(POLL, (_rows("poll", 200_000, 200_000),), 1, figure="polls", unit="claims/s"),
            AtMost(POLL, "slowdown", "×", 1.5),
        ),
    ),
    Budget(
        "C8",
        "a queue of two tasks, drained by 500 and by 100 with a concurrency limit on one of them: what it loses",
        (AtMost(LIMIT, "lost_500", "%", 10), AtMost(LIMIT, "lost_100", "%", 10)),
    ),
    Budget(
        "K2",
        "a batch of 100,000 in one body through the Kernel route, beside the same as JSON and as lines through the"
        " native one, by turns",
        (
            Reached(KERNEL_SUBMIT, "to_json", "×", KERNEL_SHARE),
            Reached(KERNEL_SUBMIT_SQLITE, "to_json", "×", KERNEL_SHARE),
            Reached(KERNEL_SUBMIT, "to_lines", "×", KERNEL_SHARE),
            Reached(KERNEL_SUBMIT_SQLITE, "to_lines", "×", KERNEL_SHARE),
            AtMost(KERNEL_SUBMIT, "growth_mib", "MiB", 64),
            AtMost(KERNEL_SUBMIT_SQLITE, "growth_mib", "MiB", 64),
        ),
    ),
    Budget(
        "K3",
        "a host's drain of 100,000 no-ops submitted through the Kernel route, beside stook's own app, deployed too",
        (
            Reached(KERNEL_DRAIN, "to_native", "×", KERNEL_SHARE),
            Reached(KERNEL_DRAIN_SQLITE, "to_native", "×", KERNEL_SHARE),
        ),
    ),
    Budget(
        "K4",
        "one invocation of a deployed action on a process that is there, submit to result over HTTP",
        (
            AtMost(_hosted("postgres", "latency", 200, 50), "p50_ms", "ms", 10),
            AtMost(_hosted("sqlite", "latency", 200, 50), "p50_ms", "ms", 10),
        ),
    ),
)
