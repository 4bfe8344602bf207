"""Topics ring in this process and in others, and through reconnects."""

from __future__ import annotations

import asyncio
import time

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stook.store.postgres import driver
from stook.store.postgres.driver import PostgresStore
from stook.store.postgres.listen import heard_as, packed
from stook.store.statement import Notify

LONG = 20.0
"""Seconds nobody should have to wait."""
SHORT = 0.01


def ring(*topics):
    yield Notify(topics)


@pytest.fixture
def two(installed_postgres, runner):
    """Two stores, as in two processes."""
    stores = [PostgresStore(installed_postgres) for _ in range(2)]
    yield stores
    for one in stores:
        runner.run(one.close())


async def listening(url, count):
    """Until so many connections listen."""
    raw = await asyncpg.connect(url)
    while (
        await raw.fetchval(
            "select count(*) from pg_stat_activity where query ilike '%listen%' and pid <> pg_backend_pid()"
        )
        < count
    ):
        await asyncio.sleep(0.005)
    return raw


async def heard_by(one, other, topic, *also):
    """Whether `one` hears what `other` rings, ringing until it is surely listening."""
    waiting = asyncio.create_task(one.wait((topic,), LONG))
    while not waiting.done():
        await other.write(ring, topic, *also)
        await asyncio.wait({waiting}, timeout=0.02)
    return await waiting


async def test_nothing_rings(two):
    assert await two[0].wait(("x",), SHORT) is False


async def test_it_rings_here_and_in_the_other_process(two, installed_postgres):
    one, other = two
    here = asyncio.create_task(one.wait(("a", "b"), LONG))
    there = asyncio.create_task(other.wait(("b",), LONG))
    await (await listening(installed_postgres, 2)).close()
    await asyncio.to_thread(one.write_blocking, ring, "b")
    assert await here is True
    assert await there is True


async def test_other_topics_do_not_wake(two):
    one, other = two
    assert await heard_by(one, other, "a")
    waiting = asyncio.create_task(one.wait(("b",), LONG))
    assert await heard_by(one, other, "a")
    assert not waiting.done()
    waiting.cancel()


@pytest.mark.parametrize("topic", ["task:" + "long " * 2000, "task:ünïcode", "task:two\nlines", "nul\0", "half\ud800"])
async def test_any_text_is_a_topic(two, topic):
    assert await heard_by(*two, topic)


async def test_more_topics_than_one_notification_holds(two):
    many = [f"batch:{number:032x}" for number in range(1000)]
    assert await heard_by(*two, "last", *many)


async def test_a_lost_listener_comes_back_and_everybody_looks(two, installed_postgres):
    one, other = two
    assert await heard_by(one, other, "a")
    waiting = asyncio.create_task(one.wait(("b",), LONG))
    await asyncio.sleep(0)
    raw = await listening(installed_postgres, 1)
    await raw.execute(
        "select pg_terminate_backend(pid) from pg_stat_activity"
        " where datname = current_database() and pid <> pg_backend_pid()"
    )
    assert await waiting is True
    assert await heard_by(one, other, "a")
    await raw.close()


async def test_closing_sends_what_was_notified_last(two, installed_postgres):
    one, _ = two
    brief = PostgresStore(installed_postgres)
    waiting = asyncio.create_task(one.wait(("bye",), LONG))
    await (await listening(installed_postgres, 1)).close()
    await brief.write(ring, "bye")
    await brief.close()
    assert await waiting is True


@given(st.lists(st.text(min_size=1), unique=True))
def test_payloads_hold_every_topic_and_are_short_enough(topics):
    names = [heard_as(topic) for topic in topics]
    payloads = list(packed(names))
    assert [name for payload in payloads for name in payload.split("\n")] == names
    assert all(len(payload.encode()) < 8000 for payload in payloads)


def test_topics_that_look_alike_stay_apart():
    long = "x" * 1000
    assert len({heard_as(one) for one in (long, long + "y", "a\n", "a\0", "a", "ä", "a ")}) == 7


async def test_progress_is_told_at_most_so_often_and_all_else_at_once(installed_postgres, monkeypatch):
    """A busy worker rings hundreds of times a second for its batch: others need not wake as often."""
    sent: list[str] = []
    whole = driver.connect

    class Recorder:
        def __init__(self, connection):
            self._connection = connection

        async def execute(self, sql, *params):
            if "pg_notify" in sql:
                sent.extend(params[1])
            return await self._connection.execute(sql, *params)

        def __getattr__(self, name):
            return getattr(self._connection, name)

    async def recording(*args, **options):
        return Recorder(await whole(*args, **options))

    monkeypatch.setattr(driver, "connect", recording)
    store = PostgresStore(installed_postgres)
    begun = time.monotonic()
    for number in range(100):
        await store.write(ring, f"batch:{number % 3}")
    seconds = time.monotonic() - begun
    assert len(sent) <= 2 + seconds / 0.02
    await store.write(ring, "task:t")
    while not any("task:t" in one.split("\n") for one in sent):
        await asyncio.sleep(0)
    await store.close()
    assert {topic for one in sent for topic in one.split("\n")} == {"batch:0", "batch:1", "batch:2", "task:t"}
