"""A task that its triggers alone start is not invoked over HTTP, whichever program has said so."""

from __future__ import annotations

import pytest

from stook.core.policy import TaskPolicy
from stook.core.triggers import Invocable, On
from stook.engine.catalogue import TaskEntry
from stook.engine.registering import Registrar, said_of
from tests.server.test_batches_in import refused


def register(served, task, *triggers):
    said = said_of(TaskEntry(task, "default", TaskPolicy()), triggers)
    told = Registrar(served.session.store, "default", app="app", worker=f"w-{task}", tasks=[said], known=[task])
    served.call(told.register())


NDJSON = {"content": b"1\n", "headers": {"content-type": "application/x-ndjson"}}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/v1/executions", {"json": {"task": "hears", "payload": 1}}),
        ("/api/v1/batches", {"json": {"task": "hears", "items": [1]}}),
        ("/api/v1/batches", {"json": {"task": "hears", "open": True}}),
        ("/api/v1/batches?task=hears", NDJSON),
    ],
    ids=["single", "batch", "open", "streamed"],
)
def test_it_is_refused_and_nothing_is_written(served_on_either, path, body):
    client = served_on_either.client
    register(served_on_either, "hears", On("paid"))
    refused(client.post(path, **body), 409, "not_invocable")
    assert client.get("/api/v1/batches").json()["data"] == []


def test_one_that_has_both_is_invoked(served_on_either):
    register(served_on_either, "both", On("paid"), Invocable())
    register(served_on_either, "hears", On("paid"))
    client = served_on_either.client
    assert client.post("/api/v1/executions", json={"task": "both", "payload": 1}).status_code == 202
    said = {one["name"]: one["invocable"] for one in client.get("/api/v1/tasks").json()["data"]}
    assert (said["both"], said["hears"]) == (True, False)
