"""Edits, skips, tags and retries with other inputs: the same words on a server's handles and on those in-process."""

from __future__ import annotations

import asyncio

import pytest

import stook
from stook.core.errors import Conflict, NotFound, OptionError, PayloadError


def odd_fails(item):
    if item["n"] % 2 and not item.get("good"):
        raise ValueError("odd")
    return item["n"]


ITEMS = [{"n": n, "tags": ["odd" if n % 2 else "even", "all"]} for n in range(6)]


class There:
    """On a server."""

    def __init__(self, served, client):
        self.served, self.client = served, client
        served.know("odd_fails", max_attempts=1)

    def map(self, items, **options):
        return self.client.map("odd_fails", items, **options)

    def work(self, batch):
        with self.served.working(odd_fails=odd_fails):
            batch.wait(20)


class Here:
    """In this process."""

    def __init__(self, harness):
        self.harness = harness
        self.task = harness.app.task("odd_fails", max_attempts=1)(odd_fails)

    def map(self, items, **options):
        return self.task.map(items, **options)

    def work(self, batch):
        self.harness.run_until_idle()
        batch.wait(0)


@pytest.fixture(params=["server", "process"])
def place(request):
    if request.param == "server":
        return There(request.getfixturevalue("served"), request.getfixturevalue("client"))
    return Here(request.getfixturevalue("harness"))


def states(batch):
    return [one.state for one in batch.results()]


def test_one_is_edited_and_one_skipped(place):
    batch = place.map(ITEMS, tag="tags")
    batch.edit(1, {"n": 2})
    batch.skip(3, reason="no need")
    place.work(batch)
    assert states(batch) == ["succeeded", "succeeded", "succeeded", "cancelled", "succeeded", "failed"]
    assert batch.result(index=1).value == 2
    batch.edit(5, {"n": 4}, retry=False)
    assert batch.result(index=5).state == "failed"
    batch.edit(5, {"n": 4})
    place.work(batch)
    assert batch.result(index=5).value == 4
    for ask in (lambda: batch.edit(5, 1), lambda: batch.skip(5)):
        with pytest.raises(Conflict, match="is succeeded and cannot be"):
            ask()
    with pytest.raises(NotFound):
        batch.skip(99)
    with pytest.raises((PayloadError, TypeError)):
        batch.edit(3, float("nan"))


def test_retries_take_filters_and_other_inputs(place):
    batch = place.map(ITEMS, tag="tags", key="n")
    place.work(batch)
    assert batch.retry(tag="even") == 0
    assert batch.retry(keys=["5", "2"], error_type="ValueError", overrides={5: {"n": 10}}) == 1
    place.work(batch)
    assert batch.result(key="5").value == 10
    with pytest.raises(OptionError, match="execution 0 is given a new input"):
        batch.retry(overrides={0: 1})
    with pytest.raises(OptionError, match="not both"):
        batch.retry(overrides={1: 1}, merge={"a": 1})
    assert batch.retry(code="handler_error", start=1, stop=4, merge={"good": True, "tags": None}) == 2
    place.work(batch)
    assert states(batch) == ["succeeded"] * 6
    assert batch.result(index=3).input == {"n": 3, "good": True}


def test_those_with_a_tag_are_cancelled(place):
    batch = place.map(ITEMS, tag="tags")
    assert batch.cancel_tagged("odd") == 3
    assert batch.cancel_tagged("odd") == 0
    place.work(batch)
    assert states(batch) == ["succeeded", "cancelled"] * 3


def test_a_bad_tag_is_named_and_nothing_is_submitted(place):
    with pytest.raises(stook.StookError, match="no tag") as wrong:
        place.map([{"t": "a"}, {"t": {}}], tag="t", name="bad")
    assert wrong.value.index == 1


def test_one_execution_is_edited_and_skipped_by_its_own_handle(served, client):
    There(served, client)
    one, two = (client.submit("odd_fails", {"n": n}) for n in (1, 2))
    one.edit({"n": 4})
    two.skip()
    with served.working(odd_fails=odd_fails):
        assert one.result(20) == 4
    assert two.show().state == "cancelled"
    assert two.cancel() is False

    async def run():
        async with stook.AsyncClient(served.url, key=served.secret) as there:
            handle = there.execution(one.id)
            with pytest.raises(Conflict, match="is succeeded"):
                await handle.skip()

    asyncio.run(run())


def test_limits_of_the_project(served, client):
    assert [(one.queue, one.task, one.max_concurrency) for one in client.limits()] == [(None, None, None)]
    assert client.limit(task="t", max_concurrency=3, paused=True).paused
    assert client.limit(task="t", paused=False).max_concurrency == 3
    assert client.limit(task="t", max_concurrency=None).max_concurrency is None
    with pytest.raises(OptionError):
        client.limit()

    async def run():
        async with stook.AsyncClient(served.url, key=served.secret) as there:
            await there.limit(queue="default", max_concurrency=7)
            return await there.limits()

    assert [one.max_concurrency for one in asyncio.run(run())] == [None, 7]
