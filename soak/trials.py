"""Which trial runs on which database, one after the other."""

from __future__ import annotations

import asyncio
import os
import random
import tempfile
import time
from collections.abc import Callable, Coroutine
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from soak.bad_input import run_bad_input
from soak.cuts import run_cuts
from soak.databases import given, own_postgres, own_sqlite
from soak.hosted_load import run_hosted_load
from soak.load import run_load
from soak.poison import run_poison
from soak.races import run_races
from soak.report import Ledger, Trial
from soak.served_load import run_served_load
from soak.tasks import LOAD
from soak.workflows import run_workflows

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from soak.databases import Database

__all__ = ["TRIALS", "left_out", "run_trial", "run_trials"]

SERVER_EVERY: Final = 20.0
RACES: Final = 10_000
POISONED: Final = 10_000
CUTS: Final = 1_000
FOLLOWED: Final = 3_000
BAD_REQUESTS: Final = 5_000
WORKFLOWS: Final = 1_000
WORKFLOWS_AT_ONCE: Final = 20
NEEDS_SERVER: Final = "T2"
Found = tuple[dict[str, int], Ledger]
Run = Callable[["Database", Path, int, float], Coroutine[Any, Any, Found]]


async def _t1(database: Database, folder: Path, seed: int, seconds: float) -> Found:
    return await run_load(database, folder, seed=seed, seconds=seconds, tasks=LOAD)


async def _t1s(database: Database, folder: Path, seed: int, seconds: float) -> Found:
    return await run_served_load(database, folder, seed=seed, seconds=seconds, tasks=LOAD)


async def _t2(database: Database, folder: Path, seed: int, seconds: float) -> Found:
    every = min(SERVER_EVERY, seconds / 3)
    return await run_load(database, folder, seed=seed, seconds=seconds, tasks=LOAD, server_every=every)


async def _t3(database: Database, _folder: Path, seed: int, _seconds: float) -> Found:
    return await run_races(database, seed=seed, rounds=RACES)


async def _t4(database: Database, folder: Path, seed: int, _seconds: float) -> Found:
    return await run_cuts(database, folder, seed=seed, cuts=CUTS, items=FOLLOWED)


async def _t5(database: Database, folder: Path, seed: int, _seconds: float) -> Found:
    return await run_poison(database, folder, seed=seed, items=POISONED)


async def _t6(database: Database, folder: Path, seed: int, seconds: float) -> Found:
    return await run_bad_input(database, folder, seed=seed, cases=BAD_REQUESTS, seconds=seconds)


async def _t7(database: Database, folder: Path, seed: int, seconds: float) -> Found:
    hosting = Path(tempfile.gettempdir()) / f"stook-soak-hosting-{os.getuid()}"
    hosting.mkdir(mode=0o700, exist_ok=True)
    return await run_hosted_load(database, folder, seed=seed, seconds=seconds, hosting=hosting)


async def _v1(database: Database, folder: Path, seed: int, _seconds: float) -> Found:
    home = os.environ.get("STOOK_HOSTING_FOLDER")
    return await run_workflows(
        database, folder, seed=seed, runs=WORKFLOWS, limit=WORKFLOWS_AT_ONCE, home=Path(home) if home else None
    )


TRIALS: Final[dict[str, Run]] = {
    "T1": _t1,
    "T1S": _t1s,
    "T2": _t2,
    "T3": _t3,
    "T4": _t4,
    "T5": _t5,
    "T6": _t6,
    "T7": _t7,
    "V1": _v1,
}


def left_out(ids: Sequence[str], *, store: str | None) -> list[str]:
    """What cannot be tried on a store that is not ours to take down."""
    return [one for one in ids if one == NEEDS_SERVER and store is not None]


def run_trials(ids: Sequence[str], *, store: str | None, seed: int | None, seconds: float) -> Iterator[Trial]:
    """Each on a SQLite file and on a PostgreSQL of its own, or on the store given."""
    chosen = random.randrange(10**6) if seed is None else seed
    kinds = ["given"] if store is not None else ["sqlite", "postgres"]
    for kind in kinds:
        for one in ids:
            if one == NEEDS_SERVER and kind != "postgres":
                continue
            with ExitStack() as stack:
                if store is not None:
                    database = given(store)
                else:
                    database = stack.enter_context(own_sqlite() if kind == "sqlite" else own_postgres())
                yield run_trial(one, database, seed=chosen, seconds=seconds)


def run_trial(id_: str, database: Database, *, seed: int, seconds: float) -> Trial:
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="stook-soak-") as folder:
        happened, ledger = asyncio.run(TRIALS[id_](database, Path(folder), seed, seconds))
    return Trial(id_, database.kind, seed, time.monotonic() - began, happened, list(ledger.checks.values()))
