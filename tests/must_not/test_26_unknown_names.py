"""An unknown task or queue is accepted silently."""

from __future__ import annotations

import pytest

from stook import App, TaskDef, UnknownQueue, UnknownTask


@pytest.fixture
def app(either):
    with App("test", store=either, tasks=[TaskDef("defined", queue="q")]) as opened:

        @opened.task("here")
        async def here(payload: object) -> object:
            return payload

        yield opened


CALLS = {
    "invoke": lambda app, task, **more: app.sync.invoke(task, 1, **more),
    "invoke_many": lambda app, task, **more: app.sync.invoke_many(None, [{"payload": 1, "task": task, **more}]),
    "in parts": lambda app, task, **more: app.sync.invoke_many(
        None, [{"payload": 1, "task": task, **more}], atomic=False
    ),
}


def refused(kind, call, *args, **options):
    """In parts, the item's error is the cause."""
    try:
        call(*args, **options)
    except kind:
        return True
    except Exception as error:  # noqa: BLE001 - looked at
        return isinstance(error.__cause__, kind)
    return False


@pytest.mark.parametrize("call", CALLS)
def test_unknown_names_are_errors_and_write_nothing(app, call):
    assert refused(UnknownTask, CALLS[call], app, "heer")
    assert refused(UnknownQueue, CALLS[call], app, "here", queue="nowhere")
    assert refused(UnknownQueue, CALLS[call], app, "defined", queue="nowhere")
    assert refused(UnknownTask, CALLS[call], app, "here", queue="q")
    assert refused(UnknownTask, CALLS[call], app, "defined", queue="default")
    assert app.sync.list() == []
    assert CALLS[call](app, "here", queue="default")
    assert CALLS[call](app, "defined", queue="q")
    assert len(app.sync.list()) == 2


def test_the_error_names_where_the_task_lives(app):
    with pytest.raises(UnknownTask, match="'q'"):
        app.sync.invoke("defined", 1, queue="default")
    with pytest.raises(UnknownTask, match="queue 'default'"):
        app.sync.invoke("here", 1, queue="q")


def test_a_task_that_only_a_worker_elsewhere_knows_is_found_in_its_queue_alone(app, either):
    with App("worker", store=either) as worker:

        @worker.task("there", queue="far")
        async def there(payload: object) -> object:
            return payload

        with worker.working():
            assert app.sync.invoke("there", 5).sync.result(20) == 5
            assert app.sync.invoke("there", 6, queue="far").sync.result(20) == 6
            with pytest.raises(UnknownTask, match="'far'"):
                app.sync.invoke("there", 7, queue="default")
