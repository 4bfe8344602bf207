"""Handlers in child processes, and what becomes of items when a child dies."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from stook.core.errors import ConfigError
from stook.core.policy import BatchConfig, TaskPolicy
from stook.worker import renewal
from stook.worker.definition import define
from stook.worker.processes import lane, worker_child
from stook.worker.processes.oom import OomKills
from stook.worker.runtime import WorkerRuntime
from tests.worker import process_handlers as handlers
from tests.worker.fake_source import FakeSource
from tests.worker.running import outcomes, run, soon, working

ONCE = TaskPolicy(max_attempts=1)


async def there(path: Path) -> str:
    """The file's content, once there is some."""
    await soon(lambda: content(path))
    return content(path)


def content(path: Path) -> str:
    return path.read_text() if path.exists() else ""


# ------------------------------------------------------------------------------------------------------- running


def test_each_item_has_its_result():
    batch = outcomes(handlers.double, list(range(3000)), processes=2)
    assert batch.values() == [str(n * 2) for n in range(3000)]
    assert batch.runs == [1] * 3000


def test_items_run_in_as_many_processes_as_asked_for_and_not_in_this_one():
    async def main():
        async with working(handlers.process, processes=2) as (source, worker):
            await soon(lambda: all(child.ready for child in worker._children.children.alive))
            batch = source.submit([0] * 500)
            await source.ended(batch)
        pids = set(map(int, batch.values()))
        assert len(pids) == 2
        assert os.getpid() not in pids

    run(main())


def test_coroutines_run_there_too_each_in_a_context_of_its_own():
    batch = outcomes(handlers.coroutine, [1, 2, 3], processes=1)
    assert batch.values() == ['[1,"nothing",1]', '[2,"nothing",1]', '[3,"nothing",1]']


def test_payloads_are_validated_and_errors_recorded_as_anywhere():
    batch = outcomes(handlers.typed, [{"n": 1}, {"n": "x"}], processes=1)
    assert batch.values() == ['{"n":1}', None]
    assert batch.only(1).code == "payload_invalid"
    told = outcomes(handlers.die, ["raise", "never", "later", "sys.exit"], processes=1, policy=ONCE)
    assert [told.only(n).type for n in range(4)] == ["ValueError", "NonRetryable", "RetryAfter", "SystemExit"]
    assert "in die" in told.only(0).traceback
    assert "stook/worker" not in told.only(0).traceback.replace("tests/worker", "")
    assert told.only(1).retryable is False
    assert told.only(2).retry_after == 6.0


def test_a_context_and_its_logger_work_in_a_child():
    batch = outcomes(handlers.logs, [0], processes=1)
    assert batch.values() == ['[["hello","t",1],"00000000-0000-0000-0000-000100000000"]']


def test_a_decorated_handler_is_found_behind_its_decorator():
    batch = outcomes(handlers.original, [1, 2], processes=1)
    assert batch.values() == ["2", "3"]


# -------------------------------------------------------------------------------------------------------- deaths


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ("SIGKILL", "the process running it was killed by signal 9 (SIGKILL)"),
        ("SIGSEGV", "the process running it was killed by signal 11 (SIGSEGV)"),
        ("os._exit", "the process running it exited with status 3"),
    ],
)
def test_only_the_item_that_ran_is_lost_and_the_reason_is_named(how, says, tmp_path):
    async def main():
        async with working(handlers.note, processes=1) as (source, _):
            warm, log = tmp_path / "warm", tmp_path / "log"
            await source.ended(source.submit([[str(warm), "warm"]] * 300))
            policy = TaskPolicy(max_losses=1)
            whats = [f"before {n}" for n in range(20)] + [how] + [f"after {n}" for n in range(20)]
            batch = source.submit([[str(log), what] for what in whats], policy=policy)
            await source.ended(batch)
        assert [n for n, state in enumerate(batch.states) if state != "succeeded"] == [20]
        trouble = batch.only(20)
        assert (trouble.kind, trouble.code, trouble.message) == ("lost", "worker_lost", says)
        assert log.read_text().split("\n")[:-1] == whats, "each ran once, in order"
        assert batch.runs == [1] * 41

    run(main())


def test_a_suspect_that_kills_again_and_again_is_quarantined():
    batch = outcomes(handlers.die, ["ok", "SIGKILL", "ok"], processes=2, policy=TaskPolicy(max_losses=3))
    assert batch.states == ["succeeded", "failed", "succeeded"]
    assert [trouble.kind for trouble in batch.troubles[1]] == ["lost"] * 3


def test_memory_is_named_when_the_kernel_counted_a_kill(tmp_path, monkeypatch):
    counter = tmp_path / "memory.events"
    counter.write_text("oom_kill 0\n")
    monkeypatch.setattr(lane, "OomKills", lambda: OomKills((counter,)))
    policy = TaskPolicy(max_losses=1)
    batch = outcomes(handlers.out_of_memory, [str(counter)], processes=1, policy=policy)
    assert batch.only().message == (
        "the process running it was killed by signal 9 (SIGKILL); the kernel's OOM killer ended a process at that "
        "time: give it less at once or more memory"
    )


def test_a_process_left_behind_does_not_hide_a_death():
    batch = outcomes(handlers.leaves_a_grandchild, [1], processes=1, policy=TaskPolicy(max_losses=1))
    assert batch.only().kind == "lost"


@pytest.mark.parametrize("how", ["SIGINT", "SIGTERM"])
def test_signals_from_elsewhere_are_the_workers_to_act_on(how):
    assert outcomes(handlers.die, [how, "ok"], processes=1).values() == [f'"{how}"', '"ok"']


# --------------------------------------------------------------------------------------------- stopping one item


@pytest.mark.parametrize("deaf", [False, True])
def test_an_item_that_runs_too_long_takes_its_process_with_it(tmp_path, deaf, monkeypatch):
    monkeypatch.setattr(worker_child, "TERM_TO_KILL", 0.05)

    async def main():
        policy = TaskPolicy(timeout=0.3, max_attempts=1)
        async with working(handlers.deaf if deaf else handlers.blocked, processes=1, policy=policy) as (source, _):
            path = tmp_path / "item.deaf"
            batch = source.submit([str(path)], policy=policy)
            await source.ended(batch)
            assert batch.only().code == "attempt_timeout"
            assert batch.only().kind == "failed"
            assert deaf or path.with_suffix(".cleaned").exists(), "SIGTERM let it clean up"

    run(main())


@pytest.mark.parametrize("kind", [".listens", ".raises", ".deaf"])
def test_a_cancelled_item_is_signalled_and_after_its_grace_its_process_is_ended(tmp_path, kind, monkeypatch):
    monkeypatch.setattr(renewal, "CANCELLATIONS", 0.01)

    async def main():
        policy = TaskPolicy(cancel_grace=0.05)
        async with working(handlers.blocked, processes=1, policy=policy) as (source, _):
            path = tmp_path / f"item{kind}"
            batch = source.submit([str(path)], policy=policy)
            pid = int(await there(path.with_suffix(".started")))
            source.cancel(batch)
            await source.ended(batch)
            assert batch.states == ["cancelled"]
            assert await there(path.with_suffix(".cleaned")) == "cancelled"
            after = source.submit([""])
            await source.ended(after)
            assert (pid in children()) == (kind != ".deaf")

    run(main())


def test_nothing_waits_behind_an_item_that_turned_out_slow(tmp_path):
    async def main():
        async with working(handlers.blocked, processes=2) as (source, worker):
            await source.ended(source.submit([""] * 500))
            path = tmp_path / "item.listens"
            batch = source.submit([str(path)] + [""] * 200)
            await source.until(lambda: batch.states.count("succeeded") == 200)
            assert batch.states[0] == "running"
            await worker.stop(10)
            assert batch.values()[0] == '"shutdown"'

    run(main())


def test_a_lost_lease_ends_the_process_that_works_for_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(renewal, "CANCELLATIONS", 0.01)

    async def main():
        async with working(handlers.blocked, processes=1) as (source, _):
            path = tmp_path / "item.deaf"
            batch = source.submit([str(path)])
            pid = int(await there(path.with_suffix(".started")))
            source.ready.clear()
            source.leases.clear()
            await soon(lambda: pid not in children())
            assert batch.troubles == [[]]
            await source.ended(source.submit([""]))

    run(main())


# ------------------------------------------------------------------------------------------------- start and end


def children():
    """Processes of ours that are alive."""
    listed = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()
    return {int(pid) for pid in listed if "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()}


def test_stop_leaves_no_process_behind_and_what_was_cut_is_released(tmp_path):
    async def main():
        before = children()
        async with working(handlers.blocked, processes=2) as (source, worker):
            assert len(children() - before) == 2
            paths = [tmp_path / f"{n}.deaf" for n in range(2)]
            batch = source.submit([*map(str, paths), "", ""])
            for path in paths:
                await there(path.with_suffix(".started"))
            await worker.stop(0.02)
            assert children() <= before
        assert batch.states[:2] == ["queued", "queued"]
        assert {batch.only(n).kind for n in range(2)} == {"released"}

    run(main())


def test_children_die_with_their_worker(tmp_path):
    program = f"""
import asyncio, sys
sys.path[:] = {sys.path!r}
from stook.worker.definition import define
from stook.worker.runtime import WorkerRuntime
from tests.worker import process_handlers as handlers
from tests.worker.fake_source import FakeSource

async def main():
    source = FakeSource()
    worker = WorkerRuntime(source, {{"t": define(handlers.deaf, name="t", processes=True)}}, name="w", processes=1)
    await worker.start()
    source.submit([{str(tmp_path / "pid")!r}])
    await asyncio.Event().wait()

asyncio.run(main())
"""
    parent = subprocess.Popen([sys.executable, "-c", program])

    async def main():
        pid = int(await there(tmp_path / "pid"))
        parent.send_signal(signal.SIGKILL)
        parent.wait()
        status = Path(f"/proc/{pid}/status")
        await soon(lambda: not content(status) or "\nState:\tZ" in content(status))

    try:
        run(main())
    finally:
        parent.kill()


def test_handlers_of_a_script_are_found_and_its_main_part_does_not_run_again(tmp_path):
    script = tmp_path / "script"
    script.write_text(f"""
import asyncio, sys
sys.path[:0] = {sys.path!r}
print("imported", __name__)

def handler(n):
    return [n, __name__]

if __name__ == "__main__":
    from tests.worker.running import outcomes
    print(outcomes(handler, [1], processes=1).values())
""")
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=True)
    assert "imported __main__\n" in done.stdout
    assert "imported __mp_main__\n" in done.stdout
    assert """['[1,"__mp_main__"]']""" in done.stdout


def test_a_handler_that_children_cannot_import_is_refused_at_the_start(tmp_path, caplog):
    module = tmp_path / "here_only.py"
    module.write_text("import os\nif os.environ.get('IN_CHILD'): raise RuntimeError('not here')\ndef f(n): return n\n")
    program = f"""
import asyncio, os, sys
sys.path[:0] = [{str(tmp_path)!r}, *{sys.path!r}]
import here_only
os.environ["IN_CHILD"] = "1"
from stook.core.errors import ConfigError
from tests.worker.running import outcomes
try:
    outcomes(here_only.f, [1], processes=2)
except ConfigError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("a child process cannot import its handlers: RuntimeError: not here")


def test_what_cannot_run_in_a_process_is_refused_when_it_is_defined():
    def local(n):
        return n

    for handler in (local, lambda n: n):
        with pytest.raises(ConfigError, match="cannot be imported by a child process") as caught:
            define(handler, processes=True)
        assert f"{__file__}:" in str(caught.value)
    with pytest.raises(ConfigError, match="is batched"):
        define(handlers.double, policy=TaskPolicy(batch=BatchConfig(10)), processes=True)


def test_processes_default_to_one_per_processor(monkeypatch):
    monkeypatch.setattr(os, "cpu_count", lambda: 1)

    async def main():
        worker = WorkerRuntime(FakeSource(), {"t": define(handlers.double, name="t", processes=True)}, name="w")
        await worker.start()
        assert len(worker._children.children.alive) == 1
        await worker.stop(0)

    run(main())
