"""Each thing that can be wrong with a server is one line that says what to do."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from urllib.parse import urlsplit

import asyncpg
import pytest

from stook.core.errors import (
    ConfigError,
    Conflict,
    NotInstalled,
    StoreError,
    StoreFull,
    StoreReadOnly,
    StoreUnavailable,
)
from stook.store.postgres.driver import PostgresStore
from stook.store.postgres.errors import translate
from stook.store.script.quota import set_weight
from stook.store.statement import All, Many


def changed(dsn, **parts):
    """`user`, `password` or `port` replaced."""
    was = urlsplit(dsn)
    user, password = parts.get("user", was.username), parts.get("password", was.password)
    place = f"{user}:{password}@{was.hostname}:{parts.get('port', was.port)}"
    return was._replace(netloc=place, path=parts.get("path", was.path)).geturl()


@pytest.mark.parametrize(
    ("url", "kind", "words"),
    [
        ("http://localhost/x", ConfigError, "not a PostgreSQL URL"),
        ("postgresql://localhost:port/x", ConfigError, "not a PostgreSQL URL"),
        ("postgresql://nobody@127.0.0.1:1/x", StoreUnavailable, "no server answers"),
        ("postgresql:///x?host=/nowhere", StoreUnavailable, "no server answers"),
        ("postgresql://no.such.host.invalid/x", StoreUnavailable, "cannot reach"),
    ],
)
def test_urls_that_lead_nowhere(url, kind, words):
    with pytest.raises(kind, match=words) as caught:
        PostgresStore(url, patience=0)
    assert caught.value.hint
    assert "\n" not in str(caught.value)


def test_wrong_password_unknown_role_and_unknown_database(installed_postgres):
    with pytest.raises(StoreUnavailable, match="refuses the password") as caught:
        PostgresStore(changed(installed_postgres, password="secret"))
    assert "secret" not in str(caught.value)
    with pytest.raises(StoreUnavailable, match="refuses"):
        PostgresStore(changed(installed_postgres, user="nobody"))
    with pytest.raises(StoreUnavailable, match=r"does not exist.*create the database"):
        PostgresStore(changed(installed_postgres, path="/none"))


def test_a_role_that_may_not_install(fresh_postgres):
    asyncio.run(run(fresh_postgres, "drop role if exists plain_stook; create role plain_stook login password 'x'"))
    try:
        with pytest.raises(NotInstalled, match="may not install or use the schema stook.*permission denied"):
            PostgresStore(changed(fresh_postgres, user="plain_stook", password="x"))
        PostgresStore(fresh_postgres).close_blocking()
        with pytest.raises(NotInstalled, match="may not install or use"):
            PostgresStore(changed(fresh_postgres, user="plain_stook", password="x"))
    finally:
        asyncio.run(run(fresh_postgres, "drop role plain_stook"))


def test_a_database_that_takes_no_writes(installed_postgres):
    PostgresStore(installed_postgres).close_blocking()
    name = urlsplit(installed_postgres).path[1:]
    asyncio.run(run(installed_postgres, f"alter database {name} set default_transaction_read_only = on"))
    store = PostgresStore(installed_postgres)
    with pytest.raises(StoreReadOnly, match="takes no writes"):
        store.write_blocking(set_weight, "p", 1.0)
    store.close_blocking()


async def test_a_schema_that_is_gone(installed_postgres):
    store = PostgresStore(installed_postgres)
    await run(installed_postgres, "drop schema stook cascade")
    with pytest.raises(NotInstalled, match="open the store again"):
        await store.write(set_weight, "p", 1.0)
    await store.close()


async def test_what_the_database_refuses_names_the_statement(installed_postgres):
    def verb():
        yield Many("upsert_project", [("p", "heavy")])

    store = PostgresStore(installed_postgres)
    with pytest.raises(StoreError, match="statement upsert_project"):
        await store.write(verb)
    await store.close()


async def test_a_verbs_own_error_is_not_the_stores(installed_postgres):
    def verb():
        yield All("weights")
        raise Conflict("no", hint="do")

    store = PostgresStore(installed_postgres)
    with pytest.raises(Conflict, match=r"^no \(do\)$"):
        await store.write(verb)
    await store.close()


async def test_a_closed_store_says_so(installed_postgres):
    store = PostgresStore(installed_postgres)
    await store.close()
    await store.close()
    for call in (store.write(set_weight, "p", 1.0), store.read(set_weight, "p", 1.0), store.wait(("x",), 1)):
        with pytest.raises(StoreUnavailable, match="closed"):
            await call
    with pytest.raises(StoreUnavailable, match="closed"):
        store.write_blocking(set_weight, "p", 1.0)


async def test_closing_ends_verbs_under_way_and_those_in_line(installed_postgres):
    store = PostgresStore(installed_postgres, pool_size=1)
    await store.write(set_weight, "p", 1.0)
    raw = await asyncpg.connect(installed_postgres)
    holding = raw.transaction()
    await holding.start()
    await raw.execute("select from stook.project for update")
    tasks = [asyncio.create_task(store.write(set_weight, "p", 2.0)) for _ in range(3)]
    while not await raw.fetchval("select exists (select from pg_locks where not granted)"):
        await asyncio.sleep(0.005)
    await store.close()
    for task in tasks:
        with pytest.raises(StoreUnavailable, match="closed"):
            await task
    await holding.rollback()
    assert await raw.fetchval("select weight from stook.project") == 1.0
    await raw.close()


def test_a_program_that_does_not_close_its_store_ends_in_silence(installed_postgres):
    program = """
import asyncio, sys
from stook.store.postgres.driver import PostgresStore
from stook.store.script.quota import set_quota
store = PostgresStore(sys.argv[1])
asyncio.run(store.write(set_quota, "task", "p", "t", 3))
store.write_blocking(set_quota, "task", "p", "t", 4)
"""
    done = subprocess.run(
        [sys.executable, "-c", program, installed_postgres], check=True, capture_output=True, text=True
    )
    assert (done.stdout, done.stderr) == ("", "")


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (asyncpg.DiskFullError("could not extend file"), StoreFull),
        (asyncpg.TooManyConnectionsError("sorry, too many clients already"), StoreUnavailable),
        (asyncpg.CannotConnectNowError("the database system is starting up"), StoreUnavailable),
        (asyncpg.ProtocolViolationError("unsupported startup parameter: jit"), StoreUnavailable),
        (asyncpg.AdminShutdownError("terminating connection"), StoreUnavailable),
        (asyncpg.QueryCanceledError("canceling statement"), StoreUnavailable),
        (asyncpg.DivisionByZeroError("division by zero"), StoreError),
        (TimeoutError(), StoreUnavailable),
    ],
    ids=lambda value: getattr(type(value), "__name__", None),
)
def test_what_cannot_be_brought_about_here(error, kind):
    found = translate(error, "PostgreSQL at h")
    assert type(found) is kind
    assert "PostgreSQL at h" in str(found)


def test_other_peoples_errors_are_left_alone():
    assert translate(KeyError("x"), "PostgreSQL at h") is None


def test_without_asyncpg_it_says_what_to_install():
    program = """
import sys
sys.modules["asyncpg"] = None
from stook.core.errors import MissingExtra
try:
    import stook.store.postgres.driver
except MissingExtra as error:
    print(error)
"""
    said = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout
    assert said == "PostgreSQL needs the package asyncpg (pip install 'stook[postgres]')\n"


async def run(dsn, sql):
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(sql)
    finally:
        await connection.close()


@pytest.mark.parametrize("error", [asyncpg.DeadlockDetectedError, asyncpg.SerializationError])
def test_who_stays_in_each_others_way_may_come_again(error):
    """Workers then try again with ever longer pauses, and take no outcome for the culprit."""
    found = translate(error("in_each_others_way"), "here")
    assert isinstance(found, StoreUnavailable)


def test_a_duplicate_that_stays_one_is_refused():
    found = translate(asyncpg.UniqueViolationError("twice"), "here")
    assert isinstance(found, StoreError)
    assert not isinstance(found, StoreUnavailable)
