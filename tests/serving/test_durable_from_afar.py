"""Durable executions whose worker has nothing but HTTP."""

from __future__ import annotations

import asyncio

import pytest

from stook.client.remote_outside import RemoteOutside
from stook.client.remote_source import RemoteSource
from stook.core.errors import PayloadTooLarge, StookError, UnsupportedByBackend
from stook.core.ids import execution_id, parse_id
from stook.core.memo import Memo, MemoError
from stook.core.outcome import Settlement, Trouble
from stook.core.wait import ChildCall, EventWait, Wait
from stook.core.work import Remember
from stook.wire.work import Remembered, RememberWork, SettleWork, unpack
from stook.worker.definition import define
from stook.worker.runtime import WorkerRuntime
from stook.worker.words import Context
from tests.serving.worker_calls import WorkerCalls, counters, refused, submitted


@pytest.fixture
def worker(served_on_either):
    with served_on_either.as_key("worker") as client:
        yield WorkerCalls(client)


@pytest.fixture
def secret(served_on_either):
    _, made = served_on_either.call(served_on_either.services.keys.create("default", "w", ["worker"]))
    return made


def remember(worker, *writes):
    answer = worker.post("remember", RememberWork(writes=list(writes)))
    assert answer.status_code == 200, answer.text
    return unpack(answer.content, Remembered).lost


def test_what_is_remembered_comes_with_the_next_claim(served_on_either, worker):
    submitted(served_on_either, 2)
    (piece,) = worker.claim().slices
    assert piece.memos == {}
    memos = [Memo("a", "step", b" 18446744073709551616 ", code="c"), Memo("", "state", b"0")]
    write = Remember(piece.token, piece.batch_id, 1, memos, 60.0)
    assert remember(worker, write, Remember(77, piece.batch_id, 0, memos)) == [77]
    assert remember(worker, write) == []
    worker.settle(Settlement(piece.token, piece.batch_id, (), [], (), [Trouble(0, "released"), Trouble(1, "released")]))
    (again,) = worker.claim("r2").slices
    assert again.memos == {1: [Memo("a", "step", b"18446744073709551616", code="c"), Memo("", "state", b"0")]}


def test_a_suspended_execution_is_the_stores_until_its_time_comes(served_on_either, worker):
    batch = submitted(served_on_either, 1)
    (piece,) = worker.claim().slices
    waits = (Wait("nap", "sleep", seconds=3600.0, code="c"),)
    worker.settle(Settlement(piece.token, piece.batch_id, (), [], (), [Trouble(0, "suspended", waits=waits)]))
    assert worker.claim("r2").slices == []
    assert counters(served_on_either, batch)["running"] == 0


@pytest.mark.parametrize(
    "write",
    [
        Remember(1, b"b", 0, [Memo("a", "step", b"nope")]),
        Remember(1, b"b", 0, [Memo("", "step", b"1")]),
        Remember(1, b"b", 0, [Memo("x" * 513, "step", b"1")]),
        Remember(1, b"b", 0, [Memo("a", "child", b"1")]),
        Remember(1, b"b", 0, [Memo("a", "step", b"1", MemoError("failed", "", ""))]),
        Remember(1, b"b", -1, []),
        Remember(2**63, b"b", 0, []),
        Remember(1, b"b", 0, [], 0.0),
    ],
    ids=[f"write{n}" for n in range(8)],
)
def test_what_no_worker_of_ours_would_remember_is_refused(served_on_either, worker, write):
    refused(worker.post("remember", RememberWork(writes=[write])), 400)


CALL = ChildCall("t")


@pytest.mark.parametrize(
    "trouble",
    [
        Trouble(0, "suspended"),
        Trouble(0, "failed", waits=(Wait("a", "sleep", seconds=1.0),)),
        Trouble(0, "suspended", waits=(Wait("", "sleep", seconds=1.0),)),
        Trouble(0, "suspended", waits=(Wait("a", "sleep"),)),
        Trouble(0, "suspended", waits=(Wait("a", "sleep", seconds=float("inf")),)),
        Trouble(0, "suspended", waits=(Wait("a", "sleep", until=2**62),)),
        Trouble(0, "suspended", waits=(Wait("a", "child"),)),
        Trouble(0, "suspended", waits=(Wait("a", "sleep", seconds=1.0, child=CALL),)),
        Trouble(0, "suspended", waits=(Wait("a", "child", child=ChildCall("t", b"{")),)),
        Trouble(0, "suspended", waits=(Wait("a", "child", child=ChildCall("t", policy='{"max_attempts":0}')),)),
        Trouble(0, "suspended", waits=(Wait("a", "child", child=ChildCall("t", priority=2**31)),)),
        Trouble(0, "suspended", waits=(Wait("a", "event", event=EventWait("e", b"[]")),)),
        Trouble(0, "failed", forget=("",)),
    ],
    ids=[f"trouble{n}" for n in range(13)],
)
def test_waits_that_are_none_are_refused(served_on_either, worker, trouble):
    body = SettleWork([Settlement(1, b"b", (), [], (), [trouble])])
    refused(worker.post("settle", body), 400)


def test_steps_sleeps_and_children_of_a_worker_afar(served_on_either, secret):
    calls = []

    async def handler(n, ctx: Context):
        first = await ctx.step("first", lambda: calls.append(n) or n + 1)
        await ctx.sleep("nap", 0.01)
        if n < 10:
            return [first, await ctx.invoke("child", "t", n + 10)]
        return first

    batch = submitted(served_on_either, 1)

    async def body():
        source = RemoteSource(served_on_either.url, secret)
        runtime = WorkerRuntime(source, {"t": define(handler, name="t")}, name="w", poll_interval=0.05)
        await runtime.start()
        try:
            async with asyncio.timeout(20):
                while not counters(served_on_either, batch)["succeeded"]:
                    await asyncio.sleep(0.02)
        finally:
            await runtime.stop()
            await source.close()

    maintained = served_on_either.session.maintained()
    served_on_either.call(maintained.__aenter__())
    try:
        asyncio.run(body())
    finally:
        served_on_either.call(maintained.__aexit__(None, None, None))
    assert sorted(calls) == [0, 10]
    [row] = served_on_either.client.get(f"/api/v1/batches/{batch}/results").text.splitlines()
    assert '"result":[1,11]' in row.replace(" ", "")


def on(url, secret, body):
    async def run():
        source = RemoteSource(url, secret)
        try:
            await body(source)
        finally:
            await source.close()

    asyncio.run(run())


def test_a_value_above_the_limit_is_refused_alone(served_on_either, worker, secret):
    submitted(served_on_either, 1)
    (piece,) = worker.claim().slices
    most = served_on_either.services.blobs.most

    async def body(source):
        def write(size):
            return [Remember(piece.token, piece.batch_id, 0, [Memo("a", "step", b'"' + b"x" * size + b'"')])]

        with pytest.raises(PayloadTooLarge):
            await source.remember(write(most))
        assert list(await source.remember(write(most - 2))) == []

    on(served_on_either.url, secret, body)


def test_a_server_that_is_older_says_that_it_stores_no_steps(served_on_either, secret, monkeypatch):
    async def body(source):
        post = source._client.post
        monkeypatch.setattr(source._client, "post", lambda path, **given: post(f"older/{path}", **given))
        with pytest.raises(UnsupportedByBackend, match="does not store steps"):
            await source.remember([Remember(1, b"b", 0, [])])
        assert source.refused is None

    on(served_on_either.url, secret, body)


def test_handlers_afar_reach_the_rest_of_stook_in_their_project(served_on_either, secret):
    served_on_either.know("nobody")
    other = submitted(served_on_either, 1, task="nobody")
    with served_on_either.as_key("submit", project="other") as theirs:
        foreign = submitted(served_on_either, 1, client=theirs)

    async def handler(n, ctx: Context):
        event = await ctx.emit("paid", {"n": 1})
        cancelled = [await ctx.cancel(f"{one}", reason="enough") for one in (first, first, far, "nonsense")]
        await ctx.schedule("nobody", "nightly", "0 3 * * *", {"x": 1}, tz="Europe/Berlin")
        return [bool(event), cancelled, [await ctx.unschedule("nobody", "nightly") for _ in range(2)]]

    first, far = execution_id(parse_id(other), 0), execution_id(parse_id(foreign), 0)
    batch = submitted(served_on_either, 1)

    async def body(source):
        runtime = WorkerRuntime(
            source, {"t": define(handler, name="t")}, name="w", poll_interval=0.05, outside=RemoteOutside(source)
        )
        await runtime.start()
        try:
            assert await runtime.drain(20)
        finally:
            await runtime.stop()

    on(served_on_either.url, secret, body)
    assert counters(served_on_either, batch)["failed"] == 0
    [row] = served_on_either.client.get(f"/api/v1/batches/{batch}/results").text.splitlines()
    assert '"result":[true,[true,false,false,false],[true,false]]' in row.replace(" ", "")
    assert counters(served_on_either, other)["cancelled"] == 1


def test_what_handlers_ask_wrongly_fails_their_attempt_alone(served_on_either, secret):
    async def body(source):
        outside = RemoteOutside(source)
        for asked in (
            outside.emit("", "", b"1", trace=None),
            outside.emit("", "e", b"nope", trace=None),
            outside.schedule("", "t", "n", "no cron", b"1", tz="UTC", priority=0, missed="one", overlap="allow"),
        ):
            with pytest.raises(StookError):
                await asked
        assert source.refused is None

    on(served_on_either.url, secret, body)
