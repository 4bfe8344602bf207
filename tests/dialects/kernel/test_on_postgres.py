"""The same on the other database: every example, and a batch that runs."""

from __future__ import annotations

import pytest

from stook.webhooks.sealer import new_encryption_key
from tests.dialects.kernel.rig import Kernel
from tests.dialects.kernel.test_examples import EXAMPLES, Known, play
from tests.server.serving import serving
from tests.wiring.places import no_fsync  # noqa: F401 - a fixture


@pytest.fixture
def kernel(emptied_postgres, monkeypatch):
    monkeypatch.setenv("STOOK_ENCRYPTION_KEY", new_encryption_key())
    with serving(emptied_postgres) as served:
        made = Kernel(served)
        yield made
        made.close()


def test_every_example_and_a_batch_that_runs(kernel):
    known = Known(project=kernel.project)
    for example in EXAMPLES:
        play(kernel, known, example)

    async def pay(item, ctx):
        if item == "bad":
            raise ValueError("no money")
        return item

    with kernel.running(kernel.deploy(), pay=pay):
        number = kernel.batch([1, "bad", 3]).json()["id"]
        last = kernel.events(f"/batch_jobs/{number}/events")[-1]["batch_job"]
        done = kernel.invoke(payload="x").json()
    assert (last["status"], last["succeeded_count"], last["failed_count"]) == ("partially_failed", 2, 1)
    assert (done["status"], done["output"]) == ("succeeded", '"x"')
    found = kernel.client.get("/invocations", params={"status": "failed", "batch_job_id": number}).json()
    assert [one["payload"] for one in found] == ['"bad"']
    assert [one["id"] for one in kernel.client.get("/batch_jobs", params={"status": "partially_failed"}).json()] == [
        number
    ]
