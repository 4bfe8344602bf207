"""The trust budgets in short: T1, T1S and T2 for a few seconds each, the others smaller (T4, T6 also in tests/server).
STOOK_SOAK_SECONDS is how long, STOOK_SOAK_SEED repeats a run; `python -m soak` is the whole of it."""

from __future__ import annotations

import asyncio
import os
import random

import pytest

from soak.cuts import run_cuts
from soak.databases import Database, own_postgres
from soak.hosted_load import run_hosted_load
from soak.load import run_load
from soak.poison import run_poison
from soak.races import run_races
from soak.report import Trial, as_lines
from soak.served_load import run_served_load
from soak.tasks import LOAD
from stook_dev.postgres import NOT_DURABLE

SECONDS = float(os.environ.get("STOOK_SOAK_SECONDS", "3"))
SEED = int(os.environ.get("STOOK_SOAK_SEED", "0")) or random.randrange(1, 10**6)
KINDS = ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]

pytestmark = pytest.mark.timeout(300 + 4 * SECONDS)


@pytest.fixture(params=KINDS)
def database(request, tmp_path):
    """An empty store that is nobody else's."""
    if request.param == "sqlite":
        return Database("sqlite", f"sqlite:///{tmp_path / 'soak.db'}")
    return Database("postgres", request.getfixturevalue("installed_postgres"))


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "journals"
    made.mkdir()
    return made


def check(name, database, running):
    happened, ledger = asyncio.run(running)
    trial = Trial(name, database.kind, SEED, happened=happened, checks=list(ledger.checks.values()))
    assert trial.passed, "\n".join(as_lines(trial))
    return happened


def test_t1_kills_at_random_lose_nothing_and_double_nothing(database, folder):
    happened = check("T1", database, run_load(database, folder, seed=SEED, seconds=SECONDS, tasks=LOAD))
    assert sum(count for what, count in happened.items() if what.endswith("killed")) >= SECONDS / 4
    assert happened["starts"] > 0


def test_t1s_kills_of_servers_and_of_those_behind_them_lose_nothing_and_double_nothing(database, folder):
    happened = check("T1S", database, run_served_load(database, folder, seed=SEED, seconds=SECONDS, tasks=LOAD))
    assert happened["servers killed"] >= SECONDS / 20
    assert happened["cuts"] > 0
    assert happened["starts"] > 0


def test_t4_followers_of_servers_that_are_killed_hear_of_everything_once(database, folder):
    happened = check("T4", database, run_cuts(database, folder, seed=SEED, cuts=40, items=600))
    assert happened["cuts"] >= 40
    assert happened["switches to another server"] > 0


@pytest.mark.postgres
@pytest.mark.parametrize("database", ["postgres"], indirect=True)
def test_t7_kills_of_what_hosts_lose_nothing_and_double_nothing(database, folder, hosting_folder):
    running = run_hosted_load(database, folder, seed=SEED, seconds=SECONDS, hosting=hosting_folder)
    happened = check("T7", database, running)
    assert happened["servers killed"] >= 1
    assert happened["deployments"] >= 1


@pytest.mark.postgres
def test_t2_a_server_that_restarts_loses_nothing_and_doubles_nothing(folder):
    with own_postgres(NOT_DURABLE) as database:
        running = run_load(
            database, folder, seed=SEED, seconds=SECONDS, tasks=LOAD, server_every=min(20.0, SECONDS / 3)
        )
        happened = check("T2", database, running)
    assert sum(count for what, count in happened.items() if what.startswith("times the server")) >= 3


def test_t3_every_race_has_one_winner(database):
    happened = check("T3", database, run_races(database, seed=SEED, rounds=200))
    assert happened["rounds"] == 200
    both = [what for what in happened if what.startswith(("held", "claiming"))]
    assert len({what.rsplit(": ", 1)[1] for what in both}) == 2, "each side wins sometimes"


@pytest.mark.parametrize(
    ("database", "task"),
    [
        ("sqlite", "soak.poison.async"),
        ("sqlite", "soak.poison.process"),
        pytest.param("postgres", "soak.poison.thread", marks=pytest.mark.postgres),
        pytest.param("postgres", "soak.poison.process", marks=pytest.mark.postgres),
    ],
    indirect=["database"],
)
def test_t5_a_poisoned_item_is_quarantined_and_nothing_else_suffers(database, folder, task):
    happened = check("T5", database, run_poison(database, folder, seed=SEED, items=300, tasks=(task,)))
    assert sum(happened.values()) >= 3
