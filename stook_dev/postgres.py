"""Throw-away PostgreSQL servers, for tests, benchmarks and soak.

start_server ──▶ folder/data, a TCP port on loopback, a socket in folder
     │                users.lock (shared) ◀── this process, and whoever joins by share_server
     └─▶ guard ── waits until the last of them is gone, killed or not, then ends the server and deletes the folder
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import socket
import subprocess
import sys
import tempfile
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, TextIO

from stook_dev import postgres_binaries, postgres_guard

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["NOT_DURABLE", "Server", "share_server", "start_server"]

NOT_DURABLE: Final = {"fsync": "off", "full_page_writes": "off"}
"""Settings for tests: a commit survives the server's crash, not the machine's."""

_PREFIX = "stook-pg-"
_USER = "stook"
_PORTS_TRIED = 5
_LONGEST_SOCKET_FOLDER = 80


@dataclass
class Server:
    """A running server. `dsn` goes over TCP, `socket_dsn` over the Unix socket; both are a superuser's."""

    folder: Path
    dsn: str
    socket_dsn: str
    binaries: Path
    _users: TextIO = field(repr=False)
    _shared: bool = False

    def stop(self) -> None:
        """Let go of it. If it is this process's own, wait until server and folder are gone. Twice is once."""
        with suppress(FileNotFoundError), (self.folder / "guard.lock").open() as guard:
            self._users.close()
            if not self._shared:
                fcntl.flock(guard, fcntl.LOCK_SH)
        self._users.close()

    def restart(self, *, crash: bool = False) -> None:
        """Stop and start it on the same port and data; connections are lost. `crash`: without a checkpoint, so that
        it recovers from its log as after a power cut. Returns when it accepts connections again."""
        self.halt(crash=crash)
        self.resume()

    def halt(self, *, crash: bool = False) -> None:
        """Stop it and keep its data, until `resume`."""
        _ctl(self.binaries, self.folder, "-m", "immediate" if crash else "fast", "stop")

    def resume(self) -> None:
        _ctl(self.binaries, self.folder, "start")

    def log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")


def start_server(
    settings: Mapping[str, str] | None = None,
    *,
    origin: postgres_binaries.Origin = "any",
    parent: Path | None = None,
) -> Server:
    """Start a server of one's own with `settings` (lines of postgresql.conf), ready for connections.

    Its data lies in a new folder below `parent` (default: the temporary folder). It ends with `stop()` or with this
    process. RuntimeError with the server's own words if it does not start; LookupError if there is none.
    """
    place = parent if parent is not None else Path(tempfile.gettempdir())
    _sweep(place)
    binaries = postgres_binaries.find(origin)
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=place))
    users = (folder / "users.lock").open("w")
    try:
        fcntl.flock(users, fcntl.LOCK_SH)
        subprocess.run([sys.executable, "-I", "-S", postgres_guard.__file__, folder], check=True)
        who = postgres_binaries.account()
        if who is not None:
            os.chown(folder, *who)
        binaries = postgres_binaries.reachable(binaries, who, folder)
        password = secrets.token_hex(16)
        _create(binaries, folder, password)
        port = _start(binaries, folder, settings or {})
    except BaseException:
        users.close()  # the guard clears up
        raise
    return Server(
        folder=folder,
        dsn=f"postgresql://{_USER}:{password}@127.0.0.1:{port}/postgres",
        socket_dsn=f"postgresql://{_USER}:{password}@/postgres?host={_socket_folder(folder)}&port={port}",
        binaries=binaries,
        _users=users,
    )


@contextmanager
def share_server(
    register: Path, settings: Mapping[str, str] | None = None, *, origin: postgres_binaries.Origin = "any"
) -> Iterator[Server]:
    """One server for all processes that name the same `register` (a file): the first starts it, the last ends it."""
    with register.with_suffix(".lock").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        server = _join(register)
        if server is None:
            server = replace(start_server(settings, origin=origin), _shared=True)
            fields = {"folder": server.folder, "binaries": server.binaries}
            texts = {"dsn": server.dsn, "socket_dsn": server.socket_dsn}
            register.write_text(json.dumps({name: str(path) for name, path in fields.items()} | texts))
    try:
        yield server
    finally:
        server.stop()


def _join(register: Path) -> Server | None:
    try:
        known = json.loads(register.read_text())
        folder = Path(known["folder"])
        users = (folder / "users.lock").open("r+")
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(users, fcntl.LOCK_SH | fcntl.LOCK_NB)
        present = (folder / "data" / "postmaster.pid").exists()
    except BlockingIOError:
        present = False  # its guard is ending it
    if not present:
        users.close()
        return None
    return Server(folder, known["dsn"], known["socket_dsn"], Path(known["binaries"]), users, _shared=True)


def _sweep(place: Path) -> None:
    """Clear up after a guard that was itself killed."""
    for folder in place.glob(_PREFIX + "*"):
        with suppress(OSError), (folder / "users.lock").open() as users, (folder / "guard.lock").open() as guard:
            fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            fcntl.flock(guard, fcntl.LOCK_EX | fcntl.LOCK_NB)
            postgres_guard.remove(folder)


def _create(binaries: Path, folder: Path, password: str) -> None:
    secret = folder / "password"
    secret.write_text(password)
    who = postgres_binaries.account()
    if who is not None:
        os.chown(secret, *who)
    options = ["--auth=scram-sha-256", f"--pwfile={secret}", f"--username={_USER}", "--encoding=UTF8", "--locale=C"]
    _run([binaries / "initdb", "--no-sync", f"--pgdata={folder / 'data'}", *options], folder)


def _start(binaries: Path, folder: Path, settings: Mapping[str, str]) -> int:
    config = folder / "data" / "postgresql.conf"
    base = config.read_text()
    for attempt in range(_PORTS_TRIED):
        port = _free_port()
        wanted = {
            "listen_addresses": "127.0.0.1",
            "port": str(port),
            "unix_socket_directories": str(_socket_folder(folder)),
            "max_connections": "200",
            **settings,
        }
        config.write_text(base + "".join(f"{name} = '{value}'\n" for name, value in wanted.items()))
        try:
            _ctl(binaries, folder, "start")
        except RuntimeError as error:
            # Between finding the port free and using it somebody else may have taken it.
            if "Address already in use" not in str(error) or attempt == _PORTS_TRIED - 1:
                raise
        else:
            return port
    raise AssertionError


def _socket_folder(folder: Path) -> Path:
    """The kernel allows about a hundred bytes for the path of a socket."""
    return folder if len(str(folder)) <= _LONGEST_SOCKET_FOLDER else Path("/tmp")  # noqa: S108 - the port in its name is ours


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _ctl(binaries: Path, folder: Path, *arguments: str) -> None:
    _run([binaries / "pg_ctl", "-w", "-t", "60", "-D", folder / "data", "-l", folder / "log", *arguments], folder)


def _run(command: list[str | Path], folder: Path) -> None:
    # Variables like PGDATA and PGPORT, meant for another server, must not reach this one.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    environment |= {"LC_ALL": "C", "HOME": str(folder)}
    who = postgres_binaries.account()
    as_whom = {} if who is None else who.popen()
    with tempfile.TemporaryFile("w+") as said:
        # A file, not a pipe: the server would inherit the pipe and hold it open.
        code = subprocess.run(
            command,
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            cwd=folder,
            env=environment,
            **as_whom,
        ).returncode
        if code == 0:
            return
        said.seek(0)
        words = said.read()
    with suppress(OSError):
        words += "".join((folder / "log").read_text(errors="replace").splitlines(keepends=True)[-20:])
    raise RuntimeError(f"{Path(command[0]).name} failed with exit code {code}:\n{words}")
