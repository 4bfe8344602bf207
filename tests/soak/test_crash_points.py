"""Killed right before or right after the commit of any verb, the next process finds either nothing or all of it, and
everything ends as it must."""

from __future__ import annotations

import asyncio

import pytest

from soak.crash_points import CRASH_POINTS
from soak.crash_trial import run_crash_point


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def where(request, tmp_path):
    """The URL of an empty store."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'stook.db'}"
    return request.getfixturevalue("emptied_postgres")


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("name", CRASH_POINTS)
def test_a_kill_at_a_commit_loses_nothing_and_doubles_nothing(where, name, when):
    ledger = asyncio.run(run_crash_point(where, name, when=when))
    problems = [f"{one.what}: {problem}" for one in ledger.checks.values() for problem in one.problems]
    assert problems == []
    assert len(ledger.checks) > 1
