"""The servers that tests, benchmarks and soak run against are real, and leave nothing behind."""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import pytest

from stook_dev import postgres_binaries
from stook_dev.postgres import NOT_DURABLE, share_server, start_server

ROOT = Path(__file__).parents[2]


@pytest.fixture(params=["installed", "embedded"])
def origin(request):
    try:
        postgres_binaries.find(request.param)
    except LookupError as error:
        pytest.skip(str(error))
    return request.param


async def ask(dsn, question):
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(question)
    finally:
        await connection.close()


@contextmanager
def running(**options):
    server = start_server(**options)
    try:
        yield server
    finally:
        server.stop()


def test_a_server_answers_on_both_its_addresses_with_the_settings_given(origin):
    with running(settings={"fsync": "off", "work_mem": "5MB"}, origin=origin) as server:
        assert asyncio.run(ask(server.dsn, "show work_mem")) == "5MB"
        assert asyncio.run(ask(server.socket_dsn, "show fsync")) == "off"
        assert "Permission" not in server.log()


def test_a_crash_keeps_what_was_committed(origin):
    with running(settings=NOT_DURABLE, origin=origin) as server:
        asyncio.run(ask(server.dsn, "create table kept as select 1 as one"))
        server.restart(crash=True)
        assert asyncio.run(ask(server.dsn, "select one from kept")) == 1
        assert "automatic recovery in progress" in server.log()


def test_stopping_leaves_neither_server_nor_folder(origin):
    with running(settings=NOT_DURABLE, origin=origin) as server:
        folder = server.folder
    assert not folder.exists()
    with pytest.raises(ConnectionRefusedError):
        asyncio.run(ask(server.dsn, "select 1"))


OWNER = """
import signal
from stook_dev.postgres import NOT_DURABLE, start_server
print(start_server(NOT_DURABLE).folder, flush=True)
signal.pause()
"""


def test_a_killed_owner_leaves_neither_server_nor_folder():
    with subprocess.Popen([sys.executable, "-c", OWNER], cwd=ROOT, stdout=subprocess.PIPE, text=True) as owner:
        folder = Path(owner.stdout.readline().strip())
        with (folder / "guard.lock").open() as guard:
            owner.send_signal(signal.SIGKILL)
            fcntl.flock(guard, fcntl.LOCK_SH)  # until the guard has done its work
    assert not folder.exists()


def test_sharers_get_one_server_that_ends_with_the_last(tmp_path):
    register = tmp_path / "postgres.json"
    with share_server(register, NOT_DURABLE) as second:
        with share_server(register) as first:
            assert first.dsn == second.dsn
            guard = (first.folder / "guard.lock").open()
        assert asyncio.run(ask(second.dsn, "select 1")) == 1
    with guard:
        fcntl.flock(guard, fcntl.LOCK_SH)
    assert not second.folder.exists()
    with share_server(register, NOT_DURABLE) as later:
        assert asyncio.run(ask(later.dsn, "select 1")) == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="only root hands over to another account")
def test_programs_out_of_the_accounts_reach_are_copied():
    account = postgres_binaries.account()
    with tempfile.TemporaryDirectory() as place:  # not tmp_path, which only we may enter
        top = Path(place)
        binaries = top / "home" / "wheel" / "postgres" / "bin"
        binaries.mkdir(parents=True)
        (binaries / "postgres").symlink_to("/bin/true")
        (top / "home" / "wheel.libs").mkdir()
        server = top / "server"
        server.mkdir()
        top.chmod(0o755)
        assert postgres_binaries.reachable(binaries, account, server) == binaries
        (top / "home").chmod(0o700)
        assert postgres_binaries.reachable(binaries, account, server) == server / "wheel" / "postgres" / "bin"
        assert (server / "wheel.libs").is_dir()


def test_no_server_at_all_says_how_to_get_one(monkeypatch):
    monkeypatch.setattr(postgres_binaries, "_installed", lambda: iter(()))
    with pytest.raises(LookupError, match="apt-get install postgresql"):
        postgres_binaries.find("installed")


def test_fresh_databases_are_empty_and_apart(fresh_postgres):
    assert asyncio.run(ask(fresh_postgres, "select count(*) from pg_tables where schemaname = 'public'")) == 0
    asyncio.run(ask(fresh_postgres, "create table mine (one int)"))


def test_fresh_databases_are_empty_and_apart_again(fresh_postgres):
    test_fresh_databases_are_empty_and_apart(fresh_postgres)
