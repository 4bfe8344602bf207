"""A server that hosts workflows, as a process; Vellum's own client and command line, as processes beside it."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from stook.hosting.building import Building
from stook.hosting.python_environment import python_for
from stook.hosting.vellum_environment import REQUIREMENTS

__all__ = ["SOURCES", "Receiver", "Vellum", "vellum_python"]

SOURCES = Path(__file__).parent.parent / "data" / "vellum"


def vellum_python(folder, empty):
    """The interpreter that hosts use for workflows: the client and the command line are in its environment too."""
    made = python_for(empty, default=REQUIREMENTS, building=Building(folder), say=lambda _: None, unique="")
    return asyncio.run(made)


class Vellum:
    def __init__(self, python, folder, url, key):
        self.python, self.folder, self.url = python, folder, url
        shutil.copytree(SOURCES, folder)
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("VELLUM_", "STOOK_"))}
        self.environment = kept | {"VELLUM_API_KEY": key, "VELLUM_API_URL": f"{url}/vellum", "HOME": str(folder)}

    def cli(self, *words):
        """The command line, in a folder of its own with the workflows of tests/data."""
        return self._run(str(self.python.parent / "vellum"), *words)

    def client(self, *words):
        done = self._run(str(self.python), str(Path(__file__).parent / "vellum_client.py"), *map(str, words))
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def _run(self, *command):
        return subprocess.run(
            command, cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=600, check=False
        )


class Receiver:
    """Of webhooks; what came is in `file`, a line of JSON each."""

    def __init__(self, file, secret):
        self.file, self.came = file, threading.Condition()
        self.count = 0
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"])).decode()
                headers = {name.lower(): value for name, value in self.headers.items()}
                line = {"url": receiver.url, "secret": secret, "headers": headers, "body": body}
                with receiver.came:
                    with file.open("a") as there:
                        there.write(json.dumps(line) + "\n")
                    receiver.count += 1
                    receiver.came.notify_all()
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/in"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def wait_for(self, count):
        with self.came:
            assert self.came.wait_for(lambda: self.count >= count, 120), f"{self.count} of {count} came"

    def close(self):
        self._server.shutdown()
        self._server.server_close()
