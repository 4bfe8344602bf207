"""What is shown while a batch runs."""

from __future__ import annotations

import io
import os
import pty
import signal
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from stook.cli.bar import BarDisplay
from stook.cli.figures import count, duration, moment, one_line, plural, share
from stook.cli.following import Changes
from stook.cli.progress import LineDisplay, status_line
from stook.cli.rate import WINDOW, Rate
from stook.core.phase import Counters
from stook.core.states import BatchState
from stook.store.script.read.batch_view import BatchView
from tests.cli.conftest import ran, until


def view(state=BatchState.running, reason=None, **counters):
    return BatchView(
        id=bytes(16),
        project="default",
        task="t",
        queue="default",
        name="n",
        key=None,
        single=False,
        state=state,
        counters=Counters(**counters),
        priority=0,
        max_concurrency=None,
        reason=reason,
        probing=False,
        retries=0,
        losses=0,
        round=1,
        settled=0,
        metadata=None,
        created_at=0,
        sealed_at=None,
        started_at=None,
        finished_at=None,
        deadline_at=None,
    )


@given(st.lists(st.tuples(st.floats(0.01, 3), st.integers(0, 1000)), min_size=2, max_size=50))
def test_the_rate_is_that_of_the_last_seconds(steps):
    rate, now, ended, seen = Rate(), 0.0, 0, []
    for pause, more in steps:
        now, ended = now + pause, ended + more
        rate.add(now, ended)
        seen.append((now, ended))
    behind = [one for one in seen if now - one[0] >= WINDOW] or seen[:1]
    begin, first = behind[-1] if now - behind[-1][0] >= WINDOW else seen[0]
    assert rate.per_second == pytest.approx((ended - first) / (now - begin))
    left = rate.left(100)
    assert left is None if ended == first else left == pytest.approx(100 / rate.per_second)


def test_a_rate_begins_anew_where_executions_are_taken_up_again():
    rate = Rate()
    for now, ended in ((0, 0), (1, 100), (2, 50), (3, 60)):
        rate.add(now, ended)
    assert rate.per_second == 10


@given(st.integers(0, 10**7), st.integers(0, 10**7))
def test_a_share_is_whole_only_when_it_is(part, rest):
    text = share(part, part + rest)
    assert (text == "100 %") == (rest == 0)
    assert (text == "0 %") == (part == 0 and rest > 0)


def test_figures():
    assert [duration(seconds) for seconds in (0, 0.254, 1.04, 9.96, 12.4, 59.6, 61, 3599, 3700, 90000)] == [
        "0.00 s",
        "0.25 s",
        "1.0 s",
        "10.0 s",
        "12 s",
        "1 min 00 s",
        "1 min 01 s",
        "59 min 59 s",
        "1 h 01 min",
        "1 d 01 h",
    ]
    assert (plural(1, "item"), plural(1200, "item"), plural(2, "batch", "batches")) == (
        "1 item",
        "1,200 items",
        "2 batches",
    )
    assert (count(1234567), moment(None)) == ("1,234,567", "-")
    assert one_line("a\n  b\x1b[31m\x07", 8) == "a b\ufffd[31…"


def test_lines_come_every_few_seconds(capsys):
    now = [0.0]
    display = LineDisplay(lambda: now[0])
    for second in range(12):
        now[0] = float(second)
        display.update(view(total=1000, succeeded=second * 10), 1000)
    assert capsys.readouterr().err.splitlines() == [
        "stook: 50 of 1,000 done (5.0 %), 10/s, 1 min 35 s left",
        "stook: 100 of 1,000 done (10.0 %), 10/s, 1 min 30 s left",
    ]


def test_a_line_says_what_holds_things_up():
    told = status_line(
        view(BatchState.paused, "5 failures in a row", total=10, succeeded=2, failed=5, scheduled=3), 10, Rate()
    )
    assert told == "7 of 10 done (70.0 %), paused: 5 failures in a row, 5 failed, 3 wait to be due"


def test_programs_see_each_change_once():
    seen = []
    changes = Changes(seen.append)
    for done in (1, 1, 2, 2, 2, 3):
        changes.update(view(total=3, succeeded=done), 3)
    assert [one.counters.succeeded for one in seen] == [1, 2, 3]


def test_the_bar():
    screen, now = io.StringIO(), [0.0]
    console = Console(file=screen, force_terminal=True, width=100, highlight=False)
    display = BarDisplay(console, lambda: now[0])
    for second in range(3):
        now[0] = float(second)
        display.update(view(total=1000, succeeded=second * 10, failed=second), 1000)
    display.say("a word\nabove [red]")
    display.close()
    shown = screen.getvalue()
    for told in ("22 of 1,000", "11/s", "1 min 29 s left", "2 failed", "stook: a word above [red]\n"):
        assert told in shown


def on_terminal(cli, *words):
    """A process whose standard error is a terminal, and the terminal's other side."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "stook", *words],
        cwd=cli.folder,
        env=cli.environment | {"TERM": "xterm-256color"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=theirs,
    )
    os.close(theirs)
    return process, ours


def read_all(terminal):
    shown = b""
    while True:
        try:
            piece = os.read(terminal, 65536)
        except OSError:  # the other side is closed
            return shown
        if not piece:
            return shown
        shown += piece


def test_a_terminal_shows_the_bar_and_is_left_in_shape(tasks):
    tasks.rows("in.jsonl", 2000)
    process, terminal = on_terminal(tasks, "run", "tasks.py:slow", "--input", "in.jsonl", "-c", "5")
    shown = read_all(terminal)
    os.close(terminal)
    assert process.wait() == 0
    assert b"of 2,000" in shown
    assert shown.count(b"\x1b[?25l") == shown.count(b"\x1b[?25h") > 0  # cursor hidden, and shown again


def test_a_terminal_is_left_in_shape_also_at_once(tasks):
    tasks.rows("in.jsonl", 20)
    process, terminal = on_terminal(tasks, "run", "tasks.py:gated", "--input", "in.jsonl", "-c", "5")
    until(lambda: len(ran(tasks)) == 5, "five executions")
    shown = b""
    while b"\x1b[?25l" not in shown:
        shown += os.read(terminal, 65536)
    process.send_signal(signal.SIGINT)
    while b"stopping" not in shown:
        shown += os.read(terminal, 65536)
    process.send_signal(signal.SIGINT)
    shown += read_all(terminal)
    os.close(terminal)
    assert process.wait() == 130
    assert shown.rindex(b"\x1b[?25h") > shown.rindex(b"\x1b[?25l")
