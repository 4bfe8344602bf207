"""A line that can be cut: a TCP proxy in front of a server."""

from __future__ import annotations

import contextlib
import socket
import threading

__all__ = ["Proxy"]


class Proxy:
    """`cut_after(n, …)`: the next connections are cut once so many bytes came back from the server, one number each;
    `cut_sent_after`: once so many went there. `cuts` and `connections` count them."""

    def __init__(self, target):
        self.target = target
        self.connections = 0
        self.cuts = 0
        self._orders = []
        self._lock = threading.Lock()
        self._pairs = set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def cut_after(self, *sizes):
        self._orders += [("back", size) for size in sizes]

    def cut_sent_after(self, *sizes):
        self._orders += [("there", size) for size in sizes]

    def cut_all(self):
        with self._lock:
            pairs = list(self._pairs)
        for pair in pairs:
            self._cut(pair)

    def close(self):
        self._listener.close()
        self.cut_all()

    def _accept(self):
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            try:
                far = socket.create_connection(self.target)
            except OSError:
                near.close()
                continue
            self.connections += 1
            order = self._orders.pop(0) if self._orders else None
            pair = (near, far)
            with self._lock:
                self._pairs.add(pair)
            there = order[1] if order and order[0] == "there" else None
            back = order[1] if order and order[0] == "back" else None
            threading.Thread(target=self._pump, args=(near, far, there, pair), daemon=True).start()
            threading.Thread(target=self._pump, args=(far, near, back, pair), daemon=True).start()

    def _pump(self, source, sink, most, pair):
        passed = 0
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if most is not None and passed + len(data) > most:
                    sink.sendall(data[: most - passed])
                    self.cuts += 1
                    break
                passed += len(data)
                sink.sendall(data)
        self._cut(pair)

    def _cut(self, pair):
        with self._lock:
            self._pairs.discard(pair)
        for one in pair:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            with contextlib.suppress(OSError):
                one.close()
