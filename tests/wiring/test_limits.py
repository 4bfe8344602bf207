"""`App.limit`: what a project, a queue or a task may run at once, changed while things run."""

from __future__ import annotations

import pytest

from stook import App
from stook.core.errors import OptionError
from stook.testing import Harness


@pytest.fixture
def nothing(harness):
    return harness.app.task("nothing", queue="q")(lambda item: None)


def claimable(harness, most=100):
    """How many executions a worker gets before limits hold it back; they stay claimed."""
    return len(harness.crash_worker(items=most))


SCOPES = [{}, {"queue": "q"}, {"task": "nothing"}]


@pytest.mark.parametrize("scope", SCOPES, ids=["project", "queue", "task"])
def test_a_limit_holds_until_it_is_changed(harness_on_either, scope):
    harness = harness_on_either
    nothing = harness.app.task("nothing", queue="q")(lambda item: None)
    batch = nothing.map(range(20))
    harness.app.limit(**scope, max_concurrency=3)
    assert claimable(harness) == 3
    assert f"concurrency 3/3 of {named(scope)}" in batch.why()
    harness.app.limit(**scope, max_concurrency=5)
    assert claimable(harness) == 2
    harness.app.limit(**scope, max_concurrency=None)
    assert claimable(harness) == 15


def named(scope):
    if "queue" in scope:
        return "queue 'q'"
    return "task 'nothing'" if scope else "project 'default'"


@pytest.mark.parametrize("scope", SCOPES, ids=["project", "queue", "task"])
def test_a_pause_holds_everything_back(harness_on_either, scope):
    harness = harness_on_either
    nothing = harness.app.task("nothing", queue="q")(lambda item: None)
    batch = nothing.map(range(5))
    harness.app.limit(**scope, paused=True)
    assert claimable(harness) == 0
    assert f"{named(scope)} is paused" in batch.why()
    harness.app.limit(**scope, paused=False)
    assert claimable(harness) == 5


def test_a_pause_and_a_limit_leave_each_other_alone(harness, nothing):
    nothing.map(range(20))
    harness.app.limit(queue="q", max_concurrency=2)
    harness.app.limit(queue="q", paused=True)
    assert claimable(harness) == 0
    harness.app.limit(queue="q", paused=False)
    assert claimable(harness) == 2
    harness.app.limit(queue="q", paused=True)
    harness.app.limit(queue="q", max_concurrency=4)
    assert claimable(harness) == 0
    harness.app.limit(queue="q", paused=False, max_concurrency=None)
    assert claimable(harness) == 18


def test_a_task_may_be_named_by_itself(harness, nothing):
    nothing.map(range(5))
    harness.app.limit(task=nothing, max_concurrency=1)
    assert claimable(harness) == 1


def test_other_queues_and_projects_are_free(where, harness, nothing):
    other = harness.app.task("other", queue="r")(lambda item: None)
    nothing.map(range(5))
    other.map(range(5))
    harness.app.limit(queue="q", paused=True)
    assert claimable(harness) == 5
    with Harness(App("b", project="b"), store=where, clock=harness.clock) as beside:
        beside.app.task("nothing", queue="q")(lambda item: None).map(range(5))
        assert claimable(beside) == 5


def test_a_changed_limit_outlives_the_next_submission(harness):
    """And that of a task's definition is written once, not with each submission."""
    task = harness.app.task("limited", max_concurrency=4)(lambda item: None)
    task.map(range(2))
    harness.app.limit(task=task, max_concurrency=1)
    task.map(range(2))
    for item in range(5):
        task.submit(item)
    assert claimable(harness) == 1
    harness.app.limit(task=task, max_concurrency=None)
    task.submit(1)
    assert claimable(harness) == 9


def test_a_limit_set_before_the_first_submission_stays(harness):
    task = harness.app.task("limited", max_concurrency=4)(lambda item: None)
    harness.app.limit(task=task, max_concurrency=2)
    task.map(range(9))
    assert claimable(harness) == 2


def test_the_definitions_limit_is_written_once(harness, monkeypatch):
    session, _ = harness.app.opened()
    verbs, write = [], session.store.write

    async def noted(verb, *args, **options):
        verbs.append(verb.__name__)
        return await write(verb, *args, **options)

    monkeypatch.setattr(session.store, "write", noted)
    task = harness.app.task("limited", max_concurrency=4)(lambda item: None)
    for item in range(5):
        task.submit(item)
    task.map(range(5))
    assert verbs == ["declare_quota", *["submit"] * 6]


def test_a_project_of_twice_the_weight_gets_twice_the_share(where, harness):
    with Harness(App("b", project="b"), store=where, clock=harness.clock) as beside:
        mine = harness.app.task("nothing")(lambda item: None)
        beside.app.task("nothing")(lambda item: None).map(range(600))
        mine.map(range(600))
        harness.app.limit(weight=2)
        claimed = [one for _ in range(30) for one in harness.crash_worker(items=10)]
        mine = [one for one in claimed if is_mine(harness, one)]
    assert len(claimed) == 300
    assert len(mine) == 200


def is_mine(harness, one):
    session, portal = harness.app.opened()
    return portal.call(session.engine.execution(one)).batch.project == "default"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, r"nothing is to change \(give max_concurrency, paused or weight\)"),
        ({"queue": "q"}, "nothing is to change"),
        ({"queue": "q", "task": "t", "paused": True}, "give queue or task, not both"),
        ({"max_concurrency": 0}, r"max_concurrency=0 is not a whole number ≥ 1 \(to stop it, paused=True\)"),
        ({"max_concurrency": 2.5}, "max_concurrency=2.5 is not a whole number"),
        ({"paused": "yes"}, "paused='yes' is neither True nor False"),
        ({"weight": 0}, "weight=0 of project 'default' is not a number above 0"),
        ({"weight": float("inf")}, "weight=inf of project 'default' is not a number above 0"),
        ({"queue": "q", "weight": 2}, "a queue has no weight"),
        ({"task": "", "paused": True}, "task is empty"),
        ({"queue": 5, "paused": True}, "queue=5 is not text"),
    ],
    ids=str,
)
def test_what_is_no_limit_is_refused(harness, nothing, options, said):
    nothing.map(range(3))
    with pytest.raises(OptionError, match=said):
        harness.app.limit(**options)
    assert claimable(harness) == 3


def test_a_batch_has_a_limit_of_its_own(harness, nothing):
    batch = nothing.map(range(9))
    batch.limit(2)
    assert claimable(harness) == 2
    batch.limit(None)
    assert claimable(harness) == 7
    for wrong in (0, -1, True, "5"):
        with pytest.raises(OptionError, match=r"is not a whole number ≥ 1 \(pause the batch instead\)"):
            batch.limit(wrong)
