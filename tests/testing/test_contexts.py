"""Contexts for handlers that a test calls itself: as a worker's, without a store."""

from __future__ import annotations

import asyncio

import pytest

from stook.core.errors import ConfigError
from stook.testing import make_batch_context, make_context
from stook.worker.failures import Cancelled, ChildFailed, ChildTimeout, DuplicateStep, EventTimeout, NotAvailableInBatch


async def handler(order, ctx):
    price = await ctx.step("price", lambda: ctx.custom["prices"][order])
    await ctx.sleep("cool down", 60)
    paid = await ctx.wait_for_event("paid", "payment", match={"order": order})
    shipped = await ctx.gather(ctx.call("a", "ship", order), ctx.call("b", "ship", paid["by"]))
    await ctx.checkpoint({"shipped": len(shipped)})
    await ctx.emit("done", order)
    return price, shipped, ctx.last_checkpoint


def blocking_handler(order, ctx):
    price = ctx.step("price", lambda: ctx.custom["prices"][order])
    ctx.sleep("cool down", 60)
    paid = ctx.wait_for_event("paid", "payment", match={"order": order})
    shipped = ctx.gather(ctx.call("a", "ship", order), ctx.call("b", "ship", paid["by"]))
    ctx.checkpoint({"shipped": len(shipped)})
    ctx.emit("done", order)
    return price, shipped, ctx.last_checkpoint


ANSWERS = {
    "custom": {"prices": {"x": 7}},
    "events": {"payment": {"order": "x", "by": "me"}},
    "children": {"ship": lambda to: f"to {to}"},
}


@pytest.mark.parametrize("sync", [False, True])
def test_a_handler_runs_from_end_to_end(sync, caplog):
    ctx = make_context("orders", sync=sync, **ANSWERS)
    found = blocking_handler("x", ctx) if sync else asyncio.run(handler("x", ctx))
    assert found == (7, ["to x", "to me"], {"shipped": 2})
    seen = ctx.rehearsal
    assert seen.slept == {"cool down": 60}
    assert seen.called == {"a": ("ship", "x"), "b": ("ship", "me")}
    assert seen.emitted == [("done", "x")]
    assert seen.states == [{"shipped": 2}]
    assert seen.remembered["price"] == 7
    assert caplog.records == []


def test_a_later_attempt_remembers_what_the_first_did():
    calls = []

    async def main(ctx):
        return await ctx.step("once", lambda: calls.append(1) or len(calls)), await ctx.invoke("c", "child")

    first = make_context(children={"child": 5})
    assert asyncio.run(main(first)) == (1, 5)
    second = make_context(attempt=2, after=first)
    assert asyncio.run(main(second)) == (1, 5)
    assert calls == [1]
    assert second.rehearsal.called == {}
    assert asyncio.run(main(make_context(steps={"once": 9}, children={"c": None}))) == (9, None)


@pytest.mark.parametrize(
    ("error", "met"),
    [
        (ChildTimeout("late", key="c"), ChildTimeout),
        (ValueError("no stock"), ChildFailed),
        (EventTimeout("late", key="e"), EventTimeout),
    ],
    ids=["child timeout", "child failed", "event timeout"],
)
def test_what_an_answer_raises_the_handler_meets(error, met):
    async def main(ctx):
        await (ctx.wait_for_event("e", "event") if met is EventTimeout else ctx.invoke("c", "child"))

    with pytest.raises(met, match=str(error)):
        asyncio.run(main(make_context(children={"c": error}, events={"event": error})))


def test_what_has_no_answer_is_the_tests_mistake():
    async def child(ctx):
        await ctx.invoke("c", "child")

    async def event(ctx):
        await ctx.wait_for_event("e", "event")

    with pytest.raises(ConfigError, match=r"child 'c' \('child'\).*children=\{'c'"):
        asyncio.run(child(make_context()))
    with pytest.raises(ConfigError, match=r"event 'e' \('event'\)"):
        asyncio.run(event(make_context()))


def test_names_of_two_kinds_clash_as_they_do_in_a_worker():
    async def main(ctx):
        await ctx.step("x", lambda: 1)
        await ctx.sleep("x", 1)

    with pytest.raises(DuplicateStep):
        asyncio.run(main(make_context()))


def test_it_knows_what_it_is_told_and_hears_signals():
    ctx = make_context(
        "t", queue="q", attempt=2, max_attempts=5, metadata={"a": 1}, tags=("x",), parent_id="p", timeout=9
    )
    assert (ctx.task, ctx.queue, ctx.attempt, ctx.max_attempts) == ("t", "q", 2, 5)
    assert (ctx.metadata, ctx.tags, ctx.parent_id) == ({"a": 1}, ("x",), "p")
    assert ctx.deadline is not None
    ctx.signal.set("cancelled")
    with pytest.raises(Cancelled):
        ctx.raise_if_cancelled()


def test_a_groups_context_has_members_and_marks():
    cancelled = {1}
    ctx = make_batch_context("t", size=3, queue="q", closed_by="timeout", age=2.0, cancelled=cancelled)
    assert (ctx.task, ctx.queue, ctx.closed_by) == ("t", "q", "timeout")
    assert ctx.age >= 2.0
    cancelled.add(2)
    assert set(ctx.items_cancelled) == {1, 2}
    ctx.fail(0, "bad")
    assert set(ctx.marks) == {0}
    with pytest.raises(NotAvailableInBatch):
        ctx.step("x")
    assert make_batch_context(sync=True).signal.is_set() is False


@pytest.mark.parametrize("make", [make_context, make_batch_context], ids=["one", "group"])
def test_what_it_does_not_know_is_no_option(make):
    with pytest.raises(ConfigError, match="no 'atempt' to be told"):
        make(atempt=2)


@pytest.mark.parametrize("custom", [{"step": 1}, {"1x": 1}, 5], ids=str)
def test_what_a_worker_would_refuse_as_a_context_is_refused_here(custom):
    with pytest.raises(ConfigError, match="context"):
        make_context(custom=custom)
