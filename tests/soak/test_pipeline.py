"""Killed at any commit of a pipeline of orders, the next process brings each of them to its one end."""

from __future__ import annotations

import os

import pytest

from soak.pipeline import PIPELINE_POINTS, run_pipeline


def places():
    """Each point on both databases, before the commit on one and after it on the other; STOOK_SOAK_ALL=1: each in all
    four ways."""
    for number, name in enumerate(PIPELINE_POINTS):
        for turn, when in enumerate(("before", "after")):
            for place, database in enumerate(("sqlite", "postgres")):
                if os.environ.get("STOOK_SOAK_ALL") or (number + turn + place) % 2 == 0:
                    marks = [pytest.mark.postgres] if database == "postgres" else []
                    yield pytest.param(database, name, when, id=f"{name}-{when}-{database}", marks=marks)


@pytest.fixture
def where(request, tmp_path):
    """The URL of an empty store."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'stook.db'}"
    return request.getfixturevalue("emptied_postgres")


@pytest.mark.parametrize(("where", "name", "when"), list(places()), indirect=["where"])
def test_every_order_has_its_one_end(where, tmp_path, name, when):
    ledger = run_pipeline(where, tmp_path, name, when=when)
    problems = [f"{one.what}: {problem}" for one in ledger.checks.values() for problem in one.problems]
    assert problems == []
