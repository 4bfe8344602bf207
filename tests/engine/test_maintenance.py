"""What has to happen by itself: at its time, in bites, and in spite of errors."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import subprocess
import sys

import pytest

from stook.core.errors import StoreError
from stook.engine import maintenance as module
from stook.engine import process
from stook.engine.maintenance import Maintenance, sweep_once
from stook.store.script.worker_row import list_workers, see_worker

LIMIT = 20


class Maintained:
    """Maintenance of a harness's store, which runs when a test lets it."""

    def __init__(self, harness):
        self.harness = harness
        self.session, self.portal = harness.app.opened()
        self.store = self.session.store
        self.echo = harness.app.task("echo")(lambda item: item)
        self.maintenance = self.session.maintenance
        self.verbs = []
        self.write, self.read = self.store.write, self.store.read
        self.store.write, self.store.read = self.noted(self.write), self.noted(self.read)

    def noted(self, call):
        async def noted(verb, *args, **options):
            self.verbs.append(verb.__name__)
            return await call(verb, *args, **options)

        return noted

    def call(self, coroutine):
        async def limited():
            async with asyncio.timeout(LIMIT):
                return await coroutine

        return self.portal.call(limited())

    def until(self, happened):
        """Runs maintenance until something has happened."""

        async def main():
            await self.maintenance.start()
            try:
                while not (found := happened()):
                    await asyncio.sleep(0)
                return found
            finally:
                await self.maintenance.stop()

        return self.call(main())


@pytest.fixture
def maintained(harness):
    return Maintained(harness)


@pytest.fixture
def maintained_on_either(harness_on_either):
    return Maintained(harness_on_either)


# --------------------------------------------------------------------------------------------------------- what is due


def test_what_is_due_is_promoted_by_itself(maintained):
    batch = maintained.echo.map([1, 2], delay=60)
    maintained.harness.clock.advance(60)
    maintained.until(lambda: "promote_due" in maintained.verbs)
    assert batch.show().counters.queued == 2


def test_it_looks_again_when_the_next_thing_is_due(maintained, monkeypatch):
    """Not sooner, and not only after the longest pause."""
    monkeypatch.setattr(module, "LONGEST", 3600.0)
    maintained.echo.map([1], delay=0.02)
    moved = []

    def advanced():
        """The store's clock moves while maintenance rests for the 0.02 s that are left."""
        if "look_ahead" in maintained.verbs and not moved:
            moved.append(maintained.harness.clock.advance(0.02))
        return "promote_due" in maintained.verbs

    maintained.until(advanced)
    assert maintained.verbs.index("promote_due") > maintained.verbs.index("look_ahead")


def test_a_look_writes_nothing_while_nothing_is_due(maintained):
    maintained.echo.map([1], delay=60)
    maintained.verbs.clear()
    maintained.until(lambda: maintained.verbs.count("look_ahead") >= 1 and "purge" in maintained.verbs)
    assert set(maintained.verbs) <= {"list_workers", "look_ahead", "orphaned_keys", "purge"}


def test_work_that_is_scheduled_meanwhile_is_noticed(maintained, monkeypatch):
    monkeypatch.setattr(module, "LONGEST", 3600.0)
    submitted = []

    def submit():
        if "look_ahead" in maintained.verbs and not submitted:
            submitted.append(asyncio.ensure_future(maintained.echo.amap([1], delay=0.1)))
        if submitted and submitted[0].done():
            maintained.harness.clock.advance(1)
        return "promote_due" in maintained.verbs

    maintained.until(submit)


def test_what_is_due_and_in_other_hands_is_no_busy_loop(maintained, monkeypatch):
    """A sweep that finds nothing to take, though something is due, waits as long as any other."""
    maintained.echo.map([1], delay=60)
    maintained.harness.clock.advance(60)

    async def nothing(_store, _limit, **_):
        return 0

    monkeypatch.setattr(module, "sweep_once", nothing)
    assert maintained.call(maintained.maintenance._sweep()) == module.LONGEST


def test_a_sweep_takes_all_that_is_due(maintained_on_either):
    maintained = maintained_on_either
    harness, echo = maintained.harness, maintained.echo
    for delay in range(3):
        echo.map(range(3), delay=delay)
    late = echo.map([1], expires_in=5)
    overdue = echo.map([1], deadline=5, delay=60)
    held = echo.map([1], priority=9)
    harness.crash_worker(lease=5)
    harness.clock.advance(5)
    assert maintained.call(sweep_once(maintained.store)) == 5
    assert [batch.show().state.value for batch in (late, overdue)] == ["expired", "expired"]
    assert held.show().counters.queued == 1
    assert maintained.call(sweep_once(maintained.store)) == 0


# ------------------------------------------------------------------------------------------------------ dead neighbours


def claimed_by(maintained, worker):
    """As a worker of that name would: a row of its own and a lease."""

    async def claim():
        from stook.core.work import Claim

        return await maintained.session.new_source().claim(Claim(worker, ["echo"], 10, idle=True))

    return maintained.call(claim())


def test_what_a_killed_neighbour_held_is_free_at_once(maintained_on_either):
    maintained = maintained_on_either
    batch = maintained.echo.map(range(10))
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        mark = process.process(child.pid)
        row = ("neighbour", process.host(), mark, json.dumps(["echo"]))
        maintained.call(maintained.store.write(see_worker, *row))
        claimed_by(maintained, "neighbour")
        assert maintained.call(maintained.maintenance.bury_neighbours()) == 0
        assert batch.show().counters.running == 10
        child.kill()
    assert maintained.call(maintained.maintenance.bury_neighbours()) == 1
    view = batch.show()
    assert (view.counters.running, view.counters.queued) == (0, 10)
    assert list(maintained.call(maintained.store.read(list_workers))) == []


def test_a_worker_of_another_machine_is_left_alone(maintained):
    batch = maintained.echo.map(range(10))
    maintained.call(maintained.store.write(see_worker, "far", "elsewhere/boot/pid", "1:1", "[]"))
    claimed_by(maintained, "far")
    assert maintained.call(maintained.maintenance.bury_neighbours()) == 0
    assert batch.show().counters.running == 10


def test_the_dead_are_buried_before_the_first_claim(maintained):
    """A program that was killed and is started again goes on at once."""
    batch = maintained.echo.map(range(10))
    dead = subprocess.Popen([sys.executable, "-c", ""])
    mark = process.process(dead.pid)
    dead.wait()
    maintained.call(maintained.store.write(see_worker, "dead", process.host(), mark, "[]"))
    claimed_by(maintained, "dead")
    with maintained.harness.app.working():
        assert batch.wait(timeout=LIMIT).counters.succeeded == 10


def test_neighbours_are_looked_at_again_and_again(maintained, monkeypatch):
    monkeypatch.setattr(module, "NEIGHBOURS", -1.0)
    maintained.until(lambda: maintained.verbs.count("list_workers") >= 2)


# --------------------------------------------------------------------------------------------------------------- purge


def test_what_was_deleted_is_purged_by_itself(maintained):
    batch = maintained.echo.map(["x" * 100_000])
    maintained.harness.run_until_idle()
    batch.delete()
    folder = f"{maintained.store.path}.blobs"
    assert os.listdir(folder)
    maintained.until(lambda: not os.listdir(folder))


# ------------------------------------------------------------------------------------------------------------- recounts


def corrupt(maintained):
    """What must never happen: a counter that does not say what the states say."""
    maintained.call(maintained.write(overwrite))


def overwrite():
    from stook.store.script.batch_row import lock_batches, save_batches
    from stook.store.statement import All

    rows = yield All("list_batches", ("default", b"\xff" * 16, None, None, 10))
    batches = yield from lock_batches([row[0] for row in rows])
    for batch in batches.values():
        batch.succeeded += 1
    yield from save_batches(list(batches.values()))


def test_a_wrong_counter_is_repaired_and_said(maintained_on_either, caplog):
    maintained = maintained_on_either
    batch = maintained.echo.map([1, 2, 3])
    corrupt(maintained)
    assert batch.show().counters.succeeded == 1
    with caplog.at_level(logging.ERROR, "stook.engine"):
        repaired = maintained.call(maintained.maintenance.recount_next())
    assert repaired
    assert batch.show().counters.succeeded == 0
    assert [
        f"batch {batch.id} was {word}" in text
        for word, text in zip(("wrong", "repaired"), caplog.messages, strict=True)
    ] == [
        True,
        True,
    ]
    maintained.harness.run_until_idle()
    assert batch.show().counters.succeeded == 3


def test_every_live_batch_has_its_turn_and_what_is_right_is_only_read(maintained):
    batches = [maintained.echo.map([1]) for _ in range(3)]
    ended = maintained.echo.map([])
    seen = []
    read = maintained.store.read

    async def noted(verb, *args, **options):
        if verb.__name__ == "recount":
            seen.append(args[0])
        return await read(verb, *args, **options)

    maintained.store.read = noted
    maintained.verbs.clear()
    for _ in range(8):
        assert maintained.call(maintained.maintenance.recount_next()) == []
    newest_first = [batch.show().id for batch in reversed(batches)]
    assert seen == [*newest_first, *newest_first]
    assert ended.show().id not in seen
    assert "reconcile" not in maintained.verbs


def test_recounts_happen_by_themselves(maintained, monkeypatch):
    batch = maintained.echo.map([1])
    corrupt(maintained)
    monkeypatch.setattr(module, "RECOUNT", -1.0)
    maintained.until(lambda: "reconcile" in maintained.verbs)
    assert batch.show().counters.succeeded == 0


# --------------------------------------------------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("error", "level"),
    [(StoreError("broken"), "WARNING"), (RuntimeError("a mistake"), "ERROR")],
    ids=["store", "mistake"],
)
def test_an_error_is_logged_and_survived(maintained, monkeypatch, caplog, error, level):
    monkeypatch.setattr(module, "LONGEST", 0.001)
    read, failures = maintained.store.read, []

    async def broken(verb, *args, **options):
        if verb.__name__ == "look_ahead" and len(failures) < 3:
            failures.append(True)
            raise error
        return await read(verb, *args, **options)

    maintained.store.read = broken
    maintained.echo.map([1], delay=60)
    maintained.harness.clock.advance(60)
    maintained.until(lambda: "promote_due" in maintained.verbs)
    said = [record for record in caplog.records if "maintenance failed, trying again" in record.message]
    assert [record.levelname for record in said] == [level] * 3


def test_a_stop_lets_a_step_end(maintained):
    """A sweep cut off in the middle would be work for nothing."""
    gate, write, done = asyncio.Event(), maintained.write, []

    async def slow(verb, *args, **options):
        await gate.wait()
        answer = await write(verb, *args, **options)
        done.append(verb.__name__)
        return answer

    maintained.store.write = slow

    async def main():
        await maintained.maintenance.start()
        await asyncio.sleep(0)
        stopping = asyncio.ensure_future(maintained.maintenance.stop())
        await asyncio.sleep(0)
        gate.set()
        await stopping

    maintained.call(main())
    assert done == ["purge"]


def test_two_at_once_do_no_harm(maintained):
    batch = maintained.echo.map(range(50), delay=60)
    maintained.harness.clock.advance(60)
    others = [Maintenance(maintained.store, maintained.session.engine.blobs, "default") for _ in range(3)]

    async def main():
        await asyncio.gather(*(one.start() for one in others))
        while "promote_due" not in maintained.verbs:
            await asyncio.sleep(0)
        await asyncio.gather(*(one.stop() for one in others))

    maintained.call(main())
    assert batch.show().counters.queued == 50
