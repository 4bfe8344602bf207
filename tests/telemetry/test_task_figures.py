"""How long work waits, what is invoked and taken back, steps and groups: counted where they happen."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import pytest

from stook import BatchConfig, Context, Throttle
from stook.core.policy import TaskPolicy
from stook.core.work import Claim
from stook.engine import process
from stook.engine.maintenance import sweep_once
from stook.store.script.worker_row import see_worker
from stook.telemetry import exposition, store_figures
from stook.telemetry.exposition import WorkerExposition
from stook.wiring.serving import serving
from tests.telemetry.scraped import Scraped
from tests.worker.fake_source import FakeSource
from tests.worker.running import run, working


def shown(figures):
    return Scraped(figures.text().decode())


@pytest.fixture
def figures():
    return WorkerExposition()


# ------------------------------------------------------------------------------------------------- with real stores


@pytest.fixture
def held(harness_on_either):
    """Three executions claimed two seconds after they were ready; their worker is never heard of again."""
    harness = harness_on_either
    harness.app.task("echo", queue="mail")(lambda item: item).map([1, 2, 3])
    session, portal = harness.app.opened()
    harness.clock.advance(2)
    claimed = portal.call(session.new_source().claim(Claim("w", ["echo"], 10, idle=True, lease=5.0)))
    return harness, session, portal, claimed


def test_a_wait_is_from_ready_to_claimed(held, figures):
    *_, claimed = held
    figures.workers.claimed(claimed.slices, 1)
    found = shown(figures)
    assert found("stook_task_wait_seconds_count", task="echo") == 3
    assert found("stook_task_wait_seconds_sum", task="echo") == pytest.approx(6, abs=0.5)
    assert found("stook_task_wait_seconds_bucket", task="echo", le="1.0") == 0
    assert found("stook_task_wait_seconds_bucket", task="echo", le="2.5") == 3
    assert {one.queue for one in claimed.slices} == {"mail"}


def test_a_retry_waits_from_when_it_was_due(held, figures):
    harness, session, portal, _ = held
    harness.clock.advance(100)
    portal.call(sweep_once(session.store))
    harness.clock.advance(1)
    again = portal.call(session.new_source().claim(Claim("v", ["echo"], 10, idle=True)))
    figures.workers.claimed(again.slices, 1)
    taken = sum(len(one.offsets) for one in again.slices)
    assert shown(figures)("stook_task_wait_seconds_sum") == pytest.approx(taken, abs=0.5)


def test_what_lapsed_leases_held_is_lost(held, figures):
    harness, session, portal, _ = held
    portal.call(sweep_once(session.store, tally=figures.workers))
    assert shown(figures)("stook_task_losses_total") is None
    harness.clock.advance(6)
    portal.call(sweep_once(session.store, tally=figures.workers))
    assert shown(figures)("stook_task_losses_total", task="echo", queue="mail") == 3


def test_maintenance_of_a_session_with_workers_counts_what_it_takes_back(held, figures):
    harness, session, portal, _ = held
    session.counted_by(figures.workers)
    session.counted_by(None)
    harness.clock.advance(6)
    portal.call(session.maintenance._sweep())
    assert shown(figures)("stook_task_losses_total", task="echo", queue="mail") == 3


def test_what_a_dead_neighbour_held_is_lost(held, figures):
    _, session, portal, _ = held
    session.counted_by(figures.workers)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        row = ("w", process.host(), process.process(child.pid), '["echo"]')
        portal.call(session.store.write(see_worker, *row))
        child.kill()
    assert portal.call(session.maintenance.bury_neighbours()) == 1
    assert shown(figures)("stook_task_losses_total", task="echo", queue="mail") == 3


def test_a_server_counts_what_its_process_takes_back(held):
    harness, session, portal, _ = held

    async def main():
        async with serving(session, host="127.0.0.1", port=0, grace=1, key=None) as served:
            harness.clock.advance(6)
            await session.maintenance._sweep()
            return [sample for family in served.meter.collect() for sample in family.samples]

    found = [one.value for one in portal.call(main()) if one.name == "stook_task_losses_total"]
    assert found == [3]


def test_invocations_of_a_program_are_counted_by_reason(app_on_either, figures):
    app = app_on_either
    hello = app.task("hello", queue="mail")(lambda item: item)
    limit = Throttle(60)

    async def main():
        workers = app.orchestrator(meter=figures.workers)
        await workers.start()
        try:
            first = await hello.invoke(1)
            await hello.invoke(1, dedupe_key="k", delay=60)
            await hello.invoke(2, dedupe_key="k")
            await app.invoke_many("hello", [{"payload": 1, "throttle": limit}] * 2)
            assert await first.result(timeout=20) == 1
        finally:
            await workers.stop()

    asyncio.run(main())
    found = shown(figures)
    count = "stook_task_invocations_total"
    assert found(count, task="hello", queue="mail", reason="created") == 3
    assert found(count, reason="duplicate") == 1
    assert found(count, reason="throttled") == 1
    assert found("stook_worker_attempts_total", task="hello", queue="mail", outcome="succeeded") in (1, 2)


def test_a_server_counts_what_is_invoked_over_http(served, monkeypatch):
    monkeypatch.setattr(exposition, "GOOD_FOR", 0.0)
    items = [{"payload": 1, "dedupe_key": "a"}, {"payload": 2, "dedupe_key": "a"}, {"payload": 3}]
    for _ in range(2):
        answer = served.client.post("/api/v1/invocations", json={"task": "t", "items": items})
        assert answer.status_code == 201, answer.text
    single = {"task": "t", "items": [{"payload": 1}], "single": True}
    assert served.client.post("/api/v1/invocations", json=single).status_code == 201
    found = Scraped(served.client.get("/metrics").text)
    reasons = {
        reason: found("stook_task_invocations_total", task="t", queue="default", reason=reason)
        for reason in found.labels("stook_task_invocations_total", "reason")
    }
    assert reasons == {"created": 4, "folded": 1, "duplicate": 2}


def test_tasks_beyond_the_first_hundred_are_added_up(figures):
    for number in range(store_figures.MOST + 5):
        figures.workers.invoked([(f"t{number}", "q", None)] * 2)
        figures.workers.lapsed({(f"t{number}", "q"): 1})
    found = shown(figures)
    assert len(found.labels("stook_task_invocations_total", "task")) == store_figures.MOST + 1
    assert found("stook_task_invocations_total", task="(others)", queue="(others)", reason="created") == 10
    assert found("stook_task_losses_total", task="(others)") == 5
    assert found("stook_task_losses_total") == store_figures.MOST + 5


# ----------------------------------------------------------------------------------------------------- of a worker


def test_steps_and_how_long_they_took(figures):
    async def handler(n, ctx: Context):
        await ctx.step("a", lambda: n)
        if ctx.attempt == 1:
            raise ValueError("again")

    async def main():
        async with working(handler, policy=TaskPolicy(max_attempts=2), meter=figures.workers) as (source, _):
            await source.ended(source.submit([1, 2], policy=TaskPolicy(max_attempts=2)))

    run(main())
    found = shown(figures)
    assert found("stook_step_executions_total", task="t", cached="false") == 2
    assert found("stook_step_executions_total", task="t", cached="true") == 2
    assert found("stook_step_duration_seconds_count", task="t") == 2


def test_groups_and_how_long_they_formed(figures):
    grouped = TaskPolicy(batch=BatchConfig(size=2, timeout=60))

    async def handler(rows):
        return rows

    async def main():
        async with working(handler, policy=grouped, meter=figures.workers) as (source, _):
            await source.ended(source.submit([1, 2, 3, 4], policy=grouped))

    run(main())
    found = shown(figures)
    assert found("stook_group_size_count", task="t", closed_by="size") == 2
    assert found("stook_group_size_sum", task="t") == 4
    assert found("stook_group_age_seconds_count", task="t") == 2


def test_an_outcome_that_comes_too_late_is_fenced_off(figures):
    async def main():
        source = FakeSource()

        async def handler(n):
            if not losing:
                losing.append(n)
                source.lose(batch)
            return n

        losing: list[int] = []
        async with working(handler, source=source, concurrency=1, meter=figures.workers):
            batch = source.submit([3])
            await source.ended(batch)

    run(main())
    assert shown(figures)("stook_fence_rejected_total", task="t") == 1


def test_a_step_of_a_lost_lease_is_fenced_off(figures):
    async def handler(n, ctx: Context):
        await ctx.step("a", lambda: n)

    async def main():
        source = FakeSource()
        taken = source.remember

        async def late(writes):
            source.remember = taken
            source.lose(batch)
            return await taken(writes)

        source.remember = late
        async with working(handler, source=source, concurrency=1, meter=figures.workers):
            batch = source.submit([3])
            await source.ended(batch)

    run(main())
    assert shown(figures)("stook_fence_rejected_total", task="t") == 1
