"""A line between a worker and its server that can be cut at will."""

from __future__ import annotations

import contextlib
import socket
import threading
from urllib.parse import urlsplit

__all__ = ["LossyLine", "lossy_line"]


class LossyLine:
    """Passes requests on, and answers back while `swallow` says no: `swallow(request)` → the answer is lost, though
    the server has done it, and the connection breaks. `is_down`: nobody answers at all."""

    def __init__(self, url):
        parts = urlsplit(url)
        self._target = (parts.hostname, parts.port)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        self.swallow = lambda request: False
        self.is_down = False
        self.swallowed = []
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self):
        self._listening.close()

    def _serve(self):
        while True:
            try:
                near, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._pass, args=(near,), daemon=True).start()

    def _pass(self, near):
        with near, contextlib.suppress(OSError):
            while not self.is_down:
                request = _message(near)
                if request is None or self.is_down:
                    return
                with socket.create_connection(self._target) as far:
                    far.sendall(request)
                    answer = _message(far)
                if self.swallow(request):
                    self.swallowed.append(request)
                    return
                near.sendall(answer)


def _message(sock):
    """One request or answer whose body has a length."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = sock.recv(65536)
        if not more:
            return None
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    lengths = [line.split(b":")[1] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    length = int(lengths[0]) if lengths else 0
    while len(body) < length:
        body += sock.recv(65536)
    return head + b"\r\n\r\n" + body


@contextlib.contextmanager
def lossy_line(url):
    line = LossyLine(url)
    try:
        yield line
    finally:
        line.close()
