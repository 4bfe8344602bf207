"""Tasks that clocks and events start, as their authors write them."""

from __future__ import annotations

import asyncio
import datetime as dt
import sqlite3
from dataclasses import dataclass

import pytest

from stook import App, Context, Cron, Event, EventDef, F, Invocable, On, TaskDef
from stook.core.errors import ConfigError, Conflict, NotFound, OptionError, PayloadValidationError, UnknownTask
from stook.testing import Harness

DAY = dt.datetime(2030, 1, 1, tzinfo=dt.UTC)


@dataclass
class Paid:
    id: int
    total: float


@pytest.fixture
def seen(harness_on_either):
    """(harness, what handlers were given)."""
    return harness_on_either, []


def listening(harness, found, name, triggers, **options):
    @harness.app.task(name, triggers=triggers, **options)
    async def heard(event: Event) -> None:
        found.append((event.kind, event.name, event.payload))

    return heard


def test_a_cron_task_is_told_what_started_it(seen):
    harness, found = seen
    listening(harness, found, "t", [Cron("*/10 * * * *"), Cron("0 0 * * *", name="nightly", payload={"full": True})])
    harness.run_until_idle()
    assert found == []
    harness.clock.advance(600)
    harness.run_until_idle()
    assert found == [("cron", "*/10 * * * *", None)]
    harness.clock.set(DAY + dt.timedelta(days=1))
    harness.run_until_idle()
    assert sorted(found[1:], key=str) == [("cron", "*/10 * * * *", None), ("cron", "nightly", {"full": True})]


def test_an_event_task_is_told_what_started_it(seen):
    harness, found = seen
    listening(harness, found, "t", On("paid", when=F("total") > 10, fields="id"))
    harness.run_until_idle()
    event_ids = {harness.app.sync.emit("paid", Paid(1, 20.0)), harness.app.sync.emit("paid", Paid(2, 5.0))}
    assert len(event_ids) == 2
    harness.run_until_idle()
    assert found == [("event", "paid", {"id": 1})]


def test_coroutines_do_the_same(either):
    asyncio.run(coroutines(either))


async def coroutines(either):
    app, found = App("coroutines"), []
    with Harness(app, store=either) as harness:
        task = listening(harness, found, "t", [Invocable(), On("paid")])
        await asyncio.to_thread(harness.run_until_idle)
        await app.emit("paid", 1)
        made = await app.schedule(task, "hourly", "0 * * * *", 2)
        assert (made.static, made.next_at, made.payload) == (False, DAY + dt.timedelta(hours=1), 2)
        assert [one.name for one in await app.schedules(task)] == ["hourly"]
        assert (await app.pause_schedule("t", "hourly")).next_at is None
        assert (await app.resume_schedule("t", "hourly")).paused is False
        harness.clock.advance(3600)
        await asyncio.to_thread(harness.run_until_idle)
        assert sorted(found) == [("cron", "hourly", 2), ("event", "paid", 1)]
        assert await app.unschedule(task, "hourly") is True
        assert await app.unschedule(task, "hourly") is False
        assert await app.schedules() == []


def test_payloads_of_known_events_are_checked(either):
    app = App("events", events=[EventDef("paid", payload=Paid)])
    with Harness(app, store=either):
        app.sync.emit("paid", {"id": 1, "total": 2.0})
        app.sync.emit(EventDef("sent", payload=int), 7)
        for event, payload in (("paid", {"id": "one"}), (EventDef("sent", payload=int), "seven")):
            with pytest.raises(PayloadValidationError, match="event '(paid|sent)'"):
                app.sync.emit(event, payload)


def test_what_is_scheduled_at_run_time(seen):
    harness, found = seen
    task = listening(harness, found, "t", None, payload=int)
    app = harness.app
    with pytest.raises(PayloadValidationError, match="task 't'"):
        app.sync.schedule(task, "s", "* * * * *", "no number")
    with pytest.raises(OptionError, match="cron expression"):
        app.sync.schedule(task, "s", "often")
    with pytest.raises(OptionError, match="::"):
        app.sync.schedule(task, "a::b", "* * * * *")
    with pytest.raises(UnknownTask):
        app.sync.schedule("nobody", "s", "* * * * *")
    with pytest.raises(NotFound, match="no schedule 's'"):
        app.sync.pause_schedule(task, "s")
    app.sync.schedule(task, "s", "* * * * *", 1)
    app.sync.schedule(task, "s", "*/2 * * * *", 2)
    harness.clock.advance(120)
    harness.run_until_idle()
    assert found == [("cron", "s", 2)]


def test_a_task_of_another_program_is_scheduled_by_name(either):
    api = App("api", tasks=[TaskDef("report", payload=int)])
    found = []
    with Harness(api, store=either) as harness:
        api.sync.schedule("report", "daily", "0 0 * * *", 5)
        with pytest.raises(PayloadValidationError):
            api.sync.schedule("report", "daily", "0 0 * * *", "five")
        harness.app = App("worker")
        with harness.app.using(*api.opened()):
            listening(harness, found, "report", None)
            harness.clock.advance(86_400)
            harness.run_until_idle()
    assert found == [("cron", "daily", 5)]


def test_a_schedule_in_code_is_not_overwritten_and_can_be_paused(seen):
    harness, found = seen
    task = listening(harness, found, "t", Cron("* * * * *", name="s"))
    harness.run_until_idle()
    with pytest.raises(Conflict):
        harness.app.sync.schedule(task, "s", "0 * * * *")
    harness.app.sync.pause_schedule(task, "s")
    harness.clock.advance(600)
    harness.run_until_idle()
    assert found == []
    (one,) = harness.app.sync.schedules("t")
    assert (one.static, one.paused) == (True, True)


def test_what_the_code_says_no_more_is_gone(either):
    found = []
    first = App("first")
    with Harness(first, store=either) as harness:
        for triggers, expected in ((Cron("* * * * *"), 1), (On("e"), 1)):
            harness.app = App("mine")  # the same program, with other code
            with harness.app.using(*first.opened()):
                listening(harness, found, "t", triggers)
                harness.run_until_idle()
                harness.clock.advance(60)
                harness.run_until_idle()
                assert len(found) == expected


def test_handlers_emit_and_schedule(seen):
    harness, found = seen

    @harness.app.task("starter")
    async def starter(number: int, ctx: Context) -> str:
        await ctx.schedule("t", "later", "0 * * * *", {"n": number})
        return await ctx.emit("started", {"n": number})

    @harness.app.task("stopper")
    def stopper(ctx) -> bool:
        return ctx.unschedule("t", "later")

    task = listening(harness, found, "t", [On("started"), Invocable()])
    execution = starter.submit(3)
    harness.run_until_idle()
    assert found == [("event", "started", {"n": 3})]
    assert len(execution.result()) == 36
    assert [one.name for one in harness.app.sync.schedules(task)] == ["later"]
    stopped = stopper.submit()
    harness.run_until_idle()
    assert stopped.result() is True
    assert harness.app.sync.schedules() == []


def test_a_handler_waits_for_an_event(seen):
    harness, found = seen

    @harness.app.task("waiter")
    async def waiter(number: int, ctx: Context) -> None:
        found.append(await ctx.wait_for_event("paid", "paid", match={"id": number}))

    waiter.submit(1)
    harness.run_until_idle()
    harness.app.sync.emit("paid", {"id": 2})
    harness.run_until_idle()
    assert found == []
    harness.app.sync.emit("paid", {"id": 1, "total": 5})
    harness.run_until_idle()
    assert found == [{"id": 1, "total": 5}]


def test_on_the_callers_connection(tmp_path):
    """What is rolled back never was."""
    app, found = App("mine"), []
    path = tmp_path / "stook.db"
    with Harness(app, store=f"sqlite:///{path}") as harness:
        task = listening(harness, found, "t", On("paid"))
        harness.run_until_idle()
        connection = sqlite3.connect(path)
        for end, count in ((connection.rollback, 0), (connection.commit, 1)):
            connection.execute("begin immediate")
            app.sync.emit("paid", 1, connection=connection)
            app.sync.schedule(task, "s", "0 0 1 1 *", connection=connection)
            end()
            harness.run_until_idle()
            assert (len(found), len(app.sync.schedules())) == (count, count)
        connection.execute("begin immediate")
        assert app.sync.unschedule(task, "s", connection=connection) is True
        connection.rollback()
        assert len(app.sync.schedules()) == 1
        connection.close()


def test_triggers_that_cannot_be():
    app = App("wrong")
    for triggers, what in (
        ([], "starts a task by nothing"),
        ([Cron("* * * * *"), Cron("* * * * *")], "two schedules"),
        (["* * * * *"], "is none"),
    ):
        with pytest.raises(ConfigError, match=what):
            app.task("t", triggers=triggers)


def test_what_cannot_be_scheduled_or_emitted_says_so(seen):
    harness, found = seen
    task = listening(harness, found, "t", Invocable())
    with pytest.raises(OptionError, match="the name of a schedule=None"):
        harness.app.sync.schedule(task, None, "* * * * *")
    with pytest.raises(OptionError, match="task=None"):
        harness.app.sync.schedule(None, "n", "* * * * *")
    with pytest.raises(PayloadValidationError, match="event 'e'"):
        harness.app.sync.emit("e", object())


def test_a_handler_schedules_no_task_that_nobody_knows(seen):
    harness, _ = seen

    @harness.app.task("starter", max_attempts=1)
    async def starter(_: int, ctx: Context) -> None:
        await ctx.schedule("nobody's", "later", "0 * * * *")

    started = starter.submit(1)
    harness.run_until_idle()
    assert started.show().error.type == "UnknownTask"
    assert harness.app.sync.schedules() == []
