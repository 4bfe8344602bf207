"""How invocations end: failures, results that are waited for, cancels and retries."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from stook import ExecutionCancelled, ExecutionFailed, ExecutionNotFound, ResultTimeout
from stook.core.errors import Conflict
from tests.wiring.invoked_tasks import sync


def test_failures_say_what_they_were(apps):
    made = sync(apps).invoke("broken", {})
    apps.run_until_idle()
    with pytest.raises(ExecutionFailed, match="no good") as caught:
        made.sync.result()
    assert (caught.value.error.message, caught.value.error.code) == ("no good", "non_retryable")
    info = made.sync.status()
    assert (info.state, info.error.message) == ("failed", "no good")


def test_a_result_is_waited_for_so_long(apps):
    made = sync(apps).invoke("double", 1)
    with pytest.raises(ResultTimeout):
        made.sync.result(timeout=0.3)
    with pytest.raises(ResultTimeout):
        sync(apps).wait([made], timeout=timedelta(milliseconds=300))


def test_cancel_says_whether_it_did_it_and_keeps_the_reason(apps):
    made = sync(apps).invoke("double", 1)
    assert made.sync.cancel("not wanted") is True
    assert made.sync.cancel() is False
    assert made.sync.status().error == "not wanted"
    apps.run_until_idle()
    with pytest.raises(ExecutionCancelled, match="not wanted") as caught:
        made.sync.result()
    assert caught.value.reason == "not wanted"
    other = sync(apps).invoke("double", 1)
    assert sync(apps).cancel(other)
    assert other.sync.status().error == "Cancelled by user"
    assert sync(apps).cancel("0192f0c1-7b7e-7000-8a2b-3c4d00000000") is False
    assert sync(apps).cancel("no id") is False


def test_cancel_by_task_and_key(apps):
    made = sync(apps).invoke("double", 1, dedupe_key="a")
    assert sync(apps).cancel("seen", dedupe_key="a") is False
    assert sync(apps).cancel("double", dedupe_key="a") is True
    assert made.sync.status().state == "cancelled"
    assert sync(apps).cancel("double", dedupe_key="a") is False


def test_a_live_worker_hears_of_a_cancel_within_a_second(app_on_either):
    import time

    started, heard = [], []

    @app_on_either.task("long", cancel_grace=0)
    async def long(payload: dict) -> None:
        started.append(time.monotonic())
        try:
            await asyncio.Event().wait()
        finally:
            heard.append(time.monotonic())

    async def run():
        made = await app_on_either.invoke(long, {})
        while not started:
            await asyncio.sleep(0.01)
        at = time.monotonic()
        assert await made.cancel("enough")
        with pytest.raises(ExecutionCancelled):
            await made.result(10)
        return heard[0] - at

    with app_on_either.working():
        assert asyncio.run(run()) < 1


def test_retry_takes_up_what_ended_badly_and_nothing_else(apps):
    made = sync(apps).invoke("broken", {})
    with pytest.raises(Conflict, match="queued"):
        made.sync.retry()
    apps.run_until_idle()
    made.sync.retry()
    assert made.sync.status().state == "queued"
    good = sync(apps).invoke("double", 1)
    apps.run_until_idle()
    with pytest.raises(Conflict, match=r"succeeded: only what has failed.*invoke the task again"):
        good.sync.retry()
    assert sync(apps).retry(state="failed") == 1
    assert sync(apps).retry([made]) == 0


def test_who_is_not_there_is_said_so(apps):
    for ask in (sync(apps).get, lambda id_: sync(apps).wait([id_])):
        with pytest.raises(ExecutionNotFound):
            ask("0192f0c1-7b7e-7000-8a2b-3c4d00000000")
    with pytest.raises(ExecutionNotFound):
        sync(apps).get("no id")
