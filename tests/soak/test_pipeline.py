"""Killed at any commit of a pipeline of orders, the next process brings each of them to its one end."""

from __future__ import annotations

import pytest

from soak.pipeline import PIPELINE_POINTS, run_pipeline


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def where(request, tmp_path):
    """The URL of an empty store."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'stook.db'}"
    return request.getfixturevalue("emptied_postgres")


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("name", PIPELINE_POINTS)
def test_every_order_has_its_one_end(where, tmp_path, name, when):
    ledger = run_pipeline(where, tmp_path, name, when=when)
    problems = [f"{one.what}: {problem}" for one in ledger.checks.values() for problem in one.problems]
    assert problems == []
