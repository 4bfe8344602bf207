"""The parts of the process lane by themselves: frames, counters, endings, references."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stook.core.errors import ConfigError
from stook.core.policy import RetryPolicy
from stook.worker.assignment import Assignment
from stook.worker.processes.child import definition_of
from stook.worker.processes.frames import (
    Done,
    Failed,
    Frames,
    FromChild,
    FromWorker,
    Ready,
    Recall,
    Returned,
    Signalled,
    Work,
    to_bytes,
)
from stook.worker.processes.oom import OomKills, counter_files
from stook.worker.processes.reference import Reference
from stook.worker.processes.spawn import ending
from stook.worker.source import Trouble
from tests.worker import process_handlers


@given(
    st.lists(
        st.one_of(
            st.builds(Done, st.integers(0, 2**40), st.binary(max_size=300), st.integers(0, 2**50)),
            st.builds(Returned, st.lists(st.integers(0, 2**32))),
            st.just(Ready()),
            st.just(Failed(3, Trouble(1, "failed", message="ä"), 5)),
        )
    ),
    st.integers(1, 50),
)
def test_frames_arrive_whole_however_the_bytes_are_cut(frames, size):
    data = b"".join(map(to_bytes, frames))
    reader = Frames(FromChild)
    assert [frame for at in range(0, len(data), size) for frame in reader.feed(data[at : at + size])] == frames


def test_work_crosses_with_all_it_needs():
    assignment = Assignment(b"\1" * 16, 512, "t", "q", 2, 3, 1.5, 10**15, {"k": [1]})
    frames = [Work(assignment, RetryPolicy(jitter=0.5), [(1, 7, b"{}")]), Signalled(4, "cancelled"), Recall()]
    assert Frames(FromWorker).feed(b"".join(map(to_bytes, frames))) == frames


@pytest.mark.parametrize(
    ("status", "memory", "text"),
    [
        (0, False, "exited with status 0"),
        (3, True, "exited with status 3"),
        (-9, False, "killed by signal 9 (SIGKILL)"),
        (-15, True, "killed by signal 15 (SIGTERM)"),
        (-99, False, "killed by signal 99"),
    ],
)
def test_endings_in_words(status, memory, text):
    assert ending(status, out_of_memory=memory) == text
    assert ending(-9, out_of_memory=True).endswith("give it less at once or more memory")


def test_a_rise_of_a_counter_is_noticed_when_it_happens(tmp_path):
    one, other = tmp_path / "memory.events", tmp_path / "vmstat"
    one.write_text("low 0\noom 3\noom_kill 2\noom_group_kill 7\n")
    kills = OomKills((one, other))
    kills.look(10)
    assert not kills.rose_since(0)
    other.write_text("pgfault 99\noom_kill 1\n")
    kills.look(20)
    kills.look(30)
    assert kills.rose_since(15)
    assert kills.rose_since(20)
    assert not kills.rose_since(25)


@pytest.mark.parametrize(
    ("lines", "file"),
    [
        ("0::/user.slice/job\n", "sys/fs/cgroup/user.slice/job/memory.events"),
        ("0::/\n", "sys/fs/cgroup/memory.events"),
        ("4:cpu:/x\n7:memory:/docker/abc\n", "sys/fs/cgroup/memory/docker/abc/memory.oom_control"),
    ],
)
def test_counters_are_those_of_this_processs_own_group(tmp_path, lines, file):
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/cgroup").write_text(lines)
    assert counter_files(tmp_path) == (tmp_path / "proc/vmstat", tmp_path / file)


def test_a_system_without_counters_has_none(tmp_path):
    kills = OomKills(counter_files(tmp_path))
    kills.look(5)
    assert not kills.rose_since(0)


def test_a_handler_is_found_by_its_module_and_name():
    reference = Reference.to(process_handlers.double)
    assert (reference.module, reference.qualname) == (process_handlers.__name__, "double")
    assert reference.load() is process_handlers.double


def test_a_module_loaded_by_its_path_is_found_by_its_path(tmp_path, monkeypatch):
    file = tmp_path / "jobs-2024.py"
    file.write_text("class Jobs:\n    @staticmethod\n    def run(n): return n\n")
    monkeypatch.delitem(sys.modules, "jobs", raising=False)
    assert Reference("jobs", "Jobs.run", str(file)).load()(3) == 3
    monkeypatch.delitem(sys.modules, "jobs")


def test_an_import_inside_a_module_that_fails_is_not_taken_for_the_module(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "needs_more.py").write_text("import not_installed_anywhere\n")
    with pytest.raises(ModuleNotFoundError, match="not_installed_anywhere"):
        Reference("needs_more", "f", str(tmp_path / "needs_more.py")).load()


@pytest.mark.parametrize("handler", [lambda n: n, Path("x").joinpath, process_handlers.Wrapped(print)])
def test_what_has_no_name_of_its_own_has_no_reference(handler):
    with pytest.raises(ConfigError, match="cannot be imported by a child process"):
        Reference.to(handler)


def test_a_definition_comes_from_whatever_stands_at_the_reference():
    assert definition_of("named", Reference.to(process_handlers.double)).name == "named"
    decorated = definition_of("t", Reference.to(process_handlers.original))
    assert decorated.handler is process_handlers.original or decorated.name == "from the decorator"
    wrapped = Reference(process_handlers.__name__, "decorated", None)
    assert definition_of("t", wrapped).name == "from the decorator"
