"""`task.submit`: one execution, its receipt and its handle."""

import asyncio
from dataclasses import dataclass

import pytest

from stook import Context, NonRetryable
from stook.core.errors import (
    ExecutionCancelled,
    ExecutionFailed,
    NotFound,
    PayloadError,
    PayloadTooLarge,
    ResultTimeout,
)


@dataclass
class Sum:
    total: int


@pytest.fixture
def add(harness):
    @harness.app.task("add")
    async def add(numbers: list[int]) -> Sum:
        if not numbers:
            raise NonRetryable("nothing to add")
        return Sum(sum(numbers))

    return add


def test_the_result_is_what_the_annotation_says(app_on_either):
    @app_on_either.task
    async def add(numbers: list[int]) -> Sum:
        return Sum(sum(numbers))

    with app_on_either.working():
        execution = add.submit([1, 2, 3])
        assert execution.result(timeout=20) == Sum(6)
        assert execution.result(timeout=0.5) == Sum(6)  # again, without running again
    shown = execution.show()
    assert (shown.state, shown.ok, shown.done, shown.attempts, shown.input) == ("succeeded", True, True, 1, [1, 2, 3])
    assert shown.id == execution.id
    assert execution.created


def test_a_failure_is_raised_with_its_reason(harness, add):
    execution = add.submit([])
    harness.run_until_idle()
    with pytest.raises(ExecutionFailed, match=r"item 0: .*NonRetryable: nothing to add"):
        execution.result()
    error = execution.show().error
    assert (error.code, error.message) == ("non_retryable", "nothing to add")
    assert "test_submit.py" in error.traceback
    assert repr(error) == f"<Failure {error.type}: nothing to add>"


def test_waiting_ends_when_the_time_is_over(harness, add):
    execution = add.submit([1])
    with pytest.raises(ResultTimeout, match=f"execution {execution.id} has not ended after 0.01 s"):
        execution.result(timeout=0.01)
    with pytest.raises(ExecutionFailed, match="item 0: is queued, not finished"):
        _ = execution.show().value
    harness.run_until_idle()
    assert execution.result() == Sum(1)


def test_a_waiting_one_is_cancelled_at_once(harness, add):
    execution = add.submit([1])
    assert execution.cancel()
    with pytest.raises(ExecutionCancelled, match="item 0: was cancelled"):
        execution.result(timeout=5)
    assert not execution.cancel()
    assert harness.run_until_idle() == 1


def test_a_running_one_is_asked_to_stop(app):
    begun = asyncio.Event()

    @app.task
    async def wait(ctx: Context) -> str:
        begun.set()
        await ctx.signal.wait()
        return "too late"

    with app.working():
        execution = wait.submit()
        _, portal = app.opened()
        portal.call(begun.wait())
        assert execution.cancel()
        with pytest.raises(ExecutionCancelled):
            execution.result(timeout=20)


def test_while_the_holder_of_its_key_is_unfinished_the_holder_answers(harness_on_either):
    harness = harness_on_either

    @harness.app.task
    async def echo(item: str) -> str:
        return item

    first = echo.submit("first", dedupe_key="k")
    second = echo.submit("second", dedupe_key="k")
    other = echo.submit("other", dedupe_key="l")
    assert (first.created, second.created, other.created) == (True, False, True)
    assert second.id == first.id
    harness.run_until_idle()
    assert second.result() == "first"
    third = echo.submit("third", dedupe_key="k")
    assert third.created
    assert third.id != first.id


def test_a_repeat_leaves_no_row_behind(harness, add):
    session, portal = harness.app.opened()
    add.submit([1], dedupe_key="k")
    for _ in range(3):
        assert not add.submit([2], dedupe_key="k").created
    portal.call(session.purge())
    assert portal.call(count_batches(session)) == 1


async def count_batches(session):
    import sqlite3

    with sqlite3.connect(session.store.path) as connection:
        return connection.execute("select count(*) from batch").fetchone()[0]


def test_map_leaves_out_items_whose_key_is_held(harness):
    @harness.app.task
    async def echo(item: dict) -> dict:
        return item

    echo.submit({"id": 1}, dedupe_key="1")
    items = [{"id": 1}, {"id": 2}, {"id": 3}, {"id": 2}]
    assert [r.input["id"] for r in echo.map(items, dedupe_key="id").results()] == [2, 3]
    by_function = echo.map([*items, {}], dedupe_key=lambda item: item.get("id"))
    assert [result.input for result in by_function.results()] == [{}]
    harness.run_until_idle()
    assert echo.map(items, dedupe_key="id").show().counters.total == 3


def test_the_result_of_the_last_round_counts(harness):
    answers = iter([RuntimeError("first"), "second"])

    @harness.app.task(max_attempts=1)
    async def answer() -> str:
        found = next(answers)
        if isinstance(found, Exception):
            raise found
        return found

    execution = answer.submit()
    harness.run_until_idle()
    with pytest.raises(ExecutionFailed, match="RuntimeError: first"):
        execution.result()
    assert harness.app.batch(execution.id).retry() == 1
    with pytest.raises(ResultTimeout):
        execution.result(timeout=0.01)  # the first round's end is not this one's
    harness.run_until_idle()
    assert execution.result() == "second"


@pytest.mark.parametrize(
    ("payload", "error", "said"),
    [
        ([float("nan")], PayloadError, r"\$\[0\]: NaN is not JSON"),
        (object(), PayloadError, r"\$: object is not JSON"),
        ("x" * (4 * 2**20), PayloadTooLarge, "4194306 bytes of JSON, the limit is 4194304"),
    ],
    ids=["nan", "object", "size"],
)
def test_what_is_no_payload_is_refused(add, payload, error, said):
    with pytest.raises(error, match=said):
        add.submit(payload)


def test_one_that_was_deleted_is_not_found(harness, add):
    execution = add.submit([1])
    harness.run_until_idle()
    harness.app.batch(execution.id).delete()
    for look in (execution.show, execution.result, execution.cancel):
        with pytest.raises(NotFound, match=f"no such batch: {execution.id}"):
            look()
