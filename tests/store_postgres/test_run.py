"""One verb on one connection: what is sent, when, and what a later statement sees of it."""

from __future__ import annotations

import asyncio
from typing import ClassVar

import asyncpg
import pytest

from stook.core.errors import Conflict, StoreReadOnly
from stook.store.postgres.driver import PostgresStore
from stook.store.postgres.run import COPY_BYTES, COPY_ROWS
from stook.store.postgres.texts import shortcuts
from stook.store.script.batch_row import lock_batch
from stook.store.script.settle import settle
from stook.store.script.stop import cancel
from stook.store.statement import All, Each, Many, Notify, Now, Run
from tests.contract.batches import submit_items, succeed, take

BATCH = b"b" * 16


class Recorder:
    """A connection that notes what is sent over it."""

    waits: ClassVar[list[str]] = []
    """Whether each commit waits for the disk."""

    def __init__(self, connection, sent):
        self._connection = connection
        self.sent = sent

    async def fetch(self, sql, *params):
        self.sent.append(sql)
        return await self._connection.fetch(sql, *params)

    async def execute(self, sql, *params):
        if "pg_notify" not in sql:
            if sql == "commit":
                self.waits.append(await self._connection.fetchval("show synchronous_commit"))
            self.sent.append(sql)
        return await self._connection.execute(sql, *params)

    async def copy_records_to_table(self, table, **options):
        self.sent.append(f"copy {table}")
        return await self._connection.copy_records_to_table(table, **options)

    def __getattr__(self, name):
        return getattr(self._connection, name)


@pytest.fixture
def sent(monkeypatch):
    """What every store opened from now on sends."""
    from stook.store.postgres import driver

    found = []
    connect = driver.connect

    async def recording(*args, **options):
        return Recorder(await connect(*args, **options), found)

    monkeypatch.setattr(driver, "connect", recording)
    return found


@pytest.fixture
def plain(sent, installed_postgres, runner):
    """A store with the database's clock."""
    found = PostgresStore(installed_postgres)
    yield found
    runner.run(found.close())


def states(*rows):
    return Many("insert_state", [(BATCH, first, content) for first, content in rows])


async def test_a_flush_is_one_statement(sent, store):
    await submit_items(store, 4, per=2)
    one = await take(store)
    sent.clear()
    await store.write(settle, [succeed(each) for each in one.slices], store.draw)
    begin, lock_batch_, lock_lease, *writes, commit = sent
    assert (begin, commit) == ("begin", "commit")
    assert "from batch" in lock_batch_
    assert "from lease" in lock_lease
    assert len(writes) == 1
    assert all(
        word in writes[0] for word in ("update state", "insert into outcome", "delete from lease", "update batch")
    )


async def test_every_commit_waits_for_the_disk_but_a_claims(sent, store):
    Recorder.waits.clear()
    batch = await submit_items(store, 4, per=2)
    one = await take(store)
    assert Recorder.waits == ["off"]
    await store.write(settle, [succeed(one.slices[0])], store.draw, last=True)
    await store.write(cancel, batch, hard=False, reason="over")
    assert Recorder.waits == ["off", "on", "on"]
    assert [name for name, sql in shortcuts().items() if "'synchronous_commit', 'off', true" in sql] == ["claim_plain"]


async def test_a_submission_writes_its_batch_once(sent, store):
    sent.clear()
    await submit_items(store, 4, per=2)
    front, writes = sent  # the last is a transaction of its own
    assert "rank" in front
    assert "from project" in front
    assert all(f"insert into {table}" in writes for table in ("batch", "chunk", "state", "segment"))


async def test_a_read_sees_the_writes_held_back_before_it_and_only_those_are_sent_early(sent, plain):
    def verb():
        yield states((0, b"ab"))
        yield Many("upsert_project", [("p", 2.0)])
        before = yield All("weights")
        yield Many("update_state", [(BATCH, 0, b"cd")])
        after = yield Each("read_state", [(BATCH, 0)])
        return before, after

    sent.clear()
    before, after = await plain.write(verb)
    assert before == [("p", 2.0)]
    assert after == [(BATCH, 0, b"cd")]
    assert len(sent) == 6


async def test_two_writes_of_one_table_keep_their_order(plain):
    def verb():
        yield states((0, b"a"))
        yield Many("update_state", [(BATCH, 0, b"b")])
        yield Many("update_state", [(BATCH, 0, b"c")])
        return (yield Run("purge_state", (BATCH, 10)))

    assert await plain.write(verb) == 1


@pytest.mark.parametrize(("rows", "size"), [(COPY_ROWS, 1), (2, COPY_BYTES // 2)])
async def test_large_inserts_go_by_copy_and_are_part_of_the_transaction(sent, plain, rows, size):
    def verb(*, fail):
        yield states(*((number, b"x" * size) for number in range(rows)))
        found = yield All("read_states", (BATCH,))
        if fail:
            raise Conflict("no")
        return len(found)

    with pytest.raises(Conflict):
        await plain.write(verb, fail=True)
    assert await plain.write(verb, fail=False) == rows
    assert sent.count("copy state") == 2


async def test_nothing_to_do_is_no_round_trip(sent, plain):
    def verb():
        yield Many("insert_state", [])
        yield Notify(("x",))
        return (yield Each("read_state", []))

    sent.clear()
    assert await plain.write(verb) == []
    assert sent == []


async def test_what_a_verb_raises_comes_out_as_it_is_and_undoes_all(plain):
    def verb():
        yield states((0, b"a"))
        yield All("read_states", (BATCH,))
        raise KeyError("mine")

    def look():
        return (yield All("read_states", (BATCH,)))

    with pytest.raises(KeyError, match="mine") as caught:
        await plain.write(verb)
    assert "read_states" in caught.value.__notes__[0]
    assert await plain.read(look) == []


async def test_now_is_read_off_the_statement_that_waited_for_the_lock(sent, plain, installed_postgres, store):
    batch = await submit_items(store, 1)

    def verb():
        yield from lock_batch(batch)
        return (yield Now())

    rival = await asyncpg.connect(installed_postgres)
    holding = rival.transaction()
    await holding.start()
    await rival.execute("select from stook.batch for update")
    sent.clear()
    waiting = asyncio.create_task(plain.write(verb))
    while not await rival.fetchval("select exists (select from pg_locks where not granted)"):
        await asyncio.sleep(0.005)
    later = await rival.fetchval("select (extract(epoch from clock_timestamp()) * 1000000)::bigint")
    await holding.rollback()
    assert await waiting > later
    assert len(sent) == 3
    await rival.close()


async def test_now_without_a_lock_is_the_databases_clock(plain, installed_postgres):
    def verb():
        return (yield Now())

    rival = await asyncpg.connect(installed_postgres)
    ask = "select (extract(epoch from clock_timestamp()) * 1000000)::bigint"
    before, now, after = await rival.fetchval(ask), await plain.write(verb), await rival.fetchval(ask)
    assert before < now < after
    await rival.close()


async def test_a_read_is_one_view_however_many_statements_it_has(plain):
    def one():
        yield states((0, b"a"))

    def reader(between):
        first = yield All("read_states", (BATCH,))
        between()
        second = yield All("read_states", (BATCH,))
        return first, second

    await plain.write(one)

    def change():
        def verb():
            yield Many("update_state", [(BATCH, 0, b"b")])

        plain.write_blocking(verb)

    first, second = await plain.read(reader, change)
    assert first == second


async def test_a_read_of_one_statement_needs_no_transaction_and_one_of_several_is_known_after_the_first(sent, plain):
    def single():
        return (yield All("weights"))

    def several():
        yield All("weights")
        return (yield All("workers"))

    sent.clear()
    await plain.read(single)
    assert len(sent) == 1
    await plain.read(several)
    sent.clear()
    await plain.read(several)
    assert [sql.split()[0] for sql in sent] == ["begin", "select", "select", "commit"]


@pytest.mark.parametrize(
    "statement",
    [Many("upsert_project", [("p", 2.0)]), Run("purge_state", (BATCH, 1)), Each("insert_item_key", [(BATCH, "k", 0)])],
    ids=lambda one: one.name,
)
@pytest.mark.parametrize("before", [False, True], ids=["alone", "after a look"])
async def test_a_read_changes_nothing(plain, statement, before):
    def verb():
        if before:
            yield All("weights")
        yield statement

    with pytest.raises(StoreReadOnly):
        await plain.read(verb)


async def test_words_that_no_text_column_holds_are_written_with_a_mark_in_their_place(plain):
    def verb(name):
        yield Many("upsert_project", [(name, 2.0)])
        return (yield All("weights"))

    assert await plain.write(verb, "nul\0byte") == [("nul\ufffdbyte", 2.0)]
    assert ("half\ufffdpair", 2.0) in await plain.write(verb, "half\ud800pair")


async def test_topics_ring_after_the_commit_and_not_without_it(plain):
    def verb(*, fail):
        yield Notify(("x",))
        yield All("weights")
        if fail:
            raise Conflict("no")

    waiting = asyncio.create_task(plain.wait(("x",), 10))
    await asyncio.sleep(0)
    with pytest.raises(Conflict):
        await plain.write(verb, fail=True)
    assert not waiting.done()
    await plain.write(verb, fail=False)
    assert await waiting
