"""What child processes say: through their logger, and on standard output and error, whatever becomes of them."""

from __future__ import annotations

import pytest

from stook.core.log import LogLimits
from stook.core.policy import TaskPolicy
from tests.worker import log_handlers as handlers
from tests.worker.running import run, working

ONCE = TaskPolicy(max_attempts=1, max_losses=1)


def said_by(what, handler=handlers.says, count=1, **options):
    async def main():
        async with working(handler, policy=ONCE, processes=1, **options) as (source, _):
            batch = source.submit([what] * count if isinstance(what, str) else what, policy=ONCE)
            await source.ended(batch)
            return source, batch

    source, batch = run(main())
    return [[(line.source, line.message) for line in source.said(batch, at)] for at in range(len(batch.states))]


def test_its_logger():
    (lines,) = said_by("log")
    assert lines == [("stook.task.t", "hello there")]


def test_output_and_errors_by_line():
    (lines,) = said_by("print")
    assert sorted(lines) == [("stderr", "err"), ("stdout", "out")]


@pytest.mark.parametrize(
    ("what", "expected"),
    [
        ("unfinished", [("stdout", "no newline")]),
        ("bytes", [("stderr", "raw err"), ("stdout", "\N{REPLACEMENT CHARACTER}" * 2 + " raw")]),
        ("c", [("stdout", "from C"), ("stdout", "unfinished C")]),
        ("exit", [("stdout", "going")]),
        ("thread", [("stdout", "from a thread")]),
    ],
)
def test_whoever_writes_it(what, expected):
    (lines,) = said_by(what)
    assert sorted(lines) == expected


def test_last_words():
    (lines,) = said_by("killed")
    assert sorted(lines) == [("stdout", "half a line"), ("stdout", "last words"), ("stook.task.t", "about to die")]


def test_lines_that_a_dead_child_had_kept_back_are_counted():
    (lines,) = said_by("talks and dies", logs=LogLimits(lines=100))
    assert len(lines) == 51
    assert lines[49] == ("stook.task.t", "line 49")
    assert lines[50] == ("stook", "2950 lines dropped")


def test_each_item_has_its_own():
    count = 300
    found = said_by([str(number) for number in range(count)])
    assert found == [[("stdout", f"item {number}")] for number in range(count)]


def test_a_flood_neither_blocks_nor_fills_memory():
    (lines,) = said_by("flood", logs=LogLimits(lines=100))
    assert len(lines) == 101
    assert lines[0] == ("stdout", "x" * 99)
    assert lines[-1] == ("stook", "499900 lines dropped")


def test_what_is_said_elsewhere_in_the_child():
    (lines,) = said_by("careful", handler=handlers.says_async)
    assert sorted(lines) == [("stdout", "aside"), ("stook.task.t", "careful")]


def test_it_is_passed_on(capfd):
    said_by("print")
    shown = capfd.readouterr()
    assert "out\n" in shown.out
    assert "err\n" in shown.err


def test_nothing_is_captured_where_nothing_shall_be(capfd):
    (lines,) = said_by("print", logs=LogLimits(lines=0))
    assert lines == []
    assert "out\n" in capfd.readouterr().out
