"""Servers and workers as processes of their own, whose words go to files."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys

import httpx

from tests.cli.conftest import until
from tests.cli.warm import warm

__all__ = ["Program", "Programs", "ended", "programs"]


class Program:
    def __init__(self, process, folder, name):
        self.process, self.folder, self.name = process, folder, name
        self.ready = None

    @property
    def pid(self):
        return self.process.pid

    @property
    def url(self):
        return self.ready["url"]

    @property
    def port(self):
        return self.url.rpartition(":")[2]

    @property
    def out(self):
        return (self.folder / f"{self.name}.out").read_text()

    @property
    def words(self):
        return (self.folder / f"{self.name}.err").read_text()

    def says(self, text):
        """Waits until it has."""
        until(lambda: text in self.words or self.process.poll() is not None, f"{text!r} of {self.name}")
        assert text in self.words, self.words

    def tell(self, sign=signal.SIGTERM):
        self.process.send_signal(sign)

    def ended(self, sign=None):
        """Its exit code."""
        if sign is not None:
            self.tell(sign)
        return self.process.wait(100)


class Programs:
    def __init__(self, cli):
        self.cli = cli
        self.started = []

    def start(self, *words, program=("stook",), **environment):
        """`program`: a module, and its own words."""
        name = f"{words[0]}-{len(self.started)}"
        folder, environment = self.cli.folder, self.cli.environment | environment
        with (folder / f"{name}.out").open("w") as out, (folder / f"{name}.err").open("w") as err:
            if program == ("stook",):
                process = warm().start([*map(str, words)], folder, environment, out, err, session=True)
            else:
                process = subprocess.Popen(
                    [sys.executable, "-m", *map(str, (*program, *words))],
                    cwd=folder,
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=err,
                    start_new_session=True,
                )
        made = Program(process, folder, name)
        self.started.append(made)
        return made

    def server(self, *words, port=0, **how):
        """One that answers."""
        file = self.cli.folder / f"ready-{len(self.started)}.json"
        made = self.start(*words, "--port", port, "--ready-file", file, **how)
        until(lambda: file.exists() or made.process.poll() is not None, f"the ready file of {made.name}")
        assert file.exists(), made.words
        made.ready = json.loads(file.read_text())
        return made

    def worker(self, *words, **environment):
        """One that works."""
        made = self.start("worker", *words, **environment)
        made.says("working on")
        return made

    @contextlib.contextmanager
    def client(self, server, key):
        with httpx.Client(base_url=server.url, headers={"authorization": f"Bearer {key}"}, timeout=60) as made:
            yield made

    def end(self):
        for one in self.started:
            if one.process.poll() is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(one.pid, signal.SIGKILL)
            one.process.wait()


@contextlib.contextmanager
def programs(cli):
    made = Programs(cli)
    try:
        yield made
    finally:
        made.end()


def ended(batch):
    return batch["finished_at"] is not None
