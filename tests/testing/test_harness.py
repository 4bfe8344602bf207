"""The harness that users test with: everything it promises, on both databases."""

from __future__ import annotations

import datetime as dt
import tempfile
from pathlib import Path

import pytest

from stook import App, BatchConfig, NonRetryable, RetryAfter, RetryPolicy
from stook.core.errors import ConfigError, ExecutionFailed
from stook.testing import FakeClock, Harness


@pytest.fixture
def flaky(harness_on_either):
    """Fails as often as it is told, then succeeds."""
    harness = harness_on_either
    harness.failures = 0

    @harness.app.task("flaky", max_attempts=4)
    async def flaky(number: int) -> int:
        if harness.failures:
            harness.failures -= 1
            raise ValueError("not yet")
        return number

    return harness, flaky


def test_the_module_says_how_it_is_used():
    """Its own example, with a task that needs one retry."""
    import stook.testing

    example = [line[4:] for line in stook.testing.__doc__.splitlines() if line.startswith("    ")]
    app = App("orders")
    attempts = []

    @app.task
    def enrich(row: int) -> int:
        attempts.append(row)
        if attempts == [1]:
            raise ValueError("the first always fails")
        return row

    exec("\n".join(example), {"Harness": Harness, "app": app, "enrich": enrich, "rows": [1, 2, 3]})
    assert sorted(attempts) == [1, 1, 2, 3]


def test_nothing_runs_by_itself(flaky):
    harness, task = flaky
    batch = task.map([1, 2])
    assert batch.show().counters.queued == 2
    harness.run_until_idle()
    assert batch.show().counters.succeeded == 2


def test_time_passes_only_when_it_is_moved(flaky):
    harness, task = flaky
    harness.failures = 2
    batch = task.map([1])
    harness.run_until_idle()
    assert batch.show().counters.scheduled == 1
    harness.run_until_idle()
    assert batch.result(index=0).attempts == 1
    harness.clock.advance(14.999)
    harness.run_until_idle()
    assert batch.result(index=0).attempts == 1
    harness.clock.advance(0.001)
    harness.run_until_idle()
    assert batch.result(index=0).attempts == 2
    harness.clock.advance(30)
    harness.run_until_idle()
    assert batch.show().state.value == "succeeded"


def test_what_follows_without_the_clock_moving_runs_too(harness_on_either):
    """Retries that are due at once, and work submitted by handlers."""
    harness, ran = harness_on_either, []

    @harness.app.task("first", max_attempts=3, retry=RetryPolicy(backoff="fixed", base=0))
    async def first(number: int) -> None:
        harness.count = getattr(harness, "count", 0) + 1
        if harness.count < 3:
            raise ValueError("again")
        await second.asubmit(number)

    @harness.app.task("second")
    def second(number: int) -> None:
        third.submit(number)

    @harness.app.task("third")
    def third(number: int) -> None:
        ran.append(number)

    first.submit(7)
    assert harness.run_until_idle() >= 2
    assert ran == [7]


def test_a_group_that_is_not_full_goes_when_nothing_else_can(harness):
    groups = []

    @harness.app.task(batch=BatchConfig(size=3, timeout=60))
    def grouped(numbers: list[int]) -> None:
        groups.append(numbers)

    grouped.map(range(2))
    harness.run_until_idle()
    assert groups == [[0, 1]]


def test_a_retry_later_is_due_by_the_clock(harness):
    @harness.app.task
    async def later(number: int) -> int:
        if harness.clock.now < start + dt.timedelta(hours=2):
            raise RetryAfter(7200)
        return number

    start = harness.clock.now
    execution = later.submit(1)
    harness.run_until_idle()
    harness.clock.set(start + dt.timedelta(hours=2))
    harness.run_until_idle()
    assert execution.result() == 1


def test_only_the_named_tasks_run(harness):
    ran = []
    one, two = harness.app.task("one")(ran.append), harness.app.task("two")(ran.append)
    one.map([1])
    two.map([2])
    harness.run_until_idle(two)
    assert ran == [2]
    harness.run_until_idle()
    assert ran == [2, 1]


def test_a_handlers_failure_is_its_executions_alone(harness):
    @harness.app.task(max_attempts=1)
    def fail() -> None:
        raise NonRetryable("as planned")

    execution = fail.submit()
    harness.run_until_idle()
    with pytest.raises(ExecutionFailed, match="as planned"):
        execution.result()


def test_a_crashed_worker_gives_back_when_its_lease_is_over(flaky):
    harness, task = flaky
    batch = task.map(range(5))
    taken = harness.crash_worker(items=2, lease=30)
    assert taken == [result.id for result in batch.results()][:2]
    harness.run_until_idle()
    assert (batch.show().counters.succeeded, batch.show().counters.running) == (3, 2)
    harness.clock.advance(30)
    harness.run_until_idle()
    view = batch.show()
    assert (view.state.value, view.counters.succeeded) == ("succeeded", 5)
    assert view.losses


def test_a_crash_takes_as_many_as_it_is_told(harness):
    """Also from many small batches."""
    task = harness.app.task("task")(lambda item: None)
    for _ in range(30):
        task.map([1])
    assert harness.crash_worker(items=0) == []
    assert len(harness.crash_worker(items=25)) == 25
    assert len(harness.crash_worker(items=25)) == 5
    assert harness.crash_worker() == []


def test_an_item_that_kills_its_workers_is_set_aside(flaky):
    """The first loss could be anybody's; three more, each of them alone, could not."""
    harness, task = flaky
    execution = task.submit(1)
    for _ in range(4):
        assert harness.crash_worker() == [execution.id]
        harness.clock.advance(60)
        harness.run_until_idle(harness.app.tasks.get("other") or harness.app.task("other")(lambda: None))
    found = execution.show()
    assert (found.state, found.error.code, found.attempts) == ("failed", "worker_lost", 1)


def test_a_crash_of_one_task_leaves_others(harness):
    one, two = (harness.app.task(name)(lambda item: None) for name in ("one", "two"))
    one.map([1])
    kept = two.map([2])
    assert len(harness.crash_worker(one, items=9)) == 1
    assert kept.show().counters.queued == 1


def test_a_store_of_its_own_is_gone_afterwards(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    app = App("test", store=str(tmp_path / "never"))
    task = app.task("task")(lambda text: text)
    with Harness(app) as harness:
        task.submit("x" * 100_000)
        harness.run_until_idle()
        assert len(list(tmp_path.iterdir())) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_store_that_is_given_stays(where):
    app = App("test")
    task = app.task("task")(lambda: None)
    with Harness(app, store=where):
        batch = task.map([1])
    assert Path(where.removeprefix("sqlite:///")).exists()
    with Harness(app, store=where) as harness:
        harness.run_until_idle()
        assert app.batch(batch.id).show().state.value == "succeeded"


def test_the_apps_own_store_comes_back(where, tmp_path):
    with App("test", store=where) as app:
        task = app.task("task")(lambda: None)
        mine = task.map([1])
        with Harness(app) as harness:
            other = task.map([1, 2])
            harness.run_until_idle()
            assert other.show().counters.succeeded == 2
        assert app.batch(mine.id).show().counters.queued == 1
        assert mine.show().counters.queued == 1


def test_the_apps_project_is_the_harnesss(harness):
    app = App("test", project="tenant")
    task = app.task("task")(lambda: None)
    with Harness(app):
        assert task.map([1]).show().project == "tenant"


def test_the_clock_may_be_given(where):
    start = dt.datetime(2026, 2, 3, tzinfo=dt.UTC)
    app = App("test")
    task = app.task("task")(lambda: None)
    with Harness(app, store=where, clock=FakeClock(start)) as harness:
        assert task.map([1]).show().created_at == round(start.timestamp() * 1_000_000)
        assert harness.clock.now == start


def test_outside_its_with_it_says_so(harness):
    closed = Harness(App("other"))
    for use in (closed.run_until_idle, closed.crash_worker):
        with pytest.raises(RuntimeError, match="the harness is not open: use it in a `with` statement"):
            use()


def test_an_app_without_tasks_is_told(harness):
    with pytest.raises(ConfigError, match="app 'test' has no task to work on"):
        harness.run_until_idle()


def test_it_may_be_opened_again():
    app = App("test")
    task = app.task("task")(lambda number: number)
    harness = Harness(app)
    for _ in range(2):
        with harness:
            execution = task.submit(1)
            harness.run_until_idle()
            assert execution.result() == 1


def test_it_says_so_when_its_store_does_not_open():
    app = App("test")
    with pytest.raises(ConfigError, match="no kind of store"), Harness(app, store="mysql://host/db"):
        pass
    assert app._lent is None


def test_a_second_crash_takes_what_the_first_one_held(harness):
    @harness.app.task("deadly", max_losses=2)
    async def deadly(number: int) -> int:
        return number

    execution = deadly.submit(1)
    for _ in range(3):
        assert harness.crash_worker(deadly) == [execution.id]
        harness.clock.advance(61)
    harness.run_until_idle()
    assert execution.show().error.type == "WorkerLost"


def test_what_had_to_start_by_now_is_not_started(harness_on_either):
    """Whoever comes first, a worker or who sweeps."""
    ran = []

    @harness_on_either.app.task("late")
    async def late(number: int) -> None:
        ran.append(number)

    invoked = harness_on_either.app.sync.invoke(late, 1, expires_in=5)
    harness_on_either.clock.advance(6)
    harness_on_either.app.orchestrator().sync.drain()
    assert (invoked.sync.status().state, ran) == ("expired", [])
