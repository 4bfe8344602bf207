"""A receiver of webhooks: what came is in a file, a line of JSON each."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["WorkflowReceiver"]


class WorkflowReceiver:
    def __init__(self, file: Path, secret: str) -> None:
        self.file = file
        self._ids: set[str] = set()
        self._came = threading.Condition()
        receiver = self
        file.touch()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"])).decode()
                headers = {name.lower(): value for name, value in self.headers.items()}
                line = {"url": receiver.url, "secret": secret, "headers": headers, "body": body}
                receiver.take(headers["webhook-id"], json.dumps(line))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/in?of=soak"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def take(self, event_id: str, line: str) -> None:
        with self._came:
            with self.file.open("a") as there:
                there.write(line + "\n")
            self._ids.add(event_id)
            self._came.notify_all()

    def wait_for(self, count: int, seconds: float) -> int:
        """How many events have come, each counted once; it waits until these are `count`, or so many seconds."""
        with self._came:
            self._came.wait_for(lambda: len(self._ids) >= count, seconds)
            return len(self._ids)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
