"""The handle of a batch: what it shows, waits for, stops and takes up again."""

import asyncio
import threading

import pytest

from stook import Context, FailurePolicy, NonRetryable, RetryPolicy
from stook.core.errors import Conflict, ExecutionFailed, NotFound, OptionError, ResultTimeout

AT_ONCE = RetryPolicy(backoff="fixed", base=0)


@pytest.fixture
def divide(harness):
    return divide_on(harness.app)


def divide_on(app):
    @app.task("divide", max_attempts=2, retry=AT_ONCE)
    async def divide(number: int) -> float:
        if number < 0:
            raise NonRetryable(f"{number} is negative")
        return 60 / number

    return divide


def states(batch):
    return [result.state for result in batch.results()]


# ------------------------------------------------------------------------------------------------------------- looking


def test_show_counts_and_times(harness_on_either):
    harness = harness_on_either
    divide = divide_on(harness.app)
    batch = divide.map([1, 0, -1, 2], name="numbers", priority=3, max_concurrency=5)
    began = harness.clock()
    before = batch.show()
    assert (before.state.value, before.counters.queued, before.created_at) == ("queued", 4, began)
    assert (before.name, before.priority, before.max_concurrency, before.public_id) == ("numbers", 3, 5, batch.id)
    harness.clock.advance(2)
    harness.run_until_idle()
    after = batch.show()
    assert (after.state.value, after.counters.succeeded, after.counters.failed) == ("partially_failed", 2, 2)
    assert (after.started_at, after.finished_at) == (began + 2_000_000, began + 2_000_000)
    assert repr(batch) == f"<Batch {batch.id}>"


def test_wait_returns_the_end(app):
    batch = divide_on(app).map([1, 2])
    with app.working():
        assert batch.wait().state.value == "succeeded"
    assert batch.wait(timeout=0).state.value == "succeeded"


def test_wait_gives_up_and_the_batch_goes_on(harness, divide):
    batch = divide.map([1])
    for timeout in (0, 0.01):
        with pytest.raises(ResultTimeout, match=f"batch {batch.id} is queued after {timeout} s") as caught:
            batch.wait(timeout=timeout)
        assert isinstance(caught.value, TimeoutError)
    harness.run_until_idle()
    assert batch.wait(timeout=0).state.value == "succeeded"


def test_results_come_in_input_order_as_they_are_now(harness, divide):
    batch = divide.map([2, 0, -1, 3], key=str)
    assert states(batch) == ["queued"] * 4
    harness.run_until_idle()
    found = list(batch.results())
    assert [(one.index, one.key, one.state, one.attempts) for one in found] == [
        (0, "2", "succeeded", 1),
        (1, "0", "failed", 2),
        (2, "-1", "failed", 1),
        (3, "3", "succeeded", 1),
    ]
    assert [one.ok for one in found] == [True, False, False, True]
    assert all(one.done for one in found)
    assert found[0].duration > 0
    assert repr(found[1]) == "<Result 1 failed>"
    assert found[1].error.type == "ZeroDivisionError"
    assert found[0].error is None
    with pytest.raises(ExecutionFailed, match="item 1: ZeroDivisionError: division by zero"):
        _ = found[1].value


def test_one_result_by_index_or_key(harness, divide):
    batch = divide.map([1, 2, 3], key=str)
    harness.run_until_idle()
    assert batch.result(index=2).value == 20
    assert batch.result(key="2").value == 30
    with pytest.raises(NotFound, match=rf"batch {batch.id} has no item 3 \(it has items 0 to 2\)"):
        batch.result(index=3)
    with pytest.raises(NotFound, match="has no item with the key 'x'"):
        batch.result(key="x")
    for wrong in ({}, {"index": 0, "key": "1"}):
        with pytest.raises(OptionError, match="give the item's index or its key"):
            batch.result(**wrong)


def test_as_completed_gives_each_as_it_ends(app_on_either):
    """Each result lets the next one run: nothing waits for the end of the batch."""
    app, gates = app_on_either, [threading.Event() for _ in range(4)]

    @app.task
    def wait_for_mine(number: int) -> int:
        gates[number].wait(20)
        return number

    batch = wait_for_mine.map(range(4))
    order = [2, 0, 3, 1]
    seen = []
    with app.working():
        gates[order[0]].set()
        for result in batch.as_completed():
            seen.append(result.value)
            if len(seen) < len(order):
                gates[order[len(seen)]].set()
    assert seen == order
    assert [result.value for result in batch.as_completed()] == order  # again from the beginning


def test_as_completed_gives_what_was_retried_again(harness, divide):
    batch = divide.map([1, 0])
    harness.run_until_idle()
    batch.retry()
    harness.run_until_idle()
    assert [result.index for result in batch.as_completed()] == [0, 1, 1]


# ------------------------------------------------------------------------------------------------------------ failures


@pytest.fixture
def mixed(harness):
    return mixed_on(harness)


@pytest.fixture
def mixed_on_either(harness_on_either):
    return mixed_on(harness_on_either)


def mixed_on(harness):
    """Three causes, one of them five times."""

    @harness.app.task("mixed", max_attempts=2, retry=AT_ONCE)
    async def mixed(number: int) -> int:
        if not harness.broken:
            return number
        if number % 2:
            raise ValueError(f"order {number} is odd")
        if number == 2:
            raise KeyError("two")
        if number == 4:
            raise NonRetryable
        return number

    harness.broken = True
    batch = mixed.map(range(10))
    harness.run_until_idle()
    return harness, batch


def test_failures_are_grouped_by_cause(mixed_on_either):
    _, batch = mixed_on_either
    groups = batch.failures
    assert next((one.failed, one.attempts, one.type) for one in groups) == (5, 10, "ValueError")
    assert sorted((one.failed, one.attempts, one.type) for one in groups[1:]) == [
        (1, 1, "NonRetryable"),
        (1, 2, "KeyError"),
    ]
    assert groups[0].message == "order 1 is odd"
    assert groups[0].first_index == 1
    found = list(batch.failed_results())
    assert [one.index for one in found] == [1, 2, 3, 4, 5, 7, 9]
    assert [one.index for one in found if one.error.fingerprint == groups[0].fingerprint] == [1, 3, 5, 7, 9]
    assert all("test_batch.py" in one.error.traceback for one in found)
    assert found[0].error.traceback.rstrip().endswith("ValueError: order 1 is odd")


def test_retry_takes_up_what_failed(mixed_on_either):
    harness, batch = mixed_on_either
    harness.broken = False
    assert batch.retry() == 7
    assert batch.show().state.value == "running"
    harness.run_until_idle()
    assert [result.value for result in batch.results()] == list(range(10))
    view = batch.show()
    assert (view.state.value, view.counters.succeeded, view.round) == ("succeeded", 10, 2)
    assert batch.failures[0].failed == 0
    assert batch.retry() == 0


def test_retry_takes_up_one_group(mixed):
    harness, batch = mixed
    group = next(one for one in batch.failures if one.type == "KeyError")
    harness.broken = False
    assert batch.retry(group=group.fingerprint) == 1
    harness.run_until_idle()
    assert batch.result(index=2).value == 2
    assert batch.show().counters.failed == 6


def test_retry_takes_up_chosen_ones(mixed):
    harness, batch = mixed
    harness.broken = False
    assert batch.retry(indexes=[1, 3, 6, 6, 99]) == 2
    harness.run_until_idle()
    assert batch.show().counters.failed == 5
    with pytest.raises(OptionError, match="give a group or indexes, not both"):
        batch.retry(group="x", indexes=[1])


def test_retry_takes_up_other_states(harness, divide):
    batch = divide.map([0, 1, 2])
    batch.cancel_items([1])
    harness.run_until_idle()
    assert states(batch) == ["failed", "cancelled", "succeeded"]
    assert batch.retry(states="cancelled") == 1
    harness.run_until_idle()
    assert states(batch) == ["failed", "succeeded", "succeeded"]
    with pytest.raises(OptionError, match="cannot retry executions that are succeeded"):
        batch.retry(states=["succeeded"])
    with pytest.raises(OptionError, match="in no state"):
        batch.retry(states=[])


def test_a_probe_goes_first_and_the_rest_follows(mixed_on_either):
    harness, batch = mixed_on_either
    harness.broken = False
    assert batch.retry(probe=2) == 2
    assert batch.show().probing
    harness.run_until_idle()
    assert batch.show().counters.succeeded == 10


def test_a_probe_that_fails_leaves_the_rest(mixed):
    harness, batch = mixed
    assert batch.retry(probe=2) == 2
    harness.run_until_idle()
    view = batch.show()
    assert (view.state.value, view.counters.failed, view.probing) == ("partially_failed", 7, False)
    assert view.reason == "2 of 2 tried first failed again, the rest was left as it is"


@pytest.mark.parametrize("probe", [0, -1])
def test_a_probe_of_nothing_is_refused(mixed, probe):
    _, batch = mixed
    with pytest.raises(OptionError, match=f"probe={probe}"):
        batch.retry(probe=probe)


def test_a_threshold_pauses_the_batch(harness):
    @harness.app.task(max_attempts=1, failures=FailurePolicy(max_failed=3))
    async def fail(number: int) -> None:
        raise ValueError(number)

    batch = fail.map(range(100), max_concurrency=2)
    harness.run_until_idle()
    view = batch.show()
    assert view.state.value == "paused"
    assert view.counters.failed == 4
    assert batch.why() == [f"it is paused: {view.reason}"]


# ------------------------------------------------------------------------------------------------------ holding it back


def test_pause_and_resume(harness_on_either):
    harness = harness_on_either
    batch = divide_on(harness.app).map(range(1, 6))
    batch.pause(reason="lunch")
    batch.pause()
    harness.run_until_idle()
    assert (batch.show().state.value, batch.show().counters.queued) == ("paused", 5)
    assert batch.why() == ["it is paused: lunch"]
    batch.resume()
    assert harness.crash_worker(items=5) == [result.id for result in batch.results()][:4]  # gently at first
    harness.clock.advance(61)
    harness.run_until_idle()
    assert batch.show().state.value == "succeeded"
    with pytest.raises(Conflict, match="is succeeded"):
        batch.pause()
    with pytest.raises(Conflict, match="is succeeded"):
        batch.resume()


def test_resume_at_full_speed(harness, divide):
    batch = divide.map(range(1, 9))
    batch.pause()
    batch.resume(ramp=False)
    assert len(harness.crash_worker(items=8)) == 8


def test_cancel_lets_what_runs_finish(app_on_either):
    batch, finished = cancelled_while_running(app_on_either, hard=False)
    assert finished == ["whole"]
    assert batch.result(index=0).value == "whole"
    assert (batch.show().counters.succeeded, batch.show().counters.cancelled) == (1, 9)


def test_a_hard_cancel_stops_what_runs(app_on_either):
    batch, finished = cancelled_while_running(app_on_either, hard=True)
    assert finished == ["cancelled"]
    assert batch.show().counters.cancelled == 10


def cancelled_while_running(app, *, hard):
    begun, finished = asyncio.Event(), []

    @app.task(cancel_grace=0)
    async def slow(number: int, ctx: Context) -> str:
        begun.set()
        reason = await ctx.signal.wait() if hard else "whole"
        if not hard:
            await go_on.wait()
        finished.append(reason)
        return reason

    go_on = asyncio.Event()
    batch = slow.map(range(10), max_concurrency=1)
    with app.working():
        _, portal = app.opened()
        portal.call(begun.wait())
        batch.cancel(hard=hard, reason="a mistake")
        view = batch.show()
        assert (view.state.value, view.reason, view.counters.cancelled) == ("cancelling", "a mistake", 9)
        assert batch.why()[0] == "it is being cancelled: a mistake"
        portal._loop.call_soon_threadsafe(go_on.set)
        assert batch.wait(timeout=20).state.value == "cancelled"
    with pytest.raises(Conflict, match=r"has ended \(cancelled\)"):
        batch.cancel()
    return batch, finished


def test_cancel_of_single_items(harness, divide):
    batch = divide.map(range(1, 6))
    assert batch.cancel_items([1, 3, 3, 99]) == 2
    assert batch.cancel_items([1]) == 0
    harness.run_until_idle()
    assert states(batch) == ["succeeded", "cancelled", "succeeded", "cancelled", "succeeded"]
    assert batch.show().state.value == "partially_failed"


def test_why_names_what_is_missing(harness, divide):
    batch = divide.map([1], delay=3600)
    assert batch.why() == ["1 is due later, the next in 60 min"]
    assert divide.map([1]).why() == ["no worker serves task 'divide': no worker is running"]
    harness.run_until_idle()
    assert divide.map([]).why() == ["it has ended: succeeded"]


def test_delete_takes_everything(harness_on_either):
    harness = harness_on_either
    batch = divide_on(harness.app).map([1, "x" * 100_000])
    with pytest.raises(Conflict, match=r"has not ended \(cancel it first\)"):
        batch.delete()
    harness.run_until_idle()
    batch.delete()
    for use in (batch.show, batch.delete, lambda: next(batch.results()), lambda: batch.result(index=0), batch.why):
        with pytest.raises(NotFound, match=f"no such batch: {batch.id}"):
            use()
