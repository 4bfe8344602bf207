"""A worker's numbers, and what a worker may be given."""

from __future__ import annotations

import math
from datetime import timedelta

import pytest

from stook.core.errors import ConfigError
from stook.wiring.worker_config import WorkerConfig

COUNTS = ["concurrency", "fetch_size", "flush_size", "sweep_limit"]
SECONDS = ["poll_interval", "flush_interval", "lease", "grace"]


@pytest.fixture
def tasks(app):
    return [app.task(name, queue=queue)(lambda: None) for name, queue in (("a", "default"), ("b", "mail"))]


@pytest.mark.parametrize("name", COUNTS)
@pytest.mark.parametrize("value", [0, -1, 1.5, True, "3"])
def test_counts_are_whole_numbers_above_zero(app, name, value):
    with pytest.raises(ConfigError, match=rf"{name}="):
        app.worker(**{name: value})


@pytest.mark.parametrize("name", SECONDS)
@pytest.mark.parametrize("value", [0, -0.5, math.nan, math.inf, True, timedelta()])
def test_durations_are_above_zero(app, name, value):
    with pytest.raises(ConfigError, match=rf"{name}="):
        app.worker(**{name: value})


def test_the_defaults_are_the_documented_ones():
    found = WorkerConfig()
    assert (found.concurrency, found.fetch_size, found.flush_size, found.sweep_limit) == (10, 10, 100, 100)
    assert (found.poll_interval, found.flush_interval, found.grace) == (1.0, 2.0, 30.0)


def test_a_timedelta_is_a_duration():
    assert WorkerConfig(lease=timedelta(minutes=2)).lease == 120.0


def test_a_task_of_another_queue_is_refused(app, tasks):
    with pytest.raises(ConfigError, match="'b' is of queue 'mail', this worker is of 'default'"):
        app.worker(tasks=tasks)
    with pytest.raises(ConfigError, match="'b' is of queue 'mail'"):
        app.orchestrator(tasks=tasks)


@pytest.mark.usefixtures("tasks")
def test_two_workers_of_one_queue_are_refused(app):
    for workers in (
        [app.worker("mail"), app.worker("mail")],
        [app.worker(name="w"), app.worker("mail", name="w")],
    ):
        with pytest.raises(ConfigError, match="Duplicate worker name"):
            app.orchestrator(workers=workers)
    with pytest.raises(ConfigError, match="Duplicate worker name"):
        app.orchestrator(tasks=[app.tasks["a"]], workers=[app.worker()])


def test_a_worker_without_tasks_is_refused_when_it_starts(app):
    with pytest.raises(ConfigError, match="has no task"):
        app.orchestrator().sync.start()
    with pytest.raises(ConfigError, match="queue 'mail' has no task"):
        app.orchestrator(workers=[app.worker("mail")]).sync.start()


@pytest.mark.usefixtures("tasks")
def test_names_of_queues_are_kept_apart_by_every_character(app):
    for queue in ("a-b", "a_b", "A-b"):
        app.task(f"of {queue}", queue=queue)(lambda: None)
    made = app.orchestrator(workers=[app.worker(queue) for queue in ("a-b", "a_b", "A-b")])
    made.sync.start()
    assert made.info.worker_count == 3
    made.sync.stop()


@pytest.mark.parametrize("name", SECONDS)
def test_durations_are_no_longer_than_clocks_can_count(app, name):
    with pytest.raises(ConfigError, match=rf"{name}=1e\+300"):
        app.worker(**{name: 1e300})


@pytest.mark.parametrize("name", ["", "x" * 129, 5])
def test_a_workers_name_is_text_of_some_length(app, name):
    with pytest.raises(ConfigError, match="the name of a worker"):
        app.worker(name=name)


def test_what_is_no_worker_or_task_is_refused(app, tasks):
    with pytest.raises(ConfigError, match="tasks=5 is no list"):
        app.worker(tasks=5)
    with pytest.raises(ConfigError, match="tasks: 'a' is none"):
        app.worker(tasks=["a"])
    with pytest.raises(ConfigError, match="workers=5 is no list"):
        app.orchestrator(workers=5)
    with pytest.raises(ConfigError, match="workers: 5 is none"):
        app.orchestrator(workers=[5])
    with pytest.raises(ConfigError, match="default_worker=5"):
        app.orchestrator(default_worker=5)
    assert app.orchestrator(tasks[:1], default_worker=WorkerConfig()) is not None
