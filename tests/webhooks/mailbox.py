"""A receiver of webhooks in threads of its own, for senders in other processes."""

from __future__ import annotations

import contextlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

__all__ = ["Mailbox", "mailbox"]


class Mailbox:
    """`letters` are (headers in lower case, body), as they arrive; each is answered once the gate is open."""

    def __init__(self, port):
        self.url = f"http://127.0.0.1:{port}/in"
        self.letters = []
        self.gate = threading.Event()
        self.gate.set()


@contextlib.contextmanager
def mailbox():
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            made.letters.append(({name.lower(): value for name, value in self.headers.items()}, body))
            made.gate.wait()
            with contextlib.suppress(OSError):  # who asked may be dead
                self.send_response(204)
                self.end_headers()
                self.wfile.flush()

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    made = Mailbox(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield made
    finally:
        made.gate.set()
        server.shutdown()
        thread.join()
        server.server_close()
