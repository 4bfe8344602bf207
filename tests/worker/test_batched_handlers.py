"""Many items per call, one verdict each."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import pytest

from stook.core.policy import BatchConfig, TaskPolicy
from stook.worker import renewal
from stook.worker.words import (
    BatchContext,
    BatchError,
    Broadcast,
    Event,
    Fail,
    NonRetryable,
    NotAvailableInBatch,
    Ok,
    RetryAfter,
    SyncBatchContext,
)
from tests.worker.running import outcomes, run, soon, working


def groups_of(size, *, attempts=1, **options):
    timeout = options.pop("timeout", None)
    return TaskPolicy(
        batch=BatchConfig(size, options.pop("wait", 0), **options), max_attempts=attempts, timeout=timeout
    )


# --------------------------------------------------------------------------------------------------- the answers


@pytest.mark.parametrize("answer", [None, "list", "tuple", "broadcast", "ok", "id"])
@pytest.mark.parametrize("threaded", [False, True])
def test_answers_that_settle_every_member(answer, threaded):
    def verdicts(events):
        numbers = [event.payload for event in events]
        return {
            None: None,
            "list": numbers,
            "tuple": tuple(numbers),
            "broadcast": Broadcast("same"),
            "ok": [Ok(n) for n in numbers],
            "id": {event.id: event.payload for event in reversed(events)},
        }[answer]

    async def coroutine(events: list[Event]):
        await asyncio.sleep(0)
        return verdicts(events)

    def thread(events: list[Event]):
        return verdicts(events)

    batch = outcomes(thread if threaded else coroutine, list(range(25)), policy=groups_of(10))
    expected = {None: ["null"] * 25, "broadcast": ['"same"'] * 25}.get(answer, [str(n) for n in range(25)])
    assert batch.values() == expected
    assert batch.runs == [1] * 25


def test_each_member_has_its_own_verdict():
    async def handler(rows):
        return [
            "plain",
            Ok("ok"),
            Fail("bad luck"),
            Fail(KeyError("k"), retry=False),
            ValueError("given back"),
            RetryAfter(9),
            NonRetryable("never"),
            object(),
        ]

    batch = outcomes(handler, list(range(8)), policy=groups_of(8))
    assert batch.values()[:2] == ['"plain"', '"ok"']
    rest = [batch.only(n) for n in range(2, 8)]
    assert [one.type for one in rest] == [
        "HandlerFailure",
        "KeyError",
        "ValueError",
        "RetryAfter",
        "NonRetryable",
        "ResultNotSerializable",
    ]
    assert [one.retryable for one in rest] == [True, False, True, True, False, True]
    assert rest[3].retry_after == 9.0


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ([1, 2], "Batch handler returned 2 results but received 3 executions"),
        ("text", "received 3 executions, got str"),
        ({"x": 1}, "keys are exactly"),
    ],
)
@pytest.mark.parametrize("on_error", ["retry_all", "bisect", "retry_singly"])
def test_an_answer_that_does_not_fit_fails_all_and_each_runs_again_alone(answer, says, on_error):
    sizes = []

    async def handler(rows):
        sizes.append(len(rows))
        return answer if len(rows) > 1 else rows

    batch = outcomes(handler, [1, 2, 3], policy=groups_of(3, attempts=2, on_error=on_error))
    assert sizes == [3, 1, 1, 1]
    assert batch.values() == ["1", "2", "3"]
    for index in range(3):
        assert says in batch.only(index).message
        assert batch.only(index).code == "batch_contract"
        assert batch.only(index).singly


def test_a_batch_error_fails_those_it_names_and_the_rest_have_none():
    async def handler(rows):
        raise BatchError({1: ValueError("second"), 2: Fail("third", retry=False)})

    batch = outcomes(handler, [0, 1, 2, 3], policy=groups_of(4))
    assert batch.values() == ["null", None, None, "null"]
    assert batch.only(1).message == "second"
    assert batch.only(2).retryable is False


@pytest.mark.parametrize("error", [RetryAfter(5), NonRetryable("no")])
def test_these_are_for_all_members_and_never_bisected(error):
    calls = 0

    async def handler(rows):
        nonlocal calls
        calls += 1
        raise error

    batch = outcomes(handler, [1, 2, 3, 4], policy=groups_of(4, on_error="bisect"))
    assert calls == 1
    assert {trouble[0].type for trouble in batch.troubles} == {type(error).__name__}
    assert {trouble[0].retry_after for trouble in batch.troubles} == {getattr(error, "delay", None)}


@pytest.mark.parametrize(("on_error", "sizes"), [("retry_all", [3, 3]), ("retry_singly", [3, 1, 1, 1])])
def test_a_raise_costs_every_member_an_attempt(on_error, sizes):
    seen = []

    async def handler(rows):
        seen.append(len(rows))
        if len(seen) == 1:
            raise ValueError("all of you")
        return rows

    batch = outcomes(handler, [1, 2, 3], policy=groups_of(3, attempts=2, on_error=on_error))
    assert seen == sizes
    assert {batch.only(n).message for n in range(3)} == {"all of you"}
    assert {batch.only(n).singly for n in range(3)} == {on_error == "retry_singly"}
    assert "in handler" in batch.only(1).traceback


def test_the_context_may_mark_a_member_as_failed_whatever_the_answer():
    def handler(rows, ctx: SyncBatchContext):
        ctx.fail(1, ValueError("marked"), retry=False)
        if rows[0] == "raise":
            raise KeyError("others")
        return rows

    good = outcomes(handler, ["a", "b", "c"], policy=groups_of(3))
    assert good.values() == ['"a"', None, '"c"']
    assert (good.only(1).message, good.only(1).retryable) == ("marked", False)
    bad = outcomes(handler, ["raise", "b", "c"], policy=groups_of(3))
    assert [bad.only(n).type for n in range(3)] == ["KeyError", "ValueError", "KeyError"]


def test_what_a_group_has_and_has_not():
    async def handler(rows, ctx: BatchContext):
        assert (ctx.task, ctx.queue, ctx.closed_by) == ("t", "default", "size")
        assert ctx.age >= 0
        assert ctx.deadline is not None
        assert ctx.items_cancelled == set()
        assert len(ctx.group_id) == 36
        with pytest.raises(NotAvailableInBatch):
            ctx.step("x")
        with pytest.raises(NotAvailableInBatch):
            _ = ctx.execution_id
        with pytest.raises(AttributeError, match="'BatchContext' object has no attribute 'nothing'"):
            _ = ctx.nothing
        return rows

    batch = outcomes(handler, [1, 2], policy=groups_of(2, timeout=5))
    assert batch.values() == ["1", "2"]


# -------------------------------------------------------------------------------------------------------- members


@dataclass
class Row:
    n: int


@dataclass
class Priced:
    n: int
    price: float


async def typed(rows: list[Row]) -> list[Priced]:
    return [Priced(row.n, 1.5) if row.n != 3 else {"n": "three"} for row in rows]


def test_a_member_of_the_wrong_type_fails_alone_and_is_kept_off_the_list():
    batch = outcomes(typed, [{"n": 1}, {"n": "two"}, {"n": 4}, {"m": 3}], policy=groups_of(2, attempts=3))
    assert batch.values() == ['{"n":1,"price":1.5}', None, '{"n":4,"price":1.5}', None]
    assert batch.only(1).code == batch.only(3).code == "payload_invalid"
    assert batch.only(1).retryable is False
    assert batch.runs == [1, 1, 1, 1]


def test_an_element_of_the_wrong_type_fails_alone():
    batch = outcomes(typed, [{"n": 1}, {"n": 3}, {"n": 4}], policy=groups_of(3))
    assert batch.values() == ['{"n":1,"price":1.5}', None, '{"n":4,"price":1.5}']
    assert batch.only(1).code == "return_invalid"


def test_a_whole_group_that_runs_too_long_fails_by_the_rule():
    async def handler(rows):
        await asyncio.Event().wait()

    batch = outcomes(handler, [1, 2], policy=groups_of(2, timeout=0.02))
    assert {batch.only(n).code for n in range(2)} == {"attempt_timeout"}


# --------------------------------------------------------------------------------------------------- cancellation


@pytest.fixture
def look_often(monkeypatch):
    monkeypatch.setattr(renewal, "CANCELLATIONS", 0.01)


@pytest.mark.usefixtures("look_often")
def test_a_cancelled_member_is_told_by_its_index_and_its_verdict_is_ignored():
    async def main():
        seen = []

        async def handler(rows, ctx: BatchContext):
            await soon(lambda: ctx.items_cancelled)
            seen.append((set(ctx.items_cancelled), ctx.signal.is_set()))
            return rows

        policy = groups_of(3)
        async with working(handler, policy=policy) as (source, _):
            batch = source.submit([0, 1, 2], policy=policy)
            await source.until(lambda: source.leases)
            source.cancel(batch, 1)
            await source.ended(batch)
        assert seen == [({1}, False)]
        assert batch.values() == ["0", None, "2"]
        assert batch.states[1] == "cancelled"

    run(main())


@pytest.mark.usefixtures("look_often")
@pytest.mark.parametrize("threaded", [False, True])
def test_the_signal_is_set_once_all_members_are_cancelled(threaded):
    async def main():
        reasons = []

        async def coroutine(rows, ctx: BatchContext):
            reasons.append(await ctx.signal.wait())
            await asyncio.Event().wait()

        def thread(rows, ctx: SyncBatchContext):
            reasons.append(ctx.signal.wait(10))

        policy = TaskPolicy(batch=BatchConfig(3), cancel_grace=0.02)
        async with working(thread if threaded else coroutine, policy=policy) as (source, _):
            batch = source.submit([0, 1, 2], policy=policy)
            await source.until(lambda: source.leases)
            source.cancel(batch)
            await source.ended(batch)
        assert reasons == ["cancelled"]
        assert batch.states == ["cancelled"] * 3

    run(main())


@pytest.mark.usefixtures("look_often")
def test_a_member_cancelled_before_the_call_is_not_in_the_list():
    async def main():
        called = []

        async def handler(rows):
            called.append(list(rows))
            return rows

        policy = groups_of(10, wait=0.1)
        async with working(handler, policy=policy) as (source, _):
            batch = source.submit([0, 1, 2], policy=policy)
            await source.until(lambda: source.leases)
            source.cancel(batch, 1)
            await source.ended(batch)
        assert called == [[0, 2]]
        assert batch.states == ["succeeded", "cancelled", "succeeded"]

    run(main())
