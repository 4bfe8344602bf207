"""Doing something to single executions, and to limits, on the store and on a server alike."""

from __future__ import annotations

import io
import json

import pytest

from stook.cli import main
from stook.core.ids import execution_id, parse_id
from tests.cli.conftest import ran, until
from tests.server.serving import serving


class Here:
    """`stook` in this process, in a folder with a batch of four, two of which have failed."""

    def __init__(self, cli, capfd, monkeypatch, where):
        self._cli, self._capfd, self._monkeypatch, self._where = cli, capfd, monkeypatch, where
        batch_id = parse_id(self.documents("show", "monday")[0]["id"])
        self.ids = [execution_id(batch_id, index) for index in range(4)]

    def __call__(self, *words, code=0, stdin=b""):
        self._monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        self._capfd.readouterr()
        got = main([*words, *self._where])
        found = self._capfd.readouterr()
        assert got == code, found
        return found.out if code == 0 else (found.out, found.err)

    def fails(self, *words, **how):
        output, told = self(*words, code=2, **how)
        assert output == ""
        assert told.startswith("stook: ")
        assert told.count("\n") == 1
        return told

    def documents(self, *words, **how):
        return [json.loads(line) for line in self(*words, "--json", **how).splitlines()]

    def items(self):
        return [json.loads(line) for line in self("results", "monday").splitlines()]

    def states(self):
        return [one["state"] for one in self.items()]


@pytest.fixture(params=["store", "server"])
def here(request, tasks, capfd, monkeypatch):
    tasks.rows("in.jsonl", 4)
    tasks("run", "tasks.py:odd_fails", "--input", "in.jsonl", "--name", "monday", "--key", "name", code=1)
    monkeypatch.chdir(tasks.folder)
    monkeypatch.setenv("STOOK_SYNCHRONOUS", "off")
    if request.param == "store":
        yield Here(tasks, capfd, monkeypatch, ())
        return
    with serving(f"sqlite:///{tasks.folder / 'stook.db'}") as made:
        monkeypatch.setenv("STOOK_KEY", made.secret)
        yield Here(tasks, capfd, monkeypatch, ("--server", made.url))


def test_skip(here):
    once = f"{here.ids[1]}  skipped: cancelled (item 1, n1)\n"
    assert here("skip", here.ids[1]) == once
    assert here("skip", here.ids[1]) == once
    (shown,) = here.documents("skip", "monday", "--item", "n3", "--reason", "not wanted")
    assert (shown["id"], shown["index"], shown["state"]) == (here.ids[3], 3, "cancelled")
    assert here.states() == ["succeeded", "cancelled"] * 2


def test_skip_names_those_it_cannot_end_and_ends_the_others(here):
    assert "is a batch of 4 items" in here.fails("skip", here.ids[1], "monday")
    assert here.states() == ["succeeded", "failed"] * 2  # nothing was done
    output, told = here("skip", here.ids[0], here.ids[1], here.ids[1], code=1)
    assert output == f"{here.ids[1]}  skipped: cancelled (item 1, n1)\n"
    assert told == f"stook: execution {here.ids[0]} is succeeded and cannot be skipped\n"
    assert here.states() == ["succeeded", "cancelled", "succeeded", "failed"]


def test_skip_needs_to_know_what(here):
    assert "skip what?" in here.fails("skip")
    assert "--item is for one batch" in here.fails("skip", "monday", "tuesday", "--item", "1")
    assert "no item" in here.fails("skip", "monday", "--item", "9")


def test_edit(here, tasks):
    assert here("edit", here.ids[1], "--input", '{"id": 10}') == f"{here.ids[1]}  edited: failed (item 1, n1)\n"
    (shown,) = here.documents("edit", "monday", "--item", "3", "--input", "-", "--retry", stdin=b'{"id": 30}')
    assert (shown["index"], shown["state"], shown["input"]) == (3, "queued", {"id": 30})
    assert [(one["state"], one["input"]["id"]) for one in here.items()] == [
        ("succeeded", 0),
        ("failed", 10),
        ("succeeded", 2),
        ("queued", 30),
    ]
    with tasks.started("worker", "tasks.py"):
        until(lambda: 30 in ran(tasks), "the work")
    assert 10 not in ran(tasks)
    assert '-5 is not of type "object"' in here.fails("edit", here.ids[1], "--input", "-5")


def test_what_cannot_be_edited(here):
    told = here.fails("edit", here.ids[0], "--input", "{}")
    assert told == f"stook: execution {here.ids[0]} is succeeded and cannot be edited\n"
    assert "--input: " in here.fails("edit", here.ids[1], "--input", "{id: 1}")
    assert "is not UTF-8" in here.fails("edit", here.ids[1], "--input", "-", stdin=b'"\xff"')
    assert "is a batch of 4 items" in here.fails("edit", "monday", "--input", "1")
    assert "--input" in here.fails("edit", here.ids[1])
    assert [one["input"]["id"] for one in here.items()] == [0, 1, 2, 3]


NO_TERMS = {"concurrency": [], "rate_limit": [], "window": None}
NONE = {"queue": None, "task": None, "max_concurrency": None, "paused": False, "running": 0}
NONE |= {**NO_TERMS, "declared": None}
TASK = NONE | {"task": "tasks.odd_fails", "declared": {"max_concurrency": None, **NO_TERMS}}


def test_limits(here):
    assert here.documents("limits") == [NONE]
    task = ("--task", "tasks.odd_fails")
    limited = TASK | {"max_concurrency": 3}
    assert here.documents("limits", *task, "--max-concurrency", "3") == [limited]
    assert here.documents("limits", *task, "--pause") == [limited | {"paused": True}]
    queue = NONE | {"queue": "slow", "paused": True}
    assert here.documents("limits", "--queue", "slow", "--pause") == [queue]
    assert here.documents("limits", "--max-concurrency", "1000") == [NONE | {"max_concurrency": 1000}]
    every = [NONE | {"max_concurrency": 1000}, queue, limited | {"paused": True}]
    assert here.documents("limits") == every
    assert here.documents("limits", *task) == every[2:]
    assert here.documents("limits", "--queue", "slow") == [queue]
    assert [line.split() for line in here("limits").splitlines() if line.strip()][2:] == [
        ["project", "1,000", "0"],
        ["queue", "slow", "no", "limit", "0", "paused"],
        ["task", "tasks.odd_fails", "3", "0", "paused"],
    ]
    assert here.documents("limits", *task, "--resume", "--max-concurrency", "none") == [TASK]
    here("limits", "--queue", "slow", "--resume")
    here("limits", "--max-concurrency", "none")
    assert here.documents("limits") == [NONE]
    assert here("limits", *task) == "no limit\n"


def test_a_paused_task_waits(here):
    here("retry", "monday", "--failed")
    here("limits", "--task", "tasks.odd_fails", "--pause")
    assert any("paused" in one for one in here.documents("show", "monday")[0]["why"])
    here("limits", "--task", "tasks.odd_fails", "--resume")
    assert not any("paused" in one for one in here.documents("show", "monday")[0]["why"])


def test_what_is_no_limit(here):
    for given in ("0", "many", "1.5", "9999999999"):
        assert "is neither a whole number" in here.fails("limits", "--max-concurrency", given)
    assert "exclude each other" in here.fails("limits", "--pause", "--resume")
    assert "exclude each other" in here.fails("limits", "--queue", "a", "--task", "b", "--pause")
    assert here.documents("limits") == [NONE]


def test_keyed_limits_rates_and_hours(here):
    task = ("--task", "tasks.odd_fails")
    given = ("--concurrency", "n=2,key=payload.name", "--concurrency", "n=1,unit=group")
    given += ("--rate-limit", "n=100,per=60,burst=5", "--window", "22:00-06:00,tz=Europe/Berlin,days=01")
    (shown,) = here.documents("limits", *task, *given)
    assert shown == TASK | {
        "concurrency": [{"n": 2, "key": "name", "unit": "execution"}, {"n": 1, "key": None, "unit": "group"}],
        "rate_limit": [{"n": 100, "per": 60, "key": None, "burst": 5, "units": None}],
        "window": {"start": "22:00", "end": "06:00", "tz": "Europe/Berlin", "days": [0, 1]},
    }
    assert [line for line in here("limits", *task).splitlines() if line.startswith("task tasks.odd_fails")] == [
        "task tasks.odd_fails: concurrency n=2,key=name",
        "task tasks.odd_fails: concurrency n=1,unit=group",
        "task tasks.odd_fails: rate-limit n=100,per=60,burst=5",
        "task tasks.odd_fails: window 22:00-06:00,tz=Europe/Berlin,days=01",
        "task tasks.odd_fails, its definition: no limit",
    ]
    (left,) = here.documents("limits", *task, "--window", "none", "--concurrency", "none")
    assert left == shown | {"concurrency": [], "window": None}


@pytest.mark.parametrize(
    ("option", "given"),
    [
        ("--concurrency", "3"),
        ("--concurrency", "n=3"),
        ("--concurrency", "n=0,key=name"),
        ("--concurrency", "n=2,key=(name)"),
        ("--concurrency", "n=2,key=name,most=3"),
        ("--concurrency", "key=name"),
        ("--rate-limit", "n=many,per=60"),
        ("--rate-limit", "n=1,per=0"),
        ("--window", "22:00"),
        ("--window", "22:00-22:00"),
        ("--window", "22:00-06:00,tz=Mars"),
        ("--window", "22:00-06:00,days=7"),
        ("--window", "22:00-06:00,days=x"),
        ("--window", "22:00-06:00,start=21:00"),
    ],
)
def test_terms_that_cannot_be_are_named_and_change_nothing(here, option, given):
    assert option in here.fails("limits", "--task", "tasks.odd_fails", option, given)
    assert "give --task" in here.fails("limits", "--window", "none")
    assert here.documents("limits") == [NONE]
