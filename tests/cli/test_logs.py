"""`stook logs`: what one execution has said, on a store and on a server."""

from __future__ import annotations

import json

import pytest

from tests.cli.conftest import until
from tests.server.serving import serving


@pytest.fixture
def said(cli):
    """A batch of three whose handler says something, in a child process."""
    cli.write(
        "talks.py",
        """
        import logging
        import os
        import time

        from stook import App, CapturedLogs, SyncContext

        app = App("talks")
        logging.getLogger().addHandler(CapturedLogs())


        @app.task(max_attempts=1)
        def say(row: dict, ctx: SyncContext) -> int:
            ctx.logger.info("row %d", row["id"])
            logging.getLogger("nested").warning("careful")
            print("printed", row["id"])
            while row["id"] < 0 and not os.path.exists("go"):
                time.sleep(0.01)
            return row["id"]
        """,
    )
    cli.rows("in.jsonl", 3)
    return cli


def shown(cli, *words):
    return [line.split(" ", 1)[1] for line in cli("logs", *words).stdout.splitlines()]


@pytest.mark.parametrize("how", [(), ("--processes", "1")])
def test_of_one_item(said, how):
    said("run", "talks.py:say", "--input", "in.jsonl", "--name", "monday", *how)
    expected = ["#1 info stook.task.talks.say: row 1", "#1 warning nested: careful"]
    if how:
        expected.append("#1 stdout: printed 1")
    assert sorted(shown(said, "monday", "--item", "1")) == sorted(expected)
    item = said.documents("show", "monday", "--item", "1")[0]["id"]
    assert shown(said, item, "--attempt", "1") == shown(said, item)
    assert shown(said, item, "--attempt", "2") == []
    documents = said.documents("logs", item)
    assert [one["line"] for one in documents] == list(range(1, len(expected) + 1))
    assert {one["message"] for one in documents} == {"row 1", "careful", *(["printed 1"] if how else [])}
    logged = [one["message"] for one in documents if one["message"] != "printed 1"]  # a pipe of its own brings that one
    assert logged == ["row 1", "careful"]


def test_followed_to_its_end(said):
    said.write("in.jsonl", json.dumps({"id": -1}) + "\n")
    with said.started("run", "talks.py:say", "--input", "in.jsonl", "--name", "monday", "--processes", "1"):
        until(lambda: said("show", "monday", "--item", "0", code=None).returncode == 0)
        with said.started("logs", "monday", "--follow") as following:
            for _ in range(3):
                assert following.stdout.readline()
            (said.folder / "go").touch()
            assert following.wait(60) == 0


def test_of_a_server(said, monkeypatch):
    monkeypatch.setenv("STOOK_SYNCHRONOUS", "off")
    said("run", "talks.py:say", "--input", "in.jsonl", "--name", "monday")
    local = said("logs", "monday", "--item", "2").stdout
    with serving(f"sqlite:///{said.folder / 'stook.db'}") as made:
        said.environment["STOOK_KEY"] = made.secret
        assert said("logs", "monday", "--item", "2", "--server", made.url).stdout == local
        assert said("logs", "monday", "--item", "2", "--server", made.url, "--follow").stdout == local


def test_what_is_not_there(said):
    said("run", "talks.py:say", "--input", "in.jsonl", "--name", "monday")
    assert "is a batch of 3 items" in said.fails(2, "logs", "monday")
    assert "has no item" in said.fails(2, "logs", "monday", "--item", "9")
    assert "attempts count from 1" in said.fails(2, "logs", "monday", "--item", "1", "--attempt", "0")
    assert "nowhere" in said.fails(2, "logs", "nowhere")
