"""What is no task, app or invocation is said where it is written: never a worker's trouble, never half an execution."""

from __future__ import annotations

import math

import pytest

from stook import (
    App,
    BatchConfig,
    BatchError,
    Debounce,
    EventDef,
    InvokeError,
    InvokeManyError,
    Item,
    OptionError,
    PayloadValidationError,
    Retention,
    TaskDef,
    Throttle,
)
from stook.core.errors import ConfigError
from stook.core.work import Claim
from stook.engine.maintenance import sweep_once
from tests.wiring.invoked_tasks import sync

TOO_LONG = 10**400


@pytest.mark.parametrize(
    "options",
    [
        {"name": 5},
        {"store": 5},
        {"api_key": 5},
        {"clock": 5},
        {"context": 5},
        {"strict_steps": "x"},
        {"tasks": 5},
        {"tasks": [5]},
        {"events": [TaskDef("x")]},
        {"events": [EventDef("x"), EventDef("x")]},
    ],
    ids=str,
)
def test_no_app(options):
    with pytest.raises(ConfigError):
        App(**{"name": "orders", **options})


@pytest.mark.parametrize(
    "options",
    [
        {"batch": 5},
        {"concurrency": []},
        {"queue": 5},
        {"retry": 5},
        {"retention": None},
        {"strict_steps": "x"},
        {"timeout": TOO_LONG},
    ],
    ids=lambda options: next(iter(options)),
)
def test_no_task(options):
    with pytest.raises(ConfigError):
        App("orders").task("pay", **options)(lambda row: row)


def test_no_handler():
    with pytest.raises(ConfigError, match="5 is not a function"):
        App("orders").create_task("pay", None, 5)


def test_a_handler_that_asks_for_more_than_there_is_is_named_before_anything_starts(app_on_either):
    @app_on_either.task("greedy")
    def greedy(row, ctx, more):
        return row, ctx, more

    with pytest.raises(ConfigError, match=r"greedy\(row, ctx, more\) asks for more") as caught:
        app_on_either.orchestrator().sync.start()
    assert "test_bad_options.py:" in str(caught.value)


@pytest.mark.parametrize("seconds", [1e300, TOO_LONG, 253_402_300_801], ids=["float", "int", "year 10000"])
@pytest.mark.parametrize("which", ["completed", "failed"])
def test_no_retention(which, seconds):
    with pytest.raises(ConfigError, match=which):
        Retention(**{which: seconds})


@pytest.mark.parametrize("kind", [Throttle, Debounce])
@pytest.mark.parametrize("wrong", [{"seconds": 0}, {"seconds": "x"}, {"seconds": 5, "key": 7}], ids=str)
def test_no_period_is_said_where_it_is_written(kind, wrong):
    with pytest.raises(OptionError, match=kind.__name__.lower()):
        kind(**wrong)


@pytest.mark.parametrize("wrong", [{"reset": 1}, {"max_wait": 5}, {"reset": True, "max_wait": 0}], ids=str)
def test_no_debounce(wrong):
    with pytest.raises(OptionError, match="debounce"):
        Debounce(5, **wrong)


@pytest.mark.parametrize("queue", [5, ""])
def test_no_queue_to_maintain(apps, queue):
    with pytest.raises(OptionError, match="no name of a queue"):
        sync(apps).maintain(queue)


@pytest.mark.parametrize("atomic", [True, False])
def test_a_mapping_that_is_nearly_an_item_is_none(apps, atomic):
    mistaken = {"payload": 1, "priorty": 2}
    with pytest.raises((OptionError, InvokeManyError), match="an item has no option 'priorty'") as caught:
        sync(apps).invoke_many("double", [1, mistaken, {"payload": 3}, mistaken], atomic=atomic)
    assert caught.value.index == 1
    if atomic:
        assert "Item(" in str(caught.value)
        assert [one.index for one in caught.value.errors] == [1, 3]
        assert sync(apps).list() == []


def test_an_item_says_that_all_of_it_is_the_payload(apps):
    apps.app.task("copy")(lambda row: row)
    made = sync(apps).invoke_many(
        "copy", [Item({"payload": 1, "bogus": 2}), {"priority": 1}, {"bogus": 2}, {"payload": {"payload": 1, "x": 2}}]
    )
    apps.run_until_idle()
    assert made.sync.results() == [{"payload": 1, "bogus": 2}, None, {"bogus": 2}, {"payload": 1, "x": 2}]


def test_a_task_of_the_catalogue_lives_where_that_says():
    app = App("orders", tasks=[TaskDef("pay", queue="money", payload=int)])
    with pytest.raises(ConfigError, match="'money'"):
        app.task("pay", queue="other")(lambda row: row)
    assert app.task("pay")(lambda row: row).policy.queue == "money"
    with pytest.raises(ConfigError, match="queue"):
        TaskDef("pay", queue="")


@pytest.mark.parametrize(
    "options",
    [
        {"delay": TOO_LONG},
        {"delay": 1e300},
        {"expires_in": 1e300},
        {"timeout": TOO_LONG},
        {"throttle": TOO_LONG},
        {"debounce": 1e300},
        {"tags": 5},
        {"tags": 0},
        {"tags": None},
    ],
    ids=lambda options: "-".join([*options, str(type(next(iter(options.values()))).__name__)]),
)
def test_no_option(apps, options):
    with pytest.raises(OptionError):
        sync(apps).invoke("double", 1, **options)
    assert sync(apps).list() == []


def _circle():
    found = []
    found.append(found)
    return found


@pytest.mark.parametrize(
    "payload", [math.nan, [math.inf], object(), {(1, 2): 3}, _circle()], ids=lambda one: type(one).__name__
)
def test_what_is_no_json_is_an_error_of_invoking(apps, payload):
    with pytest.raises(PayloadValidationError) as caught:
        sync(apps).invoke("double", payload)
    assert isinstance(caught.value, InvokeError)
    assert len(caught.value.errors) == 1
    with pytest.raises(PayloadValidationError) as caught:
        sync(apps).invoke_many("double", [1, payload, 2, payload])
    assert (caught.value.index, [one.index for one in caught.value.errors]) == (1, [1, 3])
    assert sync(apps).list() == []


@pytest.mark.parametrize(
    "filters", [{"tag": 5}, {"queue": 5}, {"dedupe_key": 5}, {"limit": "x"}, {"limit": 0}], ids=str
)
def test_no_filter(apps, filters):
    with pytest.raises(OptionError):
        sync(apps).list(**filters)


@pytest.mark.parametrize("ids", [5, object()], ids=["number", "object"])
def test_no_ids(apps, ids):
    for call in (sync(apps).wait, sync(apps).retry, sync(apps).cancel_many):
        with pytest.raises(OptionError, match="no ids"):
            call(ids)


def test_no_queue():
    with pytest.raises(ConfigError, match="queue"):
        App("orders").worker("")


def test_no_time_is_enough_for_what_has_ended(apps):
    made = sync(apps).invoke("double", 4)
    apps.run_until_idle()
    assert made.sync.result(timeout=0) == 8


class _Watched:
    """A store beside a worker that claims after each commit of a sweep."""

    def __init__(self, session):
        self._store = session.store
        self._source = session.new_source()
        self.taken = []

    def __getattr__(self, name):
        return getattr(self._store, name)

    async def write(self, *verb, **options):
        answer = await self._store.write(*verb, **options)
        claim = Claim(worker="quick", tasks=["double"], items=1, idle=True, lease=60)
        self.taken += (await self._source.claim(claim)).slices
        return answer


def test_what_is_too_late_when_it_becomes_due_never_starts(apps):
    made = sync(apps).invoke("double", 4, delay=10, expires_in=5)
    apps.clock.advance(10)
    session, portal = apps.opened()
    watched = _Watched(session)
    portal.call(sweep_once(watched))
    assert watched.taken == []
    assert made.sync.status().state == "expired"


@pytest.mark.parametrize("index", ["x", None, 1.5])
def test_a_batch_error_about_nobody_is_no_end_of_the_worker(apps, index):
    @apps.app.task("grouped", batch=BatchConfig(5, 0), max_attempts=1)
    async def grouped(numbers: list[int]) -> None:
        raise BatchError({index: ValueError("whose?")})

    made = grouped.sync.invoke_many([1, 2])
    apps.run_until_idle()
    assert [one.sync.status().error.code for one in made] == ["batch_contract"] * 2
