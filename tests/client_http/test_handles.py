"""The handles of a server's batches say and do what those of a store in this process do."""

from __future__ import annotations

import asyncio
import io
import time

import pytest
from rich.console import Console

import stook
from stook.client.bar import shown_progress
from stook.core.errors import (
    ConfigError,
    Conflict,
    ExecutionFailed,
    NotFound,
    OptionError,
    QuotaExceeded,
    ResultTimeout,
)


async def divide(number: int) -> float:
    return 60 / number


@pytest.fixture
def ended(served, client):
    """Of four, two failed."""
    with served.working(divide=divide):
        batch = client.map("divide", [1, 0, "x", 2], key=str, name="numbers")
        batch.wait(20)
    return batch


def test_results(ended):
    found = list(ended.results())
    assert [(one.index, one.key, one.state, one.attempts, one.ok) for one in found] == [
        (0, "1", "succeeded", 1, True),
        (1, "0", "failed", 1, False),
        (2, "x", "failed", 1, False),
        (3, "2", "succeeded", 1, True),
    ]
    assert (found[0].value, found[3].value) == (60, 30)
    assert found[0].duration > 0
    assert found[1].error.type == "ZeroDivisionError"
    with pytest.raises(ExecutionFailed, match="item 1: ZeroDivisionError"):
        _ = found[1].value
    assert sorted(one.index for one in ended.as_completed()) == [0, 1, 2, 3]
    assert repr(ended) == f"<Batch {ended.id}>"
    assert ended.show().state.value == "partially_failed"
    assert ended.why() == ["it has ended: partially_failed"]


def test_failures(ended):
    groups = ended.failures
    assert sorted((one.type, one.failed) for one in groups)[1] == ("ZeroDivisionError", 1)
    failed = list(ended.failed_results())
    assert [one.index for one in failed] == [1, 2]
    assert "60 / number" in failed[0].error.traceback


def test_one_result(ended):
    assert ended.result(index=3).value == 30
    assert ended.result(key="1").value == 60
    assert "Traceback" in ended.result(index=1).error.traceback
    with pytest.raises(NotFound, match=rf"batch {ended.id} has no item 4 \(it has items 0 to 3\)"):
        ended.result(index=4)
    with pytest.raises(NotFound, match="has no item with the key 'nobody'"):
        ended.result(key="nobody")
    for wrong in ({}, {"index": 0, "key": "1"}):
        with pytest.raises(OptionError, match="give the item's index or its key"):
            ended.result(**wrong)


def test_retry(served, client, ended):
    with pytest.raises(OptionError, match="cannot retry executions that are succeeded"):
        ended.retry(states="succeeded")
    assert ended.retry(indexes=[1]) == 1
    assert ended.show().counters.queued == 1
    with served.working(divide=lambda number: 5):
        assert ended.wait(20).counters.failed == 1
        group = ended.failures[0].fingerprint
        assert ended.retry(group=next(one for one in ended.failures if one.failed).fingerprint, probe=1) == 1
        assert ended.wait(20).state.value == "succeeded"
    assert group
    assert [one.index for one in ended.as_completed()][-2:] == [1, 2]


def test_pause_resume_limit_cancel_delete(served, client):
    batch = client.map("t", range(10))
    batch.pause(reason="lunch")
    assert (batch.show().state.value, batch.show().reason) == ("paused", "lunch")
    batch.resume(ramp=False)
    batch.limit(3)
    assert (batch.show().state.value, batch.show().max_concurrency) == ("queued", 3)
    assert batch.cancel_items([1, 2, 99]) == 2
    assert batch.cancel_items([1]) == 0
    with pytest.raises(Conflict):
        batch.delete()
    batch.cancel(reason="no more")
    view = batch.show()
    assert (view.state.value, view.reason, view.counters.cancelled) == ("cancelled", "no more", 10)
    batch.delete()
    with pytest.raises(NotFound):
        batch.show()
    with pytest.raises(NotFound):
        batch.delete()


def test_wait_gives_up_in_time_and_the_batch_goes_on(served, client):
    batch = client.map("t", [1])
    for timeout in (0, 0.01, 0.3):
        began = time.monotonic()
        with pytest.raises(ResultTimeout, match=f"batch {batch.id} is queued after {timeout} s"):
            batch.wait(timeout=timeout)
        assert timeout <= time.monotonic() - began < timeout + 3


def test_follow_shows_each_change_up_to_the_end(served, client, gate):
    async def gated(number: int) -> int:
        await asyncio.to_thread(gate.event.wait, 20)
        return number

    batch = client.map("gated", range(3)) if served.know("gated") is None else None
    seen = []
    with served.working(gated=gated):
        for view in batch.follow():
            seen.append(view)
            if view.counters.running:
                gate.open()
    assert seen[-1].state.value == "succeeded"
    assert seen[-1].counters.succeeded == 3
    assert len(seen) >= 2


def test_as_completed_gives_each_as_it_ends(served, client):
    """Each result lets the next one run: nothing waits for the end of the batch."""
    gates = {}
    order = [2, 0, 3, 1]

    async def one_by_one(number: int) -> int:
        await gates.setdefault(number, asyncio.Event()).wait()
        return number

    def let(number):
        async def opened():
            gates.setdefault(number, asyncio.Event()).set()

        served.call(opened())

    served.know("one_by_one")
    batch = client.map("one_by_one", range(4))
    seen = []
    with served.working(one_by_one=one_by_one):
        let(order[0])
        for result in batch.as_completed():
            seen.append(result.value)
            if len(seen) < len(order):
                let(order[len(seen)])
    assert seen == order


def test_a_single_execution(served, client):
    with served.working(divide=divide):
        assert client.submit("divide", 3).result(20) == 20
        waited = client.submit("divide", 4, wait=20)
        assert waited.created
        assert waited.result(0) == 15
        with pytest.raises(ExecutionFailed, match="ZeroDivisionError"):
            client.submit("divide", 0, priority=5).result(20)
        assert client.execution(waited.id).show().value == 15
        assert client.execution(waited.id).result(20) == 15
    late = client.submit("divide", 1, dedupe_key="d")
    again = client.submit("divide", 1, dedupe_key="d")
    assert (late.created, again.created, again.id == late.id) == (True, False, True)
    with pytest.raises(ResultTimeout, match=f"execution {late.id} has not ended after 0.05 s"):
        late.result(timeout=0.05)
    assert late.show().state == "queued"
    assert late.cancel()
    assert not late.cancel()
    with pytest.raises(OptionError, match="wait"):
        client.submit("divide", 1, wait=100)
    with pytest.raises(OptionError, match="no option is called 'name'"):
        client.submit("divide", 1, name="x")


def test_lists_of_batches(client):
    ids = [client.map("t", [number], name=f"n{number}").id for number in range(60)]
    assert [view.public_id for view in client.batches()] == ids[::-1]
    assert [view.name for view in client.batches(name="N5", state="queued")] == [
        "n59", "n58", "n57", "n56", "n55", "n54", "n53", "n52", "n51", "n50", "n5",
    ]  # fmt: skip
    assert list(client.batches(state=["failed", "cancelled"])) == []
    with pytest.raises(OptionError, match="'gone' is no state of a batch"):
        client.batches(state="gone")
    assert client.batch("n5").id == ids[5]
    assert client.batch(ids[7]).id == ids[7]
    with pytest.raises(NotFound, match="no batch has the id, name or key 'n600'.*did you mean 'n"):
        client.batch("n600")


def test_the_async_twin(served):
    async def run():
        async with stook.AsyncClient(served.url, key=served.secret) as client:
            batch = await client.map("divide", [1, 0, 2])
            view = await batch.wait(20)
            assert view.state.value == "partially_failed"
            assert sorted([one.index async for one in batch.as_completed()]) == [0, 1, 2]
            assert [one.state async for one in batch.results()] == ["succeeded", "failed", "succeeded"]
            assert (await batch.failures())[0].type == "ZeroDivisionError"
            assert [one.index async for one in batch.failed_results()] == [1]
            assert [one.state.value async for one in batch.follow()] == ["partially_failed"]
            assert (await client.batch(batch.id)).id == batch.id
            assert [one.public_id async for one in client.batches(task="divide")] == [batch.id]
            single = await client.submit("divide", 6)
            assert await single.result(20) == 10
            many = await asyncio.gather(*(client.submit("divide", number, wait=20) for number in range(1, 21)))
            assert [await one.result() for one in many] == [60 / number for number in range(1, 21)]
            with pytest.raises(ResultTimeout):
                await (await client.map("t", [1])).wait(0.1)

    with served.working(divide=divide):
        asyncio.run(run())


def test_tasks(served, client):
    served.know("u", max_attempts=7)
    assert [(one.name, one.policy.max_attempts, one.schema) for one in client.tasks()] == [
        ("t", 3, None),
        ("u", 7, None),
    ]

    async def run():
        async with stook.AsyncClient(served.url, key=served.secret) as own:
            return [one.name for one in await own.tasks()]

    assert asyncio.run(run()) == ["t", "u"]


def test_iterations_given_up_early_let_go_of_their_connections(served, client):
    batch = client.map("t", range(5000))
    for _ in range(3):
        assert next(iter(batch.results())).index == 0
        following = batch.follow()
        assert next(following).counters.total == 5000
        following.close()

    async def run():
        async with stook.AsyncClient(served.url, key=served.secret) as own:
            there = await own.batch(batch.id)
            async for one in there.results():
                assert one.index == 0
                break
            async for view in there.follow():
                assert view.counters.total == 5000
                break

    asyncio.run(run())


def test_quotas(served, client):
    served.client.patch("/api/v1/project", json={"max_queued_items": 5}).raise_for_status()
    with stook.Client(served.url, key=served.secret, retry_seconds=0.2) as hasty:
        with pytest.raises(QuotaExceeded, match="5") as refused:
            hasty.map("t", range(6))
        error = refused.value
        assert (error.limit, error.most, error.room, error.retry_after) == ("max_queued_items", 5, 5, None)
        with pytest.raises(QuotaExceeded):
            hasty.map("t", iter(range(6)))
    assert [view.counters.total for view in client.batches()] == []


def test_keys_that_may_only_read_and_submit(served):
    with served.as_key("read", "submit") as http:
        secret = http.headers["authorization"].removeprefix("Bearer ")
    with stook.Client(served.url, key=secret) as client:
        batch = client.map("t", [1])
        assert (batch.show().project, batch.show().counters.total) == ("default", 1)
        with pytest.raises(ConfigError, match="operate"):
            batch.cancel()


def test_the_blocking_client_works_inside_a_running_loop(served, client):
    """As in a notebook."""

    async def cell():
        return client.map("t", [1, 2]).show().counters.total

    assert asyncio.run(cell()) == 2


def test_the_bar_shows_how_far_it_is_and_goes(client):
    view = client.map("t", range(1234)).show()
    view.counters.succeeded, view.counters.failed = 1000, 34
    output = io.StringIO()
    console = Console(file=output, force_terminal=True, width=100, legacy_windows=False)
    with shown_progress(wanted=True, console=console) as show:
        show(view)
    assert "1,034 of 1,234" in output.getvalue()
    assert "34 failed" in output.getvalue()
    assert output.getvalue().endswith("\x1b[2K")  # the line is empty again


def test_wait_with_progress_where_no_terminal_is_prints_nothing(served, client, capsys):
    with served.working(divide=divide):
        assert client.map("divide", [1]).wait(20, progress=True).state.value == "succeeded"
    assert capsys.readouterr() == ("", "")
