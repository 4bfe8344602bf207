"""An app's life: opened at the first use, closed when told or at exit, opened again; beside other apps."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import threading
import weakref

import pytest

from stook import App
from stook.core.errors import ConfigError, NotFound, StoreError, StoreFull, StoreUnavailable
from stook.store.script.worker_row import list_workers
from stook.testing import Harness

PROGRAM = """
import os, sys, threading
from stook import App

app = App("test", store=os.environ["WHERE"])

@app.task("double")
async def double(number: int) -> int:
    return number * 2
"""


def run(where, body, *, check=True, **options):
    """A program of its own, with a task `double`."""
    environment = os.environ | {"WHERE": where}
    command = [sys.executable, "-W", "error", "-c", PROGRAM + body]
    return subprocess.run(command, env=environment, check=check, capture_output=True, text=True, timeout=60, **options)


def threads(besides=()):
    return {thread.name for thread in threading.enumerate() if thread not in besides}


def test_nothing_is_opened_before_it_is_needed(tmp_path, monkeypatch):
    before = threading.enumerate()
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("STOOK_URL", raising=False)
    app = App("lazy")
    app.task("nothing")(lambda: None)
    app.close()
    assert list(tmp_path.iterdir()) == []
    assert "stook" not in threads(before)
    with app:
        app.tasks["nothing"].submit()
        assert (tmp_path / "stook.db").exists()


def test_the_store_may_be_named_by_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("STOOK_URL", f"sqlite:///{tmp_path / 'named.db'}")
    with App("test") as app:
        app.task("nothing")(lambda: None).submit()
    assert (tmp_path / "named.db").exists()


def test_a_relative_path_is_where_it_was_when_the_store_was_opened(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with App("test", store="here.db") as app:
        echo = app.task("echo")(lambda text: text)
        large = echo.submit("x" * 100_000)
        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir()
        monkeypatch.chdir(elsewhere)
        with app.working():
            assert len(large.result(timeout=20)) == 100_000
            assert len(echo.submit("y" * 100_000).result(timeout=20)) == 100_000
    assert list(elsewhere.iterdir()) == []


def test_closed_is_closed_and_the_next_use_opens_again(app_on_either):
    before = threading.enumerate()
    app = app_on_either
    echo = app.task("echo")(lambda text: text)
    batch = echo.map(["kept"])
    assert {"stook"} <= threads(before) & {"stook", "stook-writer", "stook-postgres"}
    results = batch.results()
    next(results)
    app.close()
    app.close()
    assert not threads(before) & {"stook", "stook-writer", "stook-postgres"}
    for use in (batch.show, batch.wait, lambda: next(batch.results()), lambda: batch.failures):
        with pytest.raises(StoreUnavailable, match=r"the app was closed meanwhile \(its next use opens it again\)"):
            use()
    results.close()  # nothing is left to close
    again = app.batch(batch.id)
    with app.working():
        assert again.wait(timeout=20).counters.succeeded == 1
    assert [result.value for result in again.results()] == ["kept"]


def test_whoever_waits_while_it_is_closed_is_told(app):
    batch = app.task("nothing")(lambda: None).map([1])
    asked, told = threading.Event(), []

    def wait():
        try:
            asked.set()
            batch.wait()
        except StoreError as error:
            told.append(error)

    waiting = threading.Thread(target=wait)
    waiting.start()
    asked.wait()
    app.close()
    waiting.join(timeout=20)
    assert [type(error) for error in told] == [StoreUnavailable]


def test_closing_ends_the_workers_first(app):
    begun, go_on = threading.Event(), threading.Event()

    @app.task
    def slow() -> str:
        begun.set()
        go_on.wait(20)
        return "done"

    with app.working():
        execution = slow.submit()
        begun.wait(20)
        closing = threading.Thread(target=app.close)
        closing.start()
        go_on.set()
        closing.join(timeout=20)
    assert app.batch(execution.id).result(index=0).value == "done"


def test_an_iteration_that_nobody_ends_is_closed_with_its_generator(app):
    batch = app.task("nothing")(lambda: None).map(range(2000))
    results = batch.results()
    next(results)
    found = weakref.ref(results)
    del results
    gc.collect()
    assert found() is None
    assert batch.show().counters.total == 2000


def test_two_apps_share_one_file(where):
    with App("submits", store=where) as submits, App("works", store=where) as works:

        @works.task("double")
        async def double(number: int) -> int:
            return number * 2

        @submits.task("double")
        async def declared(number: int) -> int: ...

        with works.working():
            assert declared.submit(4).result(timeout=20) == 8
            assert declared.map(range(100)).wait(timeout=20).counters.succeeded == 100


def test_projects_do_not_see_each_other(where):
    with App("a", store=where, project="a") as a, App("b", store=where, project="b") as b:
        batch = a.task("t")(lambda: None).map([1], name="mine", idempotency_key="k")
        for text in ("mine", "k", batch.id):
            assert a.batch(text).id == batch.id
            with pytest.raises(NotFound, match=f"project 'b' has no batch with the id, name or key '{text}'"):
                b.batch(text)


def test_a_name_almost_right_is_guessed(app):
    app.task("t")(lambda: None).map([1], name="invoices")
    with pytest.raises(NotFound, match=r"'invoises' \(did you mean 'invoices'\?\)"):
        app.batch("invoises")


def test_another_process_works(either):
    with App("test", store=either) as app:
        double = app.task("double")(lambda number: None)
        batch = double.map(range(50))
        run(either, f'with app.working():\n    app.batch(sys.argv[0] and "{batch.id}").wait(timeout=30)')
        assert [result.value for result in batch.results()] == [number * 2 for number in range(50)]


@pytest.mark.parametrize(
    "body",
    [
        "double.submit(1)",
        "batch = double.map(range(5000))\nresults = batch.results()\nnext(results)",
    ],
    ids=["submitted", "iterating"],
)
def test_exit_without_close_is_quiet(where, body):
    done = run(where, body)
    assert (done.stdout, done.stderr) == ("", "")


def test_exit_in_the_middle_of_work_is_orderly(either):
    """What runs may end, and its worker says goodbye."""
    done = run(either, "context = app.working()\ncontext.__enter__()\ndouble.map(range(1000), name='left')")
    assert (done.stdout, done.stderr) == ("", "")
    with App("test", store=either) as app:
        left = app.batch("left").show()
        assert left.counters.running == 0
        session, portal = app.opened()
        assert list(portal.call(session.store.read(list_workers))) == []


def test_a_thread_that_waits_keeps_no_program_alive(where):
    run(where, "threading.Thread(target=double.map(range(3)).wait, daemon=True).start()")


def test_an_error_in_the_program_is_all_that_is_said(where):
    done = run(where, "with app.working():\n    double.submit(1)\n    raise SystemExit(3)", check=False)
    assert (done.returncode, done.stderr) == (3, "")


def test_ctrl_c_ends_a_wait(where):
    """Whoever runs these tests may have told its children to ignore it."""
    body = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
batch = double.map([1])
print(flush=True)
batch.wait()
"""
    command = [sys.executable, "-c", PROGRAM + body]
    with subprocess.Popen(
        command, env=os.environ | {"WHERE": where}, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as it:
        it.stdout.readline()
        it.send_signal(signal.SIGINT)
        try:
            _, said = it.communicate(timeout=20)
        finally:
            it.kill()
    assert it.returncode in (-signal.SIGINT, 130)
    assert said.decode().strip().endswith("KeyboardInterrupt")


def test_ctrl_c_ends_a_wait_it_did_not_interrupt(where):
    """The system may hand a signal to another thread, or to the main one just before it sleeps."""
    body = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
main = threading.get_ident()

def press():
    asleep = 0
    while asleep < 20:
        asleep = asleep + 1 if sys._current_frames()[main].f_code is threading.Condition.wait.__code__ else 0
        threading.Event().wait(0.001)
    signal.pthread_kill(threading.get_ident(), signal.SIGINT)

batch = double.map([1])
threading.Thread(target=press).start()
batch.wait()
"""
    command = [sys.executable, "-c", PROGRAM + body]
    with subprocess.Popen(command, env=os.environ | {"WHERE": where}, stderr=subprocess.PIPE) as it:
        try:
            _, said = it.communicate(timeout=20)
        finally:
            it.kill()
    assert it.returncode in (-signal.SIGINT, 130)
    assert said.decode().strip().endswith("KeyboardInterrupt")


def test_a_forked_child_opens_its_own(either):
    """And leaves the parent's alone."""
    done = run(
        either,
        """
first = double.map([1, 2, 3])
with app.working():
    first.wait(timeout=20)
child = os.fork()
if not child:
    second = double.map([4])
    with app.working():
        assert second.wait(timeout=20).counters.succeeded == 1
    app.close()
    os._exit(0)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
assert [result.value for result in first.results()] == [2, 4, 6]
with app.working():
    assert double.submit(5).result(timeout=20) == 10
""",
    )
    assert done.stderr == ""


def test_inside_a_harness_close_leaves_its_store_alone(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    app = App("test")
    echo = app.task("echo")(lambda text: text)
    with Harness(app) as harness:
        batch = echo.map(["a"])
        app.close()
        harness.run_until_idle()
        assert batch.show().counters.succeeded == 1
    assert list(tmp_path.iterdir()) == []


# ----------------------------------------------------------------------------------------------------------- workers


def test_a_worker_needs_tasks(app):
    with (
        pytest.raises(ConfigError, match=r"app 'test' has no task to work on \(define one with @app.task\)"),
        app.working(),
    ):
        pass


def test_only_the_named_tasks_are_worked_on(app):
    mine, other = app.task("mine")(lambda: None), app.task("other")(lambda: None)
    left = other.submit()
    with app.working(mine):
        assert mine.submit().result(timeout=20) is None
        (why,) = app.batch(left.id).why()
    assert why == "no worker serves task 'other': 1 is running, for task 'mine'"


@pytest.mark.parametrize("option", [{"concurrency": 0}, {"processes": 0}, {"processes": -1}], ids=str)
def test_a_worker_of_no_size_is_refused(app, option):
    app.task("nothing")(run if "processes" in option else lambda: None)
    with pytest.raises(ConfigError, match="is less than 1"), app.working(**option):
        pass


def test_a_worker_that_cannot_go_on_is_an_error_and_no_hang(where):
    """The disk is full: SQLite's own limit stands in for it."""
    with App("test", store=where) as app:
        echo = app.task("echo")(lambda item: "x" * 200_000)
        batch, single = echo.map(range(10)), echo.submit(1)
        session, _ = app.opened()
        writer = session.store._writer._connection
        pages = writer.execute("pragma page_count").fetchone()[0]
        writer.execute(f"pragma max_page_count = {pages}")
        session.engine.blobs.inline = 2**20
        waits = [batch.wait, single.result, lambda: list(batch.as_completed())]
        with pytest.raises(StoreFull, match="no room left on the disk of .*stook.db"), app.working():
            for wait in waits:
                with pytest.raises(StoreFull):
                    wait()
