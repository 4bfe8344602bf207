"""What `app.get` and its like count."""

from __future__ import annotations

from stook import Context
from stook.engine.maintenance import sweep_once


def test_a_lost_worker_is_a_loss_and_no_attempt(harness_on_either):
    app = harness_on_either.app

    @app.task("echo")
    async def echo(n: int) -> int:
        return n

    one = app.sync.invoke(echo, 1)
    for _ in range(2):
        assert harness_on_either.crash_worker(echo) == [one.id]
        harness_on_either.clock.advance(61)
        session, portal = harness_on_either.opened()
        portal.call(sweep_once(session.store))
    harness_on_either.run_until_idle()
    found = app.sync.get(one.id)
    assert (found.state, found.attempts, found.losses) == ("succeeded", 1, 2)
    assert [other.losses for other in app.sync.list()] == [2]


def test_attempts_are_those_begun(harness_on_either):
    app = harness_on_either.app

    @app.task("sleeps")
    async def sleeps(n: int, ctx: Context) -> int:
        if ctx.attempt == 1:
            raise ValueError
        await ctx.sleep("long", 100)
        return ctx.attempt

    one = app.sync.invoke(sleeps, 1)
    assert one.sync.status().attempts == 0
    harness_on_either.run_until_idle()
    assert one.sync.status().attempts == 1
    harness_on_either.clock.advance(15)
    harness_on_either.run_until_idle()
    found = one.sync.status()
    assert (found.state, found.attempts) == ("suspended", 2)
    harness_on_either.clock.advance(100)
    harness_on_either.run_until_idle()
    assert (one.sync.status().attempts, one.sync.result()) == (2, 2)


def test_only_what_was_invoked_together_is_in_a_batch(harness_on_either):
    app = harness_on_either.app

    @app.task("echo")
    async def echo(n: int) -> int:
        return n

    many = app.sync.invoke_many(echo, [1, 2])
    assert {one.sync.status().batch_id for one in many} == {many.batch_id}
    assert app.sync.invoke(echo, 3).sync.status().batch_id is None
