"""A record is one line of JSON, whatever is in it."""

from __future__ import annotations

import json
import logging
import sys

import pytest

from stook.core.ids import execution_id
from stook.telemetry.json_lines import JsonLines
from stook.worker.assignment import Assignment
from stook.worker.context import Context
from stook.worker.logs.tracking import CURRENT

BATCH = bytes(11) + b"\1" + bytes(4)
ASSIGNMENT = Assignment(BATCH, 0, "t", "q", 2, 3, None, 0, {})


@pytest.fixture
def logged():
    """What a call on a logger becomes."""

    def one(message, *args, name="mine", level=logging.INFO, **fields):
        exc_info = fields.pop("exc_info", None)
        record = logging.getLogger(name).makeRecord(
            name, level, "f", 1, message, args, sys.exc_info() if exc_info else None, extra=fields
        )
        text = lines.format(record)
        assert "\n" not in text
        return json.loads(text)

    lines = JsonLines()
    one.lines = lines
    return one


def test_time_level_logger_event_and_fields(logged):
    made = logged("%d rows", 5, name="stook.access", level=logging.WARNING, status=200, route="/x")
    assert list(made) == ["time", "level", "logger", "event", "status", "route"]
    assert made["time"].endswith("Z")
    assert len(made["time"]) == len("2026-11-22T08:33:55.123456Z")
    assert (made["level"], made["logger"], made["event"], made["status"]) == ("warning", "stook.access", "5 rows", 200)


def test_an_exception_is_told_within_the_line(logged):
    try:
        raise ValueError("no\nway")  # noqa: TRY301
    except ValueError:
        made = logged("it failed", exc_info=True)
    assert made["error"]["type"] == "ValueError"
    assert made["error"]["message"] == "no\nway"
    assert "test_json_lines.py" in made["error"]["traceback"]


class Bad:
    def __repr__(self):
        raise RuntimeError("no")


CIRCLE: list = []
CIRCLE.append(CIRCLE)


@pytest.mark.parametrize(
    "value",
    [Bad(), b"\xff", {1, 2}, float("nan"), CIRCLE, "\ud800", 10**400, {("a",): 1}, "a\nb", "\u2028"],
    ids=["repr", "bytes", "set", "nan", "circle", "surrogate", "huge", "keys", "newline", "separator"],
)
def test_nothing_in_a_record_breaks_the_line(logged, value):
    assert logged("x", field=value)["event"] == "x"
    assert "event" in logged("%s", value)
    assert "event" in logged("%d %d", value)


def test_fields_do_not_take_the_names_of_others(logged):
    made = logged("x", time="mine", error="e", event="y")
    assert (made["event"], made["time_"], made["error_"], made["event_"]) == ("x", "mine", "e", "y")


def test_within_an_execution_any_logger_carries_its_ids(logged):
    token = CURRENT.set(Context(ASSIGNMENT, 5))
    try:
        made = logged("x", name="anybody")
    finally:
        CURRENT.reset(token)
    assert (made["task"], made["queue"], made["attempt"]) == ("t", "q", 2)
    assert (made["execution"], made["batch"]) == (execution_id(BATCH, 5), execution_id(BATCH, 0))
    assert "execution" not in logged("x", name="anybody")


def test_what_the_context_logger_says_is_named_alike(logged):
    made = logged("x", name="stook.task.t", execution_id=execution_id(BATCH, 5))
    assert (made["execution"], made["batch"]) == (execution_id(BATCH, 5), execution_id(BATCH, 0))


def test_the_workers_name_is_on_its_lines_alone(logged):
    logged.lines.worker = "w1"
    assert logged("x", name="stook.worker")["worker"] == "w1"
    assert logged("x", name="stook.task.t", task="t")["worker"] == "w1"
    assert "worker" not in logged("x", name="stook.access")
