"""Sleeps, children and events: the handler's call ends, and the execution goes on where it was."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from stook.core.errors import StookError
from stook.core.memo import MemoError
from stook.core.policy import TaskPolicy
from stook.core.wait import EventWait
from stook.worker.words import (
    ChildCancelled,
    ChildFailed,
    ChildTimeout,
    Context,
    EventTimeout,
    SyncContext,
)
from tests.worker.running import outcomes, run, working

ONCE = TaskPolicy(max_attempts=1)


def suspended(handler, then=None, *, policy=None, **values):
    """The batch of one item, suspended by its handler, then woken with these values and at its end."""

    async def main():
        async with working(handler, policy=policy) as (source, _):
            batch = source.submit([None], policy=policy)
            await source.ended(batch)
            if then is not None:
                then(batch)
            while batch.states == ["suspended"]:
                source.wake(batch, **values)
                await source.ended(batch)
        return batch

    return run(main())


def waits_of(batch):
    [trouble] = batch.troubles[0]
    assert trouble.kind == "suspended"
    return list(trouble.waits)


def test_a_sleep_leaves_the_worker_and_costs_no_attempt():
    attempts = []

    async def handler(ctx: Context):
        attempts.append(ctx.attempt)
        await ctx.sleep("a", timedelta(hours=2))
        await ctx.sleep_until("b", datetime(2030, 1, 1, tzinfo=UTC))
        return "slept"

    batch = suspended(handler, policy=ONCE)
    assert batch.values() == ['"slept"']
    assert attempts == [1, 1, 1]
    [first], [second] = (trouble.waits for trouble in batch.troubles[0])
    assert (first.key, first.kind, first.seconds, first.until) == ("a", "sleep", 7200.0, None)
    assert (second.key, second.seconds, second.until) == ("b", None, 1893456000_000000)
    assert first.code


def test_in_a_thread_too():
    def handler(ctx: SyncContext):
        ctx.sleep("a", 1)
        child = ctx.invoke("b", "other", {"n": 1})
        both = ctx.gather(ctx.call("c", "other"), ctx.call("d", "other"))
        many = ctx.invoke_many("m", "other", [1, 2])
        event = ctx.wait_for_event("e", "paid")
        return [child, both, many, event, ctx.version("v", 3), threading.current_thread() is threading.main_thread()]

    batch = suspended(handler, policy=ONCE, **{"b": 1, "c": 2, "d": 3, "m[0]": 4, "m[1]": 5, "e": {"x": 0}})
    assert batch.values() == ['[1,[2,3],[4,5],{"x":0},3,false]']
    assert len(batch.troubles[0]) == 5


@pytest.mark.parametrize("value", [0, "", False, None, [], {}])
def test_what_a_child_returned_is_what_it_returned(value):
    async def handler(ctx: Context):
        return [await ctx.invoke("c", "other"), await ctx.wait_for_event("e", "paid")]

    batch = suspended(handler, policy=ONCE, c=value, e=value)
    assert msgspec.json.decode(batch.results[0]) == [value, value]
    assert len(batch.troubles[0]) == 2


def test_what_is_asked_of_a_child():
    async def handler(ctx: Context):
        await ctx.gather(
            ctx.call("a", "t", [1], timeout=2, queue="fast", priority=0, on_failure="fail_parent"),
            ctx.call("b", "other", None, cancel_on_timeout=True),
        )

    first, second = waits_of(suspended(handler, lambda batch: batch.states.__setitem__(0, "over")))
    assert (first.seconds, second.seconds) == (2.0, None)
    assert (first.child.task, first.child.payload, first.child.queue) == ("t", b"[1]", "fast")
    assert (first.child.priority, first.child.on_failure, first.child.cancel_on_timeout) == (
        0,
        "fail_parent",
        "unstarted",
    )
    assert msgspec.json.decode(first.child.policy, type=TaskPolicy) == TaskPolicy()
    assert (second.child.policy, second.child.cancel_on_timeout, second.child.payload) == (None, "always", b"null")


def test_many_children_are_a_group():
    async def handler(ctx: Context):
        assert await ctx.invoke_many("none", "other", []) == []
        await ctx.invoke_many("m", "other", (n for n in range(3)), max_parallel=2, timeout=5)

    waits = waits_of(suspended(handler, lambda batch: batch.states.__setitem__(0, "over")))
    assert [one.key for one in waits] == ["m[0]", "m[1]", "m[2]"]
    assert [(one.child.group, one.child.max_parallel, one.seconds) for one in waits] == [("m", 2, 5.0)] * 3


def test_what_is_waited_for():
    async def handler(ctx: Context):
        await ctx.wait_for_event("e", "paid", match={"order": 5}, timeout=1.5)

    [wait] = waits_of(suspended(handler, lambda batch: batch.states.__setitem__(0, "over")))
    assert (wait.kind, wait.seconds, wait.event) == ("event", 1.5, EventWait("paid", b'{"order":5}'))


FAILED = MemoError("failed", "ValueError", "boom", "the child")
LATE = MemoError("timeout", "ChildTimeout", "Child execution timed out after 1000ms", "the child")


@pytest.mark.parametrize(
    ("error", "expected", "message"),
    [
        (FAILED, ChildFailed, "Child execution failed: boom"),
        (MemoError("cancelled", "", "by hand", "the child"), ChildCancelled, "Child execution was cancelled: by hand"),
        (LATE, ChildTimeout, "Child execution timed out after 1000ms"),
    ],
)
def test_what_became_of_a_child_can_be_caught_and_is_the_same_on_every_attempt(error, expected, message):
    caught = []

    async def handler(ctx: Context):
        try:
            await ctx.invoke("c", "other", timeout=1)
        except expected as raised:
            caught.append((type(raised), str(raised), raised.child_id))
            await ctx.sleep("after", 1)
            if ctx.attempt == 1:
                raise ValueError("again") from None
            return "caught"

    batch = suspended(handler, c=error)
    assert batch.values() == ['"caught"']
    assert caught == [(expected, message, "the child")] * 3


def test_an_uncaught_failure_of_a_child_is_the_parents_for_good():
    async def handler(ctx: Context):
        await ctx.invoke("c", "other")

    batch = suspended(handler, c=FAILED)
    assert batch.states == ["failed"]
    assert batch.runs == [2]
    assert batch.troubles[0][-1].code == "child_failed"


def test_a_caught_event_timeout():
    async def handler(ctx: Context):
        try:
            await ctx.wait_for_event("e", "paid", timeout=1)
        except EventTimeout as error:
            return str(error)

    assert suspended(handler, e=MemoError("timeout", "EventTimeout", "too late")).values() == ['"too late"']


@pytest.mark.parametrize("wrapped", [False, True])
def test_an_uncaught_timeout_makes_room_for_another_child(wrapped):
    async def handler(ctx: Context):
        try:
            return await ctx.invoke("c", "other", timeout=1)
        except ChildTimeout as error:
            if wrapped:
                raise ValueError("wrapped") from error
            raise

    async def main():
        async with working(handler) as (source, _):
            batch = source.submit([None])
            await source.ended(batch)
            source.wake(batch, c=LATE)
            await source.ended(batch)
            assert [trouble.kind for trouble in batch.troubles[0]] == ["suspended", "failed", "suspended"]
            assert batch.troubles[0][1].forget == ("c",)
            assert batch.troubles[0][1].retryable
            source.wake(batch, c="at last")
            await source.ended(batch)
            assert batch.values() == ['"at last"']

    run(main())


def test_a_second_key_of_a_child_is_not_taken_for_a_timeout():
    async def handler(ctx: Context):
        first = await ctx.invoke("a", "other", timeout=1)
        second = await ctx.invoke("b", "other", timeout=1)
        return [first, second]

    assert suspended(handler, a=1, b=2).values() == ["[1,2]"]


def test_all_failures_of_children_at_once():
    async def handler(ctx: Context):
        calls = [ctx.call(key, "other") for key in "abc"]
        found = await ctx.gather(*calls, return_exceptions=True)
        try:
            await ctx.gather(*calls)
        except ChildFailed as error:
            return [type(one).__name__ for one in found] + [error.key]

    assert suspended(handler, a=1, b=FAILED, c=LATE).values() == ['["int","ChildFailed","ChildTimeout","b"]']


ASKED_WRONGLY = {
    "no calls": (lambda ctx: ctx.gather(1), "option_error"),
    "no list": (lambda ctx: ctx.invoke_many("a", "other", 5), "option_error"),
    "a match that is no object": (lambda ctx: ctx.wait_for_event("a", "paid", match=[1]), "option_error"),
    "a payload that is no JSON": (lambda ctx: ctx.invoke("a", "other", object()), "payload_invalid"),
    "an event that is no JSON": (lambda ctx: ctx.emit("paid", object()), "payload_invalid"),
    "a match that is no JSON": (lambda ctx: ctx.wait_for_event("a", "paid", match=object()), "payload_invalid"),
    "a tick that is no JSON": (lambda ctx: ctx.schedule("other", "n", "* * * * *", object()), "payload_invalid"),
}


@pytest.mark.parametrize(("ask", "code"), ASKED_WRONGLY.values(), ids=ASKED_WRONGLY)
def test_what_cannot_be_asked_says_so(ask, code):
    async def handler(ctx: Context):
        try:
            await ask(ctx)
        except StookError as error:
            return error.code

    assert outcomes(handler, [None], policy=ONCE).values() == [f'"{code}"']
