"""Where a trial's data lies: a SQLite file of its own, a PostgreSQL of its own, or the store that was given."""

from __future__ import annotations

import os
import signal
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple
from urllib.parse import urlsplit

from stook.store.sqlite.driver import path_of
from stook_dev.postgres import start_server

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from stook_dev.postgres import Server

__all__ = ["Database", "Outage", "given", "own_postgres", "own_sqlite"]

Outage = Literal["restart", "crash", "kill"]
_DEAD_SECONDS = 30.0


class Database(NamedTuple):
    kind: str
    """sqlite or postgres."""
    url: str
    server: Server | None = None
    """Ours to take down."""

    def take_down(self, outage: Outage) -> None:
        """A restart in order, one without a checkpoint, or SIGKILL to the postmaster; it is up again on return."""
        assert self.server is not None
        match outage:
            case "restart":
                self.server.restart()
            case "crash":
                self.server.restart(crash=True)
            case "kill":
                postmaster = int((self.server.folder / "data" / "postmaster.pid").read_text().split("\n", 1)[0])
                os.kill(postmaster, signal.SIGKILL)
                _resume(self.server)


def _resume(server: Server) -> None:
    """The dead server's children hold its shared memory until each has noticed; until then no new one starts."""
    until = time.monotonic() + _DEAD_SECONDS
    while True:
        try:
            server.resume()
        except RuntimeError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)
        else:
            return


@contextmanager
def own_sqlite() -> Iterator[Database]:
    with tempfile.TemporaryDirectory(prefix="stook-soak-") as folder:
        yield Database("sqlite", f"sqlite:///{Path(folder) / 'soak.db'}")


@contextmanager
def own_postgres(settings: Mapping[str, str] | None = None) -> Iterator[Database]:
    server = start_server(settings)
    try:
        yield Database("postgres", server.dsn, server)
    finally:
        server.stop()


def given(url: str) -> Database:
    """A relative path is looked for from here: the children stand elsewhere."""
    scheme = urlsplit(url).scheme if "://" in url else ""
    if scheme in ("", "sqlite"):
        return Database("sqlite", f"sqlite:///{Path(path_of(url)).absolute()}")
    return Database("postgres", url)
