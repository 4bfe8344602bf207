"""The budgets as data: what is measured, beside whom, and what passes. Times and sizes are the probes' business."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["BUDGETS", "Alike", "AtLeast", "AtMost", "Budget", "Clause", "Linear", "Probe"]

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


Clause = AtLeast | AtMost | Alike | Linear


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


def _operations(database: Literal["postgres", "sqlite"]) -> tuple[Clause, ...]:
    probe = _stook(database, "operations", MILLION, 200_000)
    figures = ("pause_s", "resume_s", "cancel_s", "retry_failed_s", "delete_s", "first_effect_s")
    return tuple(AtMost(probe, figure, "s", 0.5) for figure in figures)


def _latency(probe: Probe) -> tuple[Clause, ...]:
    return AtMost(probe, "p50_ms", "ms", 5), AtMost(probe, "p99_ms", "ms", 20)


PGQUEUER = _peer("pgqueuer", "drain", 50_000, 20_000)
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

BUDGETS: tuple[Budget, ...] = (
    Budget(
        "S1",
        "bulk submit of 100,000 items, Python API, PostgreSQL",
        (
            AtLeast(SUBMIT, (_peer("pgqueuer", "submit", 100_000, 20_000),), 15),
            AtLeast(SUBMIT, (_peer("awa_pg", "submit", 100_000, 20_000),), 10),
        ),
        shown=(
            _floor("storage", "copy_rows", 100_000, 100_000),
            _floor("worker", "submit", 100_000, 100_000),
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
        "one execution on an idle system, submit to result seen: in-process; PostgreSQL with a separate worker",
        _latency(LATENCY) + _latency(LATENCY_IN_PROCESS),
        shown=(
            _peer("taskiq", "latency", 200, 50),
            _peer("procrastinate", "latency", 200, 50),
            _peer("awa_pg", "latency", 200, 50),
            _peer("pgqueuer", "latency", 100, 30),
        ),
    ),
    Budget(
        "S9",
        "progress of a batch of 1,000,000, asked of the store",
        (
            AtMost(_stook("postgres", "progress", MILLION, 200_000), "progress_ms", "ms", 1),
            AtMost(_stook("sqlite", "progress", MILLION, 200_000), "progress_ms", "ms", 1),
        ),
    ),
    Budget(
        "S10",
        "pause, resume, cancel, retry-failed and delete of a batch of 1,000,000",
        _operations("postgres") + _operations("sqlite"),
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
        "M3",
        "database size of a finished batch of 1,000,000, less 20 MB, to its payload and result bytes",
        (
            AtMost(_stook("postgres", "disk", MILLION, 200_000), "size_ratio", "×", 1.3),
            AtMost(_stook("sqlite", "disk", MILLION, 200_000), "size_ratio", "×", 1.3),
        ),
    ),
)
