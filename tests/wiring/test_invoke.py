"""`app.invoke`: what it takes and refuses, and what reaches the handler."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime, timedelta

import pytest

from stook import InvokeError, OptionError, PayloadTooLarge, PayloadValidationError, TaskDef
from tests.wiring.invoked_tasks import sync


def test_a_call_gives_a_receipt_that_is_a_handle(apps):
    made = sync(apps).invoke("double", 21)
    assert made
    assert (made.created, made.reason, made.blocked_by, str(made)) == (True, None, None, made.id)
    assert made.sync.status().state == "queued"
    apps.run_until_idle()
    assert made.sync.result(timeout=5) == 42
    info = made.sync.status()
    assert (info.state, info.result, info.attempts, info.task, info.queue, info.done) == (
        "succeeded",
        42,
        1,
        "double",
        "default",
        True,
    )


def test_coroutines_and_their_blocking_twins_are_the_same(app_on_either):
    @app_on_either.task("double")
    async def double(number: int) -> int:
        return 2 * number

    async def both():
        one = await double.invoke(4)
        many = await double.invoke_many([1, 2, 3])
        assert (await app_on_either.get(one)).state in ("queued", "running", "succeeded")
        return await one.result(20), await many.results(20), (await one.status()).result

    with app_on_either.working():
        assert asyncio.run(both()) == (8, [2, 4, 6], 8)
        assert double.sync.invoke(5).sync.result(20) == 10
        assert double.sync.invoke_many([7]).sync.results(20) == [14]


def test_options_reach_the_handler(apps):
    made = sync(apps).invoke(
        "seen", {"id": 1, "note": "hi"}, tags=["a", "b"], metadata={"by": "x"}, priority=-5, dedupe_key="k" * 512
    )
    waiting = made.sync.status()
    assert (waiting.priority, waiting.tags, waiting.metadata) == (-5, ("a", "b"), {"by": "x"})
    assert waiting.dedupe_key == "k" * 512
    assert waiting.why_waiting
    apps.run_until_idle()
    assert made.sync.result() == {
        "note": "hi",
        "attempt": 1,
        "metadata": {"by": "x"},
        "tags": ["a", "b"],
        "kind": "invoke",
        "name": "stook.invoke",
    }
    ended = made.sync.status()
    assert (ended.priority, ended.dedupe_key, ended.tags) == (-5, "k" * 512, ("a", "b"))


def test_a_list_is_one_payload(apps):
    @apps.app.task("total")
    async def total(numbers: list[int]) -> int:
        return sum(numbers)

    made = total.sync.invoke([1, 2, 3])
    apps.run_until_idle()
    assert made.sync.result() == 6


@pytest.mark.parametrize("how", ["run_at", "milliseconds", "delay", "timedelta"])
def test_not_before_its_time(apps, how):
    now = apps.clock.now.timestamp()
    later = {
        "run_at": {"run_at": datetime.fromtimestamp(now + 60, UTC)},
        "milliseconds": {"run_at": (now + 60) * 1000},
        "delay": {"delay": 60},
        "timedelta": {"delay": timedelta(minutes=1)},
    }[how]
    made = sync(apps).invoke("double", 1, **later)
    assert made.sync.status().state == "scheduled"
    assert made.sync.status().run_at == datetime.fromtimestamp(now + 60, UTC)
    apps.clock.advance(59.9)
    apps.run_until_idle()
    assert made.sync.status().state == "scheduled"
    apps.clock.advance(0.1)
    apps.run_until_idle()
    assert made.sync.result() == 2


def test_a_number_that_looks_like_seconds_is_warned_of(apps, caplog):
    with caplog.at_level(logging.WARNING, logger="stook"):
        sync(apps).invoke("double", 1, run_at=1_700_000_000)
    assert "looks like seconds" in caplog.text


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"run_at": datetime(2030, 1, 1)}, "no time zone"),
        ({"run_at": 1, "delay": 1}, "two times"),
        ({"delay": -1}, "delay=-1"),
        ({"delay": float("inf")}, "delay=inf"),
        ({"priority": 2**31}, "32 bits"),
        ({"priority": True}, "32 bits"),
        ({"priority": 1.5}, "32 bits"),
        ({"dedupe_key": ""}, "empty"),
        ({"dedupe_key": "x" * 513}, "513 characters"),
        ({"dedupe_key": "a\0b"}, "NUL"),
        ({"dedupe_key": 5}, "not text"),
        ({"dedupe": "replace"}, "needs a dedupe_key"),
        ({"dedupe_key": "a", "dedupe": "later"}, "none of return_existing"),
        ({"dedupe_ttl": 5}, "needs a dedupe_key"),
        ({"throttle": 1, "debounce": 1}, "Cannot use both throttle and debounce - choose one"),
        ({"throttle": 0}, "> 0"),
        ({"debounce": 0}, "> 0"),
        ({"debounce": 5, "delay": 1}, "leave out run_at and delay"),
        ({"debounce": 5, "run_at": 0}, "leave out run_at and delay"),
        ({"timeout": 0}, "never let an attempt run"),
        ({"expires_in": -1}, "expires_in"),
        ({"tags": "red"}, "list of tags"),
        ({"tags": [""]}, "empty"),
        ({"metadata": [1]}, "not a dict"),
        ({"metadata": {"x": float("nan")}}, "metadata"),
    ],
    ids=str,
)
def test_what_cannot_be_is_refused_before_anything_is_written(apps, options, words):
    with pytest.raises(OptionError, match=words) as caught:
        sync(apps).invoke("double", 1, **options)
    assert isinstance(caught.value, InvokeError | ValueError)
    assert sync(apps).list() == []


def test_payloads_are_checked_against_the_tasks_type(apps):
    with pytest.raises(PayloadValidationError) as caught:
        sync(apps).invoke("seen", {"id": "one"})
    assert [(bad.path, bad.code) for bad in caught.value.errors] == [("id", "payload_invalid")]
    with pytest.raises(PayloadValidationError):
        sync(apps).invoke(TaskDef("double"), "two")
    assert sync(apps).list() == []


def test_a_payload_too_large_says_by_how_much(app):
    @app.task("any")
    async def anything(payload: object) -> None: ...

    with pytest.raises(PayloadTooLarge) as caught:
        app.sync.invoke(anything, "x" * (4 * 2**20))
    assert (caught.value.size, caught.value.limit) == (4 * 2**20 + 2, 4 * 2**20)


def test_large_payloads_arrive_whole(apps):
    @apps.app.task("length")
    async def length(text: str) -> int:
        return len(text)

    made = [
        sync(apps).invoke(length, "x" * 200_000, **options)
        for options in ({}, {"dedupe_key": "a", "dedupe": "replace"}, {"throttle": 1}, {"debounce": 1})
    ]
    made.append(sync(apps).invoke(length, "x" * 300_000, dedupe_key="a", dedupe="replace"))
    apps.clock.advance(1)
    apps.run_until_idle()
    assert [one.sync.result() for one in made] == [200_000, 300_000, 200_000, 200_000, 300_000]
