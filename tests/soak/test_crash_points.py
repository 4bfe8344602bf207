"""Killed right before or right after the commit of any verb, the next process finds either nothing or all of it, and
everything ends as it must."""

from __future__ import annotations

import asyncio
import os

import pytest

from soak.crash_points import CRASH_POINTS
from soak.crash_trial import run_crash_point
from tests.databases import installed_sqlite


def places():
    """Each point on both databases, before the commit on one and after it on the other; STOOK_SOAK_ALL=1: each in all
    four ways."""
    for number, name in enumerate(CRASH_POINTS):
        for turn, when in enumerate(("before", "after")):
            for place, database in enumerate(("sqlite", "postgres")):
                if os.environ.get("STOOK_SOAK_ALL") or (number + turn + place) % 2 == 0:
                    marks = [pytest.mark.postgres] if database == "postgres" else []
                    yield pytest.param(database, name, when, id=f"{name}-{when}-{database}", marks=marks)


@pytest.fixture
def where(request, tmp_path):
    """The URL of an empty store."""
    if request.param == "sqlite":
        return installed_sqlite(tmp_path / "stook.db")
    return request.getfixturevalue("emptied_postgres")


@pytest.mark.parametrize(("where", "name", "when"), list(places()), indirect=["where"])
def test_a_kill_at_a_commit_loses_nothing_and_doubles_nothing(where, name, when):
    ledger = asyncio.run(run_crash_point(where, name, when=when))
    problems = [f"{one.what}: {problem}" for one in ledger.checks.values() for problem in one.problems]
    assert problems == []
    assert len(ledger.checks) > 1
