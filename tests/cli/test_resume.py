"""The same command goes on where the last one stopped, whatever stopped it."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from tests.cli.conftest import ran, until


def settled(cli):
    """Indexes of executions that have ended, as the store has it."""
    if not (cli.folder / "stook.db").exists():
        return set()
    text = cli("results", cli.batch()["id"], "--as-settled").stdout
    return {json.loads(line)["index"] for line in text.splitlines()}


def assert_each_ran_to_one_end(cli, count, survived):
    """`survived`: (how much had run, what had settled) after each end of a process."""
    everything = ran(cli)
    assert set(everything) == set(range(count))
    for at, ended in survived:
        assert not ended & set(everything[at:]), "ran again after it had settled"
    rows = cli.lines("out.jsonl")
    assert [row["index"] for row in rows] == list(range(count))
    assert [row["result"] for row in rows] == list(range(count))
    assert cli.documents("doctor")  # exit code 0: a recount gives the same


@pytest.mark.parametrize("seed", [1, 2])
def test_killed_three_times_at_random(tasks, seed):
    draw, count = random.Random(seed), 20_000
    tasks.rows("in.jsonl", count)
    command = ("run", "tasks.py:slow", "--input", "in.jsonl", "--output", "out.jsonl", "-c", "50")
    survived = []
    for _ in range(3):
        goal = len(ran(tasks)) + draw.randint(100, 5000)
        with tasks.started(*command) as process:
            until(lambda: len(ran(tasks)) >= goal or process.poll() is not None, "progress")  # noqa: B023
            process.kill()
        survived.append((len(ran(tasks)), settled(tasks)))
        assert not (tasks.folder / "out.jsonl").exists()
    tasks(*command)
    assert_each_ran_to_one_end(tasks, count, survived)
    assert max(Counter(ran(tasks)).values()) <= 4


def test_killed_while_items_are_still_coming_in(tasks):
    """The input is far larger than what is stored when the first execution runs."""
    count = 150_000
    tasks.rows("in.jsonl", count)
    command = ("run", "tasks.py:double", "--input", "in.jsonl", "--output", "out.jsonl", "-c", "50", "--name", "big")
    with tasks.started(*command) as process:
        until(lambda: ran(tasks), "the first execution")
        process.kill()
    before = tasks.batch()
    assert before["state"] == "open"
    assert 0 < before["total"] < count
    at, ended = len(ran(tasks)), settled(tasks)
    done = tasks(*command)
    assert "batch big" in done.stderr
    assert "goes on" in done.stderr
    assert not ended & set(ran(tasks)[at:])
    assert [row["result"] for row in tasks.lines("out.jsonl")] == [2 * number for number in range(count)]


def test_a_batch_cancelled_while_items_came_in_says_how_to_begin_anew(tasks):
    tasks.rows("in.jsonl", 100_000)
    command = ("run", "tasks.py:double", "--input", "in.jsonl", "-c", "50")
    with tasks.started(*command) as process:
        until(lambda: ran(tasks), "the first execution")
        process.kill()
    tasks("cancel", "tasks.double")
    done = tasks(*command, code=3)
    assert "items had been submitted; `stook delete" in done.stdout
    tasks("delete", "tasks.double", "--yes")
    tasks(*command)
    assert tasks.batch()["succeeded"] == 100_000


def interrupted(cli, command, *signals):
    """Sends the signals one after another, each when the one before has shown."""
    with cli.started(*command) as process:
        until(lambda: len(ran(cli)) >= 5, "the first executions")
        told = ""
        for number, one in enumerate(signals):
            if number:
                while "stopping" not in told:
                    told += process.stderr.readline()
            process.send_signal(one)
        output, rest = process.communicate()
        return process.returncode, output, told + rest


@pytest.mark.parametrize("one", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_stops_in_order(tasks, one):
    tasks.rows("in.jsonl", 20_000)
    command = ("run", "tasks.py:slow", "--input", "in.jsonl", "--output", "out.jsonl", "-c", "50")
    code, output, told = interrupted(tasks, command, one)
    assert code == 130
    assert "stopping" in told
    assert "the same command goes on" in output
    batch = tasks.batch()
    # In order: everything that ran is settled, and nothing is held by anybody.
    assert (batch["succeeded"], batch["running"], batch["losses"]) == (len(ran(tasks)), 0, 0)
    assert not (tasks.folder / "out.jsonl").exists()
    tasks(*command)
    assert sorted(ran(tasks)) == list(range(20_000))


def test_what_runs_has_its_grace(tasks):
    tasks.rows("in.jsonl", 30)
    command = ("run", "tasks.py:gated", "--input", "in.jsonl", "-c", "5")
    with tasks.started(*command) as process:
        until(lambda: len(ran(tasks)) == 5, "five executions")
        process.send_signal(signal.SIGINT)
        while "stopping" not in process.stderr.readline():
            pass
        (tasks.folder / "gate").touch()
        assert process.wait() == 130
    assert tasks.batch()["succeeded"] == 5
    tasks(*command)
    assert sorted(ran(tasks)) == list(range(30))


def test_the_second_signal_ends_at_once(tasks):
    tasks.rows("in.jsonl", 30)
    command = ("run", "tasks.py:gated", "--input", "in.jsonl", "-c", "5", "--grace", "3600")
    code, _, _ = interrupted(tasks, command, signal.SIGINT, signal.SIGINT)
    assert code == 130
    (tasks.folder / "gate").touch()
    tasks(*command)
    assert Counter(ran(tasks)) == Counter(range(30)) + Counter(range(5))


@pytest.mark.parametrize("one", [signal.SIGINT, signal.SIGTERM])
def test_stopped_while_the_input_is_read_leaves_nothing(tasks, one):
    os.mkfifo(tasks.folder / "pipe")
    with tasks.started("run", "tasks.py:double", "--input", "pipe") as process:
        pipe = opened_by_a_reader(tasks.folder / "pipe")
        os.write(pipe, b'{"id": 1}\n')
        told = None
        while told is None:
            process.send_signal(one)
            # Python forgets a signal that comes in the instant before it blocks in a read: then people press again.
            with contextlib.suppress(subprocess.TimeoutExpired):
                _, told = process.communicate(timeout=5)
        os.close(pipe)
    assert (process.returncode, told) == (130, "stook: interrupted\n")
    assert not (tasks.folder / "stook.db").exists()
    assert not list((tasks.folder / "tmp").glob("stook-*"))


def opened_by_a_reader(path):
    """The writing side of a pipe, once the other side has been opened."""
    found = []

    def is_there():
        try:
            found.append(os.open(path, os.O_WRONLY | os.O_NONBLOCK))
        except OSError:
            return False
        return True

    until(is_there, "a reader")
    return found[0]


def test_a_batch_that_has_ended_is_written_anew_and_not_run(tasks):
    tasks.rows("in.jsonl", 10)
    command = ("run", "tasks.py:double", "--input", "in.jsonl", "--output", "out.jsonl")
    tasks(*command)
    (tasks.folder / "out.jsonl").unlink()
    done = tasks(*command)
    assert "ended before, succeeded: nothing that has ended runs again" in done.stderr
    assert len(tasks.lines("out.jsonl")) == 10
    assert len(ran(tasks)) == 10
    assert len(tasks.documents("batches")) == 1


def test_other_content_is_another_batch(tasks):
    tasks.rows("in.jsonl", 10)
    tasks("run", "tasks.py:double", "--input", "in.jsonl")
    tasks.rows("in.jsonl", 11)
    tasks("run", "tasks.py:double", "--input", "in.jsonl")
    assert [batch["total"] for batch in tasks.documents("batches")] == [11, 10]


def test_the_same_content_elsewhere_is_the_same_batch(tasks):
    tasks.rows("in.jsonl", 10)
    tasks("run", "tasks.py:double", "--input", "in.jsonl")
    (tasks.folder / "in.jsonl").rename(tasks.folder / "moved.jsonl")
    tasks("run", "tasks.py:double", "--input", "moved.jsonl")
    assert len(ran(tasks)) == 10


def test_another_name_runs_the_same_input_once_more(tasks):
    tasks.rows("in.jsonl", 10)
    for name in ("monday", "tuesday", "monday"):
        tasks("run", "tasks.py:double", "--input", "in.jsonl", "--name", name)
    assert [batch["name"] for batch in tasks.documents("batches")] == ["tuesday", "monday"]
    assert len(ran(tasks)) == 20


def test_a_name_stands_for_one_content(tasks):
    tasks.rows("in.jsonl", 10)
    tasks("run", "tasks.py:double", "--input", "in.jsonl", "--name", "monday")
    tasks.rows("in.jsonl", 11)
    said = tasks.fails(2, "run", "tasks.py:double", "--input", "in.jsonl", "--name", "monday")
    assert "batch 'monday' of task tasks.double was made from another input than in.jsonl is now" in said


def test_other_tasks_of_the_same_input_are_other_batches(tasks):
    tasks.rows("in.jsonl", 10)
    tasks("run", "tasks.py:double", "--input", "in.jsonl")
    tasks("run", "tasks.py:slow", "--input", "in.jsonl")
    assert len(ran(tasks)) == 20


def test_an_unfinished_batch_of_the_same_task_is_named(tasks):
    tasks.rows("in.jsonl", 10)
    command = ("run", "tasks.py:gated", "--input", "in.jsonl", "-c", "6", "--grace", "0")
    interrupted(tasks, (*command, "--name", "monday"), signal.SIGINT)
    (tasks.folder / "gate").touch()
    done = tasks(*command, "--name", "tuesday")
    monday = tasks.documents("batches", "--name", "monday")[0]
    assert f"unfinished batches of this task go on beside it: {monday['id']}; `stook cancel` ends one" in done.stderr


def test_retry_failed_runs_the_failed_ones_alone(tasks):
    tasks.rows("in.jsonl", 10)
    command = ("run", "tasks.py:odd_fails", "--input", "in.jsonl", "--output", "out.jsonl")
    tasks(*command, code=1)
    (tasks.folder / "repaired").touch()
    done = tasks(*command, "--retry-failed")
    assert "5 failed executions queued again" in done.stderr
    assert Counter(ran(tasks)) == Counter(range(10)) + Counter(range(1, 10, 2))
    assert {row["state"] for row in tasks.lines("out.jsonl")} == {"succeeded"}
    assert tasks.batch()["round"] == 2
    tasks(*command, "--retry-failed")
    assert len(ran(tasks)) == 15


def test_two_programs_share_the_work_of_one_batch(tasks):
    tasks.rows("in.jsonl", 40_000)
    command = ("run", "tasks.py:slow", "--input", "in.jsonl", "-c", "50")
    with (
        tasks.started(*command, "--output", "a.jsonl") as first,
        tasks.started(*command, "--output", "b.jsonl") as second,
    ):
        told = [process.communicate()[1] for process in (first, second)]
        assert [first.returncode, second.returncode] == [0, 0], told
    assert Counter(ran(tasks)) == Counter(range(40_000))
    assert (tasks.folder / "a.jsonl").read_bytes() == (tasks.folder / "b.jsonl").read_bytes()
    assert len(tasks.documents("batches")) == 1


def test_a_batch_paused_by_its_policy_ends_the_run_and_can_go_on(tasks):
    tasks.rows("in.jsonl", 1000)
    command = ("run", "tasks.py:burns", "--input", "in.jsonl", "-c", "1", "--output", "out.jsonl")
    done = tasks(*command, code=3)
    assert "failures in a row, burst is 5" in done.stdout
    assert "stook resume" in done.stdout
    assert not (tasks.folder / "out.jsonl").exists()
    burnt = len(ran(tasks))
    assert burnt < 1000
    assert "burst is 5" in tasks(*command, code=3).stdout
    assert len(ran(tasks)) == burnt
    (tasks.folder / "repaired").touch()
    tasks("resume", "tasks.burns", "--no-ramp")
    tasks(*command, "--retry-failed")
    assert {row["state"] for row in tasks.lines("out.jsonl")} == {"succeeded"}


def test_a_batch_paused_by_hand_is_waited_for(tasks):
    tasks.rows("in.jsonl", 20)
    with tasks.started("run", "tasks.py:gated", "--input", "in.jsonl", "-c", "2") as process:
        until(lambda: len(ran(tasks)) == 2, "two executions")
        tasks("pause", "tasks.gated")
        (tasks.folder / "gate").touch()
        until(lambda: tasks.batch()["running"] == 0, "the pause")
        assert process.poll() is None
        assert tasks.batch()["state"] == "paused"
        tasks("resume", "tasks.gated")
        assert process.wait() == 0
    assert len(ran(tasks)) == 20


def test_a_batch_cancelled_meanwhile_ends_the_run(tasks):
    tasks.rows("in.jsonl", 20)
    with tasks.started("run", "tasks.py:gated", "--input", "in.jsonl", "-c", "2", "-o", "out.jsonl") as process:
        until(lambda: len(ran(tasks)) == 2, "two executions")
        tasks("cancel", "tasks.gated", "--hard")
        output, _ = process.communicate()
    assert process.returncode == 3
    assert "--state cancelled" in output
    assert [row["state"] for row in tasks.lines("out.jsonl")] == ["cancelled"] * 20


def children_of(pid):
    found = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False)
    return [int(one) for one in found.stdout.split()]


def is_alive(pid):
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False


@pytest.mark.parametrize("how", ["killed", "stopped", "stopped at once"])
def test_no_child_process_outlives_the_run(cli, how):
    cli.write(
        "spin.py",
        """
        import os

        def spin(row):
            open(f"pid-{os.getpid()}", "w").close()
            while not os.path.exists("gate"):
                pass
            return row["id"]
        """,
    )
    cli.rows("in.jsonl", 10)
    command = ("run", "spin.py:spin", "--input", "in.jsonl", "--processes", "2", "--output", "out.jsonl")
    with cli.started(*command) as process:
        until(lambda: len(list(cli.folder.glob("pid-*"))) == 2, "two executions")
        children = children_of(process.pid)
        assert {int(file.name[4:]) for file in cli.folder.glob("pid-*")} <= set(children)
        if how == "killed":
            process.kill()
        else:
            os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to all of them
            while "stopping" not in process.stderr.readline():
                pass
            if how == "stopped":
                (cli.folder / "gate").touch()
            else:
                os.killpg(process.pid, signal.SIGINT)
        assert process.wait() == (-signal.SIGKILL if how == "killed" else 130)
        until(lambda: not any(map(is_alive, children)), "the end of the children")
    if how == "stopped":
        assert cli.batch()["succeeded"] == 2
    (cli.folder / "gate").touch()
    cli(*command)
    assert [row["result"] for row in cli.lines("out.jsonl")] == list(range(10))
