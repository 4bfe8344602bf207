"""Definitions of apps and tasks, and what is wrong with some of them."""

from __future__ import annotations

import functools

import pytest

from stook import App, RetryPolicy
from stook.core.errors import ConfigError


@pytest.fixture
def app():
    return App("test")


def test_a_task_is_named_after_its_function_or_as_told(app):
    @app.task
    def plain(): ...

    @app.task()
    def called(): ...

    assert plain.name == f"{__name__}.test_a_task_is_named_after_its_function_or_as_told.<locals>.plain"
    assert called.name.endswith(".called")
    assert app.task("short")(plain.handler).name == "short"
    assert list(app.tasks) == [plain.name, called.name, "short"]
    assert repr(plain) == f"<Task {plain.name}>"


def test_a_task_keeps_the_words_of_its_function(app):
    def documented(row: int) -> int:
        """What it is for."""
        return row + 1

    documented.name = "an attribute of the user's own"
    task = app.task("named")(documented)
    assert (task.__doc__, task.__wrapped__, task(1), task.name) == ("What it is for.", documented, 2, "named")


def test_two_tasks_of_one_name_are_refused(app):
    app.task("one")(lambda: None)
    with pytest.raises(ConfigError, match=r"task 'one' is defined twice \(give one of them another name\)"):
        app.task("one")(lambda: None)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("", "the name of a task is empty"),
        (5, "the name of a task=5 is not text"),
        ("a\0b", "holds a character that no database keeps"),
        ("x" * 513, "the name of a task has 513 bytes, at most 512 are allowed"),
    ],
    ids=["empty", "number", "nul", "long"],
)
def test_a_name_that_cannot_be_stored_is_refused(app, name, said):
    with pytest.raises(ConfigError, match=said):
        app.task(name)(lambda: None)
    assert app.tasks == {}


def test_what_is_no_function_is_refused(app):
    with pytest.raises(ConfigError, match=r"5 is not a function \(give a def or an async def\)"):
        app.task()(5)
    part = functools.partial(print, "x")
    with pytest.raises(ConfigError, match="has no name of its own"):
        app.task()(part)
    assert app.task("part")(part).name == "part"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"max_attempts": 0}, "max_attempts=0 is "),
        ({"max_concurrency": 0}, "max_concurrency=0 is "),
        ({"timeout": 0}, "timeout=0 would never let an attempt run"),
        ({"timeout": float("nan")}, "timeout=nan is not a number of seconds"),
        ({"queue": ""}, "queue '' has 0 characters"),
        ({"cancel_grace": -1}, "cancel_grace=-1 is not a number of seconds"),
    ],
    ids=str,
)
def test_a_policy_that_cannot_work_is_refused_where_it_is_written(app, options, said):
    with pytest.raises(ConfigError, match=said):
        app.task(**options)


def test_options_become_the_policy(app):
    retry = RetryPolicy(backoff="fixed", base=1)
    task = app.task(queue="q", max_attempts=7, retry=retry, timeout=3, max_concurrency=2, max_losses=1)(lambda: None)
    policy = task.policy
    assert (policy.queue, policy.max_attempts, policy.retry, policy.timeout) == ("q", 7, retry, 3)
    assert (policy.max_concurrency, policy.max_losses) == (2, 1)


def test_a_definition_is_made_once(app):
    tasks = [app.task(f"t{number}")(lambda row: row) for number in range(5)]
    made = [task.definition() for task in tasks]
    assert all(task.definition() is one for task, one in zip(tasks, made, strict=True))
    assert all(task.reader is task.reader for task in tasks)


def test_an_app_has_a_name():
    with pytest.raises(ConfigError, match="an app needs a name"):
        App("")
