"""An environment for every peer, made once and kept: `python -m bench.envs [PEER …]` makes them all, or those.

They lie in STOOK_BENCH_HOME (default: ~/.cache/stook-bench). Delete a peer's folder to have it made anew.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

__all__ = ["ENVS", "Env", "EnvError", "home", "install", "python_of", "versions_of"]

STAMP = "installed.txt"


class EnvError(Exception):
    """A peer that cannot be measured here; the message says what is missing."""


@dataclass(frozen=True, slots=True)
class Env:
    """`packages[0]` is the peer itself. `python`: the oldest it runs on, where that is newer than stook's own."""

    packages: tuple[str, ...]
    python: tuple[int, int] = (3, 11)


ENVS = {
    "pgqueuer": Env(("pgqueuer", "asyncpg", "uvloop")),
    # asyncpg only looks at what awa-pg recorded: it brings no driver of its own for that.
    "awa_pg": Env(("awa-pg", "asyncpg", "uvloop")),
    "oban": Env(("oban", "uvloop"), python=(3, 12)),
    "dbos": Env(("dbos",)),
    "procrastinate": Env(("procrastinate", "psycopg[binary]", "uvloop")),
    "huey": Env(("huey",)),
    "taskiq": Env(("taskiq", "taskiq-postgres[asyncpg]", "uvloop")),
}


def home() -> Path:
    return Path(os.environ.get("STOOK_BENCH_HOME") or Path.home() / ".cache" / "stook-bench")


def python_of(peer: str) -> Path:
    """The interpreter of its environment, which is made if it is not there or was made from other packages."""
    folder = home() / peer
    python = folder / "bin" / "python"
    wanted = "\n".join(ENVS[peer].packages)
    stamp = folder / STAMP
    if not (stamp.exists() and stamp.read_text() == wanted and python.exists()):
        install(peer)
        stamp.write_text(wanted)
    return python


def install(peer: str) -> None:
    env, folder = ENVS[peer], home() / peer
    print(f"installing {' '.join(env.packages)} into {folder}", file=sys.stderr)
    base = _interpreter(env.python)
    if base is None:
        wanted = ".".join(map(str, env.python))
        raise EnvError(f"{peer} needs Python {wanted} or newer; none was found on PATH or among pyenv's versions")
    folder.parent.mkdir(parents=True, exist_ok=True)
    _run(peer, [base, "-m", "venv", "--clear", str(folder)])
    _run(
        peer,
        [str(folder / "bin" / "python"), "-m", "pip", "install", "-q", "--disable-pip-version-check", *env.packages],
    )


@cache
def versions_of(peer: str) -> str:
    """What is installed, for the record: `oban 0.7.0 (uvloop 0.23.0, Python 3.12.1)`."""
    names = [package.partition("[")[0] for package in ENVS[peer].packages]
    code = f"import importlib.metadata as m, platform; print(*map(m.version, {names}), platform.python_version())"
    told = subprocess.run([str(python_of(peer)), "-c", code], check=True, capture_output=True, text=True).stdout.split()
    itself, *others = [f"{name} {version}" for name, version in zip([*names, "Python"], told, strict=True)]
    return f"{itself} ({', '.join(others)})"


def _interpreter(oldest: tuple[int, int]) -> str | None:
    """This one if it will do, else the oldest other that will: closest to what stook itself is measured on."""
    if sys.version_info[:2] >= oldest:
        return sys.executable
    named = [shutil.which(f"python3.{minor}") for minor in range(oldest[1], oldest[1] + 6)]
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    found = [str(path) for path in sorted(pyenv.glob("3.*/bin/python"))]
    return next((path for path in (*named, *found) if path is not None and _will_do(path, oldest)), None)


def _will_do(python: str, oldest: tuple[int, int]) -> bool:
    code = f"import sys, venv, ensurepip; sys.exit(sys.version_info[:2] < {oldest})"
    return subprocess.run([python, "-c", code], check=False, capture_output=True).returncode == 0


def _run(peer: str, command: list[str]) -> None:
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        raise EnvError(f"{peer} could not be installed: {(done.stderr or done.stdout).strip()[-400:]}")


if __name__ == "__main__":
    for name in sys.argv[1:] or ENVS:
        if name not in ENVS:
            sys.exit(f"no such peer: {name}; there are {', '.join(ENVS)}")
        try:
            python_of(name)
        except EnvError as error:
            sys.exit(str(error))
        print(versions_of(name))
