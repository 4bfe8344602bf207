"""`stook schedules` and `stook emit`, on the store and on a server alike."""

from __future__ import annotations

import json

import pytest

from stook import App, Cron, On
from stook.cli import main
from tests.cli.conftest import until
from tests.server.serving import serving


@pytest.fixture(params=["store", "server"])
def here(request, tmp_path, capfd, monkeypatch):
    """`stook` in this process, beside a program with a schedule of its own and one made at run time."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STOOK_SYNCHRONOUS", "off")
    url = f"sqlite:///{tmp_path / 'stook.db'}"
    heard = []
    with App("shop", store=url) as app:
        task = app.task("report", triggers=[Cron("0 0 1 1 *", name="yearly"), On("paid")])(heard.append)
        with app.working():
            app.sync.schedule(task, "weekly", "0 0 * * SUN", {"n": 1}, tz="Europe/Berlin")

        def stook(*words, code=0):
            capfd.readouterr()
            got = main([*words, *where])
            found = capfd.readouterr()
            assert got == code, found
            return found.err if code else found.out

        stook.app, stook.heard = app, heard
        if request.param == "store":
            where = ("--store", url)
            yield stook
            return
        with serving(url) as made:
            monkeypatch.setenv("STOOK_KEY", made.secret)
            where = ("--server", made.url)
            yield stook


def documents(text):
    return [json.loads(line) for line in text.splitlines()]


def test_schedules_are_listed(here):
    yearly, weekly = sorted(documents(here("schedules", "--json")), key=lambda one: one["name"], reverse=True)
    assert (yearly["name"], yearly["static"], yearly["payload"]) == ("yearly", True, None)
    assert (weekly["cron"], weekly["tz"], weekly["static"], weekly["payload"]) == (
        "0 0 * * SUN",
        "Europe/Berlin",
        False,
        {"n": 1},
    )
    assert weekly["next_at"] % 1_000_000 == 0
    drawn = here("schedules", "--task", "report", "--name", "weekly")
    assert "Europe/Berlin" in drawn
    assert "yearly" not in drawn
    assert here("schedules", "--task", "nobody") == "no schedules\n"


def test_schedules_are_paused_resumed_and_deleted(here):
    weekly = ("--task", "report", "--name", "weekly")
    assert documents(here("schedules", *weekly, "--pause", "--json"))[0]["next_at"] is None
    assert "paused" in here("schedules")
    assert documents(here("schedules", *weekly, "--resume", "--json"))[0]["paused"] is False
    assert here("schedules", *weekly, "--delete") == "deleted\n"
    for act in ("--delete", "--pause", "--resume"):
        assert "no schedule 'weekly'" in here("schedules", *weekly, act, code=2)
    assert [one["name"] for one in documents(here("schedules", "--json"))] == ["yearly"]


@pytest.mark.parametrize(
    "words",
    [
        ("schedules", "--pause"),
        ("schedules", "--task", "report", "--delete"),
        ("schedules", "--name", "weekly"),
        ("schedules", "--task", "t", "--name", "n", "--pause", "--resume"),
        ("schedules", "--task", "t", "--name", "n", "--keep-running"),
        ("emit", "paid", "{"),
        ("emit", ""),
    ],
    ids=range(7),
)
def test_what_cannot_be_is_said_in_a_line(here, words):
    told = here(*words, code=2)
    assert told.startswith("stook: ")
    assert told.count("\n") == 1


def test_an_event_is_emitted(here):
    first = here("emit", "paid", '{"id": 7}').strip()
    (second,) = documents(here("emit", "paid", "--json"))
    assert len(first) == len(second["id"]) == 36
    with here.app.working():
        until(lambda: len(here.heard) == 2)
    assert here.heard == [{"id": 7}, None]
