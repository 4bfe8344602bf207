"""A changed cron expression leaves the old series running; registration deletes dynamic schedules; equal names on two
Tasks clash."""

from __future__ import annotations

from stook import App, Cron, Event, Invocable


def release(harness, lent, *tasks):
    """The next version of the program, in which tasks (name, triggers) are so; returns what its handlers are given."""
    app, found = App("shop"), []

    def define(name, triggers):
        @app.task(name, triggers=triggers)
        async def handler(event: Event) -> None:
            found.append((name, event.name, event.payload))

    for name, triggers in tasks:
        define(name, triggers)
    harness.app = app
    with app.using(*lent):
        harness.run_until_idle()
        harness.clock.advance(3600)
        harness.run_until_idle()
    return found


def test_a_changed_expression_zone_or_payload_ends_the_old_series(harness_on_either):
    harness, lent = harness_on_either, harness_on_either.app.opened()
    assert release(harness, lent, ("t", Cron("0 * * * *", name="s", payload=1))) == [("t", "s", 1)]
    assert release(harness, lent, ("t", Cron("0 * * * *", name="s", payload=2))) == [("t", "s", 2)]
    assert release(harness, lent, ("t", Cron("0 0 1 6 *", name="s", payload=2))) == []
    assert release(harness, lent, ("t", Cron("0 * * * *", name="s", payload=2))) == [("t", "s", 2)]
    assert release(harness, lent, ("t", Cron("0 6 * * *", name="s", tz="Asia/Tokyo", payload=2))) == []
    assert release(harness, lent, ("t", Cron("0 * * * *", payload=3))) == [("t", "0 * * * *", 3)]
    assert release(harness, lent, ("t", Invocable())) == []


def test_registration_leaves_alone_what_was_scheduled_at_run_time(harness_on_either):
    harness, lent = harness_on_either, harness_on_either.app.opened()
    release(harness, lent, ("t", [Invocable(), Cron("0 0 1 6 *", name="static")]))
    with harness.app.using(*lent):
        harness.app.sync.schedule("t", "dynamic", "0 * * * *", 7)
    for triggers in (Invocable(), Cron("0 0 1 6 *"), Cron("0 0 1 6 *", name="dynamic")):
        assert release(harness, lent, ("t", triggers)) == [("t", "dynamic", 7)]


def test_equal_names_are_of_their_tasks(harness_on_either):
    harness, lent = harness_on_either, harness_on_either.app.opened()
    one, other = (Cron("0 * * * *", name="s", payload=number) for number in (1, 2))
    assert sorted(release(harness, lent, ("t", one), ("u", other))) == [("t", "s", 1), ("u", "s", 2)]
    assert release(harness, lent, ("t", one), ("u", Invocable())) == [("t", "s", 1)]
    with harness.app.using(*lent):
        harness.app.sync.schedule("u", "s", "0 * * * *", 3)
        assert harness.app.sync.unschedule("u", "s") is True
        assert [(row.task, row.name) for row in harness.app.sync.schedules()] == [("t", "s")]
