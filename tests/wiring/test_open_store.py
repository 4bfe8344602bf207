"""From a URL to a store, or to one line that says what is wrong with it."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import stat
import sys

import pytest

from stook import App
from stook.config.settings import read_settings
from stook.core.errors import (
    ConfigError,
    MissingExtra,
    NotInstalled,
    SchemaTooNew,
    StoreError,
    StoreReadOnly,
    StoreUnavailable,
)
from stook.wiring.open_store import open_store
from stook.wiring.session import open_session


def opened(url, **options):
    async def main():
        store, blobs = await open_store(read_settings({}, url=url), **options)
        await store.close()
        return store, blobs

    return asyncio.run(main())


@pytest.mark.parametrize("form", ["sqlite:///{}", "{}"])
def test_a_file_is_made(tmp_path, form):
    path = tmp_path / "new.db"
    store, blobs = opened(form.format(path))
    assert path.exists()
    assert store.path == str(path)
    assert (blobs.inline, blobs.most) == (64 * 1024, 4 * 2**20)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("mysql://user:secret@host/db", r"'mysql' is no kind of store stook knows \(like sqlite:///stook.db or"),
        ("https://example.org", "'https' is no kind of store"),
        ("sqlite:", r"'sqlite:' names no file \(like sqlite:///stook.db\)"),
        ("sqlite:///:memory:", "names no file"),
        ("sqlite://stook.db", "names no file"),
        ("sqlite://me:hunter2@host", r"'sqlite://me:\*\*\*@host' names no file"),
    ],
)
def test_what_names_no_store_is_refused(url, said):
    with pytest.raises(ConfigError, match=said) as caught:
        opened(url)
    assert "secret" not in str(caught.value)


def test_only_looking_makes_no_file(tmp_path):
    path = tmp_path / "none.db"
    with pytest.raises(NotInstalled, match=rf"there is no store at {path} \(`stook run` makes one"):
        opened(str(path), create=False)
    assert list(tmp_path.iterdir()) == []
    opened(str(path))
    opened(str(path), create=False)


def test_a_password_in_what_was_to_be_an_address_is_not_said():
    with pytest.raises(NotInstalled, match=r"there is no store at .*/user:\*\*\*@host/db") as caught:
        opened("postgresql//user:secret@host/db", create=False)
    assert "secret" not in str(caught.value)


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(
        StoreReadOnly, match=rf"cannot write {tmp_path}/none/stook.db: unable to open .* \(choose a folder"
    ):
        opened(f"sqlite:///{tmp_path}/none/stook.db")


def test_a_file_that_is_no_store_is_left_alone(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("not a database, " * 100)
    with pytest.raises(StoreError, match=f"{path} is not a stook database"):
        opened(str(path))
    assert path.read_text() == "not a database, " * 100


def test_a_store_of_a_newer_program_is_left_alone(tmp_path):
    path = tmp_path / "stook.db"
    opened(str(path))
    with sqlite3.connect(path) as connection:
        connection.execute("pragma user_version = 9999")
    with pytest.raises(SchemaTooNew, match=rf"{path} has schema 9999, this stook knows up to \d+ \(upgrade stook"):
        opened(str(path))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written_is_named(tmp_path):
    tmp_path.chmod(stat.S_IRUSR | stat.S_IXUSR)
    with pytest.raises(StoreReadOnly, match="cannot write"):
        opened(str(tmp_path / "stook.db"))


def test_a_server_that_does_not_answer_is_named_without_its_password():
    with pytest.raises(
        StoreUnavailable, match="no server answers for PostgreSQL at 127.0.0.1:1, database none"
    ) as caught:
        opened("postgresql://user:secret@127.0.0.1:1/none", patience=0)
    assert "secret" not in str(caught.value)


def test_postgresql_without_its_library_says_what_to_install(monkeypatch):
    for name in [name for name in sys.modules if name.startswith(("asyncpg", "stook.store.postgres"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "asyncpg", None)
    with pytest.raises(MissingExtra, match=r"PostgreSQL needs the package asyncpg \(pip install 'stook\[postgres\]'\)"):
        opened("postgresql://user@host/db")


@pytest.mark.parametrize("url", ["mysql://host/db", "/none/at/all/stook.db"])
def test_an_app_whose_store_does_not_open_stays_usable(tmp_path, url):
    app = App("test", store=url)
    task = app.task("nothing")(lambda: None)
    for _ in range(2):
        with pytest.raises((ConfigError, StoreError)):
            task.submit()
    app.store = str(tmp_path / "stook.db")
    assert task.submit().created
    app.close()


def test_two_programs_with_one_file_and_one_that_goes_first(where):
    """Both open it at once; each takes its turn."""

    async def main():
        async with open_session(read_settings({}, url=where)) as a, open_session(read_settings({}, url=where)) as b:
            await asyncio.gather(
                *(one.engine.change_limits(queue=f"q{n}", paused=True) for one in (a, b) for n in range(20))
            )

    asyncio.run(main())
