"""A worker that starts says what it knows, with the schema of its payloads."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from stook import BatchConfig
from stook.engine.catalogue import Catalogue


class Row(msgspec.Struct):
    id: int
    name: str = ""


class Validated:
    """As pydantic's models are."""

    @classmethod
    def model_validate(cls, value):
        return cls()

    @classmethod
    def model_json_schema(cls):
        return {"title": "Validated", "type": "object"}


def typed(row: Row):
    return row.id


def listed(rows: list[Row]):
    return [row.id for row in rows]


def plain(row):
    return row


def anything(row: Any):
    return row


def model(row: Validated):
    return 1


@pytest.fixture
def told(harness_on_either):
    harness = harness_on_either
    app = harness.app
    app.task("typed", max_attempts=7, queue="heavy")(typed)
    app.task("listed", batch=BatchConfig(size=3))(listed)
    app.task("plain")(plain)
    app.task("anything")(anything)
    app.task("model")(model)
    session, portal = app.opened()
    catalogue = Catalogue(session.store)
    assert portal.call(catalogue.list()) == []

    async def look():
        async with session.working({name: one.definition() for name, one in app.tasks.items()}, maintained=False):
            return {one.name: one for one in await catalogue.list()}

    return portal.call(look())


def test_a_worker_says_what_it_knows_when_it_starts(told):
    assert {name: one.workers for name, one in told.items()} == dict.fromkeys(
        ("typed", "listed", "plain", "anything", "model"), 1
    )
    assert (told["typed"].queue, told["typed"].policy.max_attempts) == ("heavy", 7)
    assert told["listed"].policy.batch == BatchConfig(size=3)


def test_what_is_annotated_has_a_schema(told):
    for name in ("typed", "listed"):
        schema = json.loads(told[name].schema)
        assert schema["$defs"]["Row"]["required"] == ["id"]
    assert json.loads(told["model"].schema) == {"title": "Validated", "type": "object"}
    assert told["plain"].schema is told["anything"].schema is None
