"""The server is killed with SIGKILL in the middle of things, and another one takes its place."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import stook
from stook.client import pieces

SECRET = "stk_first_" + "7" * 40
PROGRAM = Path(__file__).with_name("server_process.py")
ROOT = Path(__file__).parents[2]


class Killable:
    def __init__(self, store):
        self.store = store
        self.port = 0
        self.kills = 0
        self._process = None

    def start(self, *doom):
        command = [sys.executable, str(PROGRAM), str(self.store), str(self.port), SECRET, *doom]
        environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment)
        self.port = int(self._process.stdout.readline())
        return self

    def kill(self):
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        self._process.stdout.close()
        self.kills += 1

    def restart(self):
        """Somebody brings it up again while the client tries on."""
        self.kill()
        threading.Thread(target=self.start).start()

    def start_when_dead(self):
        assert self._process.wait() == -signal.SIGKILL
        self._process.stdout.close()
        self.kills += 1
        self.start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"


@pytest.fixture
def killable(tmp_path):
    made = Killable(tmp_path / "stook.db").start()
    yield made
    made.kill()


def test_a_streamed_submission_and_its_follower_survive_the_server(killable, monkeypatch):
    monkeypatch.setattr(pieces, "BYTES", 100_000)
    count = 30_000

    def rows():
        for number in range(count):
            if number in (7_000, 19_000):
                killable.restart()
            yield {"id": number, "text": "x" * 40}

    with stook.Client(killable.url, key=SECRET) as client:
        batch = client.map("count", rows(), key="id")
        assert killable.kills == 2
        assert batch.show().counters.total == count
        seen = []
        for one in batch.as_completed():
            seen.append(one.value)
            if len(seen) == 12_000:
                killable.restart()
        assert sorted(seen) == list(range(count))
        assert [one.key for one in batch.results()] == [str(number) for number in range(count)]
        assert batch.show().state.value == "succeeded"
        assert len(list(client.batches())) == 1
    assert killable.kills == 3


def test_a_file_survives_the_server(killable, tmp_path):
    """Killed while the file is on its way: it is sent again, each item is there once."""
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b"".join(b'{"id":%d,"text":"%s"}\n' % (number, b"x" * 80) for number in range(150_000)))

    def kill_half_way():
        with stook.Client(killable.url, key=SECRET) as watcher:
            while not any(view.counters.total > 10_000 for view in watcher.batches()):
                pass
        killable.restart()

    killer = threading.Thread(target=kill_half_way)
    killer.start()
    with stook.Client(killable.url, key=SECRET) as client:
        batch = client.map("count", path, key="id")
        killer.join()
        assert batch.show().counters.total == 150_000
        assert batch.show().sealed_at is not None
        assert len(list(client.batches())) == 1


@pytest.mark.parametrize(("verb", "when"), [("submit_ticketed", "after"), ("finish_request", "before")])
def test_a_submission_whose_server_died_before_it_answered_is_one_execution(killable, verb, when):
    """The client has had no answer, and asks again: the same execution, which runs once."""
    killable.kill()
    killable.start(verb, when)
    reviving = threading.Thread(target=killable.start_when_dead)
    reviving.start()
    with stook.Client(killable.url, key=SECRET) as client:
        execution = client.submit("count", {"id": 7})
        assert execution.result() == 7
        reviving.join()
    assert killable.kills == 2
    with sqlite3.connect(killable.store) as tables:
        assert tables.execute("select count(*), sum(total) from batch").fetchall() == [(1, 1)]
    assert killable.store.with_name("runs.txt").read_text() == "7\n"
