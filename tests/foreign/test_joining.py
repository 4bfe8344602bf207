"""Verbs on the caller's connection share the fate of its transaction."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys

import psycopg
import pytest

from stook.core.errors import DuplicateKeys, NotInstalled, OptionError, StoreError, StoreReadOnly
from stook.store.foreign.run import Foreign
from stook.store.script.submit import create_batch, seal, submit
from stook.store.statement import Many
from tests.contract.batches import chunked, indexes, inputs, new_batch, payloads, take
from tests.foreign.callers import POSTGRES, opened

_TABLES = {
    "sqlite": "select name from sqlite_master where type = 'table' and name not like 'sqlite_%' and name <> 'mine'",
    "postgres": "select tablename::text from pg_tables where schemaname = 'stook'",
}


async def _content(store):
    """Every row of every table of stook."""
    ((*names,),) = await store.tables.fetch(_TABLES[store.kind])
    tables = sorted(row[0] for row in names)
    rows = await store.tables.fetch(*(f"select * from {name}" for name in tables))
    return dict(zip(tables, rows, strict=True))


async def _own_table(store, caller):
    """In a transaction that goes on."""
    await caller.begin()
    mine = "main.mine" if store.kind == "sqlite" else "public.mine"
    await caller.execute(f"create table {mine} (word varchar(50))")
    await caller.commit()
    await caller.begin()
    return mine


def _items(store, count=3, **options):
    return new_batch(store, **options), chunked(payloads(count))


async def test_rows_are_there_when_the_caller_commits_and_not_before(store, caller):
    before = await _content(store)
    await caller.begin()
    created = await caller.write(submit, *_items(store))
    assert created.total == 3
    assert await _content(store) == before
    await caller.commit()
    await store.audit()
    claimed = await take(store)
    assert [item for one in claimed.slices for item in inputs(one)] == payloads(3)


async def test_a_rollback_leaves_no_trace_in_any_table(store, caller):
    before = await _content(store)
    await caller.begin()
    await caller.write(submit, *_items(store))
    await caller.write(submit, *_items(store, 600))
    await caller.rollback()
    assert await _content(store) == before


async def test_both_sides_of_the_call_see_one_transaction(store, caller):
    mine = await _own_table(store, caller)
    await caller.execute(f"insert into {mine} values ('before')")
    await caller.write(submit, *_items(store))
    await caller.execute(f"insert into {mine} values ('after')")
    await caller.commit()
    (((count,),),) = await store.tables.fetch(f"select count(*) from {mine}")
    assert count == 2
    assert indexes((await take(store)).slices) == [0, 1, 2]


def _writes_and_raises(new, chunks, error):
    yield from submit(new, chunks)
    raise error


def _breaks_a_rule(new):
    """What the database refuses: a row without what it needs."""
    yield Many("insert_state", [(new.id, 0, None)])


@pytest.mark.parametrize("error", [DuplicateKeys([("a", 1, 0)]), KeyError("x")], ids=["ours", "another"])
async def test_a_verb_that_raises_undoes_itself_alone(store, caller, error):
    mine = await _own_table(store, caller)
    await caller.execute(f"insert into {mine} values ('kept')")
    await caller.write(submit, *_items(store, task="first"))
    with pytest.raises(type(error)):
        await caller.write(_writes_and_raises, *_items(store), error)
    with pytest.raises(Exception, match="null|NULL|constraint"):
        await caller.write(_breaks_a_rule, new_batch(store))
    assert await caller.execute(f"select count(*) from {mine}") == 1  # the transaction goes on
    await caller.commit()
    await store.audit()
    (rows,) = await store.tables.fetch("select task from batch")
    assert [tuple(row) for row in rows] == [("first",)]


async def test_a_connection_that_commits_each_statement_gets_a_transaction_of_its_own(store, committing):
    await committing.write(submit, *_items(store))
    assert len(indexes((await take(store)).slices)) == 3
    before = await _content(store)
    with pytest.raises(KeyError):
        await committing.write(_writes_and_raises, *_items(store), KeyError("x"))
    assert await _content(store) == before
    assert await committing.execute("select 5") == 5


async def test_nothing_of_the_connection_is_changed(store, kind, caller):
    names = "row_factory", "text_factory", "isolation_level", "autocommit"
    settings = [getattr(caller.given, name, None) for name in names]
    await caller.begin()
    if store.kind == "postgres":
        await caller.execute("set local search_path = pg_catalog, public")
    before = await _settings(store, caller)
    await caller.write(submit, *_items(store))
    with pytest.raises(KeyError):
        await caller.write(_writes_and_raises, *_items(store), KeyError("x"))
    assert await _settings(store, caller) == before
    assert [getattr(caller.given, name, None) for name in names] == settings
    await caller.rollback()
    await caller.begin()
    if store.kind == "postgres":
        assert await caller.execute("show search_path") == '"$user", public'


async def _settings(store, caller):
    """All that the server knows of the session."""
    if store.kind == "sqlite":
        pragmas = "foreign_keys", "synchronous", "busy_timeout", "journal_mode", "cache_size", "recursive_triggers"
        return [await caller.execute(f"pragma {name}") for name in pragmas]
    all_of_them = "select string_agg(name || '=' || setting, ';' order by name) from pg_settings"
    return [await caller.execute(all_of_them), await caller.execute("select count(*) from pg_prepared_statements")][:1]


@pytest.mark.parametrize("kind", [pytest.param(one, marks=pytest.mark.postgres) for one in POSTGRES], indirect=True)
async def test_text_that_no_column_can_hold_is_kept_as_the_store_itself_keeps_it(store, caller):
    odd = "a\0b\udcffé"
    await caller.begin()
    await caller.write(submit, *_items(store, name=odd))
    await caller.commit()
    await store.write(submit, *_items(store, name=odd))
    (rows,) = await store.tables.fetch("select name from batch")
    assert len(rows) == 2
    assert len({row[0] for row in rows}) == 1


async def test_the_other_way_of_calling_is_named(store, caller):
    caller.blocking = not caller.blocking
    with pytest.raises(OptionError, match="under app.sync" if not caller.blocking else "on the app itself"):
        await caller.write(submit, *_items(store))


def test_a_file_without_stook_says_so(tmp_path):
    mine = sqlite3.connect(tmp_path / "mine.db")
    mine.execute("create table batch (x)")
    mine.execute("insert into batch values (1)")
    with pytest.raises(NotInstalled, match="no schema"):
        Foreign(mine).write_blocking(seal, b"")
    assert mine.in_transaction
    mine.rollback()
    with pytest.raises(NotInstalled, match="no schema"):
        Foreign(mine).write_blocking(seal, b"")
    assert not mine.in_transaction
    mine.close()


@pytest.mark.parametrize(
    "given",
    [5, "postgresql://x", None, sqlite3.connect(":memory:").cursor()],
    ids=["number", "url", "nothing", "cursor"],
)
def test_what_is_no_connection_is_named_with_those_that_are(given):
    with pytest.raises(OptionError, match="psycopg, asyncpg, sqlite3 and aiosqlite"):
        Foreign(given)


def test_no_library_is_loaded_for_looking():
    program = (
        "import sys; from stook.store.foreign.kinds import kind_of; from stook.store.foreign.run import Foreign\n"
        "try: kind_of(5)\n"
        "except ValueError: print(sorted({'psycopg', 'sqlalchemy', 'aiosqlite'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize("kind", [pytest.param("psycopg", marks=pytest.mark.postgres)], indirect=True)
async def test_a_transaction_that_has_failed_before_is_told_as_that(store, caller):
    with pytest.raises(psycopg.errors.DivisionByZero):
        await caller.execute("select 1 / 0")
    with pytest.raises(StoreError, match="the transaction has failed before"):
        await caller.write(submit, *_items(store))


@pytest.mark.parametrize("kind", [pytest.param("psycopg", marks=pytest.mark.postgres)], indirect=True)
@pytest.mark.parametrize(
    ("setting", "error", "words"),
    [
        ("set transaction read only", StoreReadOnly, "read-only"),
        ("set client_encoding = 'latin1'", OptionError, "client_encoding is LATIN1"),
    ],
    ids=["read_only", "latin1"],
)
async def test_what_the_connection_forbids_is_said(store, caller, setting, error, words):
    await caller.execute(setting)
    with pytest.raises(error, match=words):
        await caller.write(submit, *_items(store))
    assert await caller.execute("select 1") == 1


@pytest.mark.parametrize("kind", [pytest.param("psycopg", marks=pytest.mark.postgres)], indirect=True)
async def test_a_pipeline_is_refused(store, caller):
    with caller.given.pipeline(), pytest.raises(OptionError, match="pipeline mode"):
        await caller.write(submit, *_items(store))


@pytest.mark.parametrize("kind", [pytest.param("psycopg", marks=pytest.mark.postgres)], indirect=True)
async def test_what_the_caller_made_of_types_and_tables_does_not_matter(store, caller):
    class Shouting(psycopg.types.string.StrDumper):
        def dump(self, obj):
            return super().dump(obj.upper())

    caller.given.adapters.register_dumper(str, Shouting)
    caller.given.adapters.register_loader("int8", psycopg.types.string.TextLoader)
    await caller.execute("create temp table batch (x int)")
    await caller.execute("create temp table segment (x int)")
    new, chunks = _items(store, name="quiet")
    await caller.write(submit, new, chunks)
    await caller.commit()
    (((name,),),) = await store.tables.fetch("select name from batch")
    assert name == "quiet"
    await store.audit()


@pytest.mark.parametrize("kind", [pytest.param("asyncpg", marks=pytest.mark.postgres)], indirect=True)
async def test_whoever_gives_up_waiting_keeps_the_transaction(store, caller, place):
    await store.write(create_batch, new := new_batch(store))
    async with opened("asyncpg", place) as other:
        await other.begin()
        await other.write(seal, new.id)
        await caller.begin()
        await caller.write(submit, *_items(store))
        waiting = asyncio.create_task(caller.write(seal, new.id))
        await _blocked(store)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await other.rollback()
    await caller.commit()
    await store.audit()
    assert [one.batch.total for one in store.audit.seen.values()] == [0, 3]


async def _blocked(store):
    """Until somebody waits for a lock."""
    while True:
        rows = await store.tables.connection.fetch("select 1 from pg_locks where not granted")
        if rows:
            return
        await asyncio.sleep(0.005)
