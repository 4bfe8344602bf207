"""`/metrics` of a process that serves nothing else: a thread that answers scrapes, and is no concern of the loop's."""

from __future__ import annotations

import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self

from stook.core.errors import ConfigError
from stook.telemetry.exposition import MEDIA_TYPE

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

__all__ = ["MetricsPort"]

SILENCE = 10.0
"""Seconds after which a caller that says nothing is left."""


class MetricsPort:
    """Answers on `host` and `port` (0: any that is free) while the context is open. `ConfigError` where the address
    cannot be had."""

    def __init__(self, text: Callable[[], bytes], *, host: str = "127.0.0.1", port: int = 0) -> None:
        class Answer(BaseHTTPRequestHandler):
            timeout = SILENCE

            def do_GET(self) -> None:
                found = self.path.partition("?")[0] == "/metrics"
                body = text() if found else b"there is /metrics\n"
                self.send_response(HTTPStatus.OK if found else HTTPStatus.NOT_FOUND)
                self.send_header("content-type", MEDIA_TYPE if found else "text/plain")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name
                """Scrapes are no news."""

        try:
            self._server = ThreadingHTTPServer((host, port), Answer)
        except (OSError, OverflowError) as error:
            raise ConfigError(
                f"cannot listen on {host}:{port}: {getattr(error, 'strerror', None) or error}",
                hint="choose another --metrics-port, or 0",
            ) from None
        self._server.daemon_threads = True
        self.url = f"http://{host}:{self._server.server_address[1]}/metrics"
        self._thread = threading.Thread(target=self._server.serve_forever, name="stook metrics", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
