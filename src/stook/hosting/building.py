"""What it takes to make an environment: a folder that is whole or not there, programs whose words are logged."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from stook.core.errors import StookError
from stook.hosting.finishing import to_its_end
from stook.hosting.launch import ProcessLimits, launch
from stook.hosting.replica import how_it_ended

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence

    from stook.hosting.output import Stream

__all__ = ["READY", "Building", "EnvironmentFailed", "install_env", "made_once"]

READY: Final = ".ready"
_LOOK: Final = 0.1
_GRACE: Final = 2.0
_TRIES: Final = 3
"""To make a folder whose installers somebody kills."""
_PASSED: Final = ("PIP_", "UV_", "NPM_CONFIG_", "npm_config_", "YARN_", "PNPM_", "BUN_")
_PASSED_WHOLE: Final = frozenset(
    {
        *("PATH", "LANG", "LC_ALL", "TZ", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY"),
        *("http_proxy", "https_proxy", "no_proxy", "all_proxy", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE"),
        *("CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "XDG_CONFIG_HOME", "XDG_DATA_DIRS", "XDG_CONFIG_DIRS"),
    }
)
_OWN_PATH: Final = "/usr/local/bin:/usr/bin:/bin"


class EnvironmentFailed(StookError):
    """What a deployment needs could not be installed; its log has what the installer said. `struck`: the installer was
    killed by somebody else."""

    code = "environment_failed"
    struck = False


class Building(msgspec.Struct, frozen=True):
    """How environments are made here. `wheels` is a folder of wheels to look into; `no_index`: there and nowhere else.
    `seconds` one installer may take; `uid` it runs as, None: as the host."""

    folder: Path
    wheels: Path | None = None
    no_index: bool = False
    seconds: float = 600.0
    uid: int | None = None

    async def run(
        self,
        argv: Sequence[str],
        *,
        cwd: Path,
        say: Callable[[str], None],
        home: Path | None = None,
        env: Mapping[str, str] | None = None,
    ) -> None:
        """`EnvironmentFailed` unless it ends well in time. `home`: it sees this folder as its home. `env`: variables
        beside those that installers may know."""
        said = _Said(say)
        program = os.path.basename(argv[0])  # noqa: PTH119 -- a name, not a place
        try:
            known = install_env(home) | dict(env or {})
            launched = await launch(argv, cwd=cwd, env=known, limits=ProcessLimits(uid=self.uid))
        except OSError as error:
            raise EnvironmentFailed(f"{program} cannot be started: {error}") from None
        launched.output.turn_to(said)
        try:
            ended, _ = await asyncio.wait({launched.exit}, timeout=self.seconds)
        finally:
            exit_ = await to_its_end(launched.end(_GRACE))
        if not ended:
            raise EnvironmentFailed(f"{program} was stopped: it took longer than {self.seconds:g} s")
        if exit_.status != 0:
            failed = EnvironmentFailed(f"{program} {how_it_ended(exit_, ProcessLimits())}{said.last_words()}")
            failed.struck = exit_.struck
            raise failed


class _Said:
    most = 8192

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._errors: list[str] = []

    def take(self, stream: Stream, lines: Sequence[bytes]) -> None:
        for line in lines:
            text = line.decode(errors="replace").rstrip("\r").rpartition("\r")[2]
            if text.strip():
                self._say(text)
                if stream == "stderr" and "error" in text.lower() and len(self._errors) < 2:  # noqa: PLR2004 -- two say enough
                    self._errors.append(text.strip()[:500])

    def last_words(self) -> str:
        return "".join(f": {text}" for text in self._errors)


def install_env(home: Path | None) -> dict[str, str]:
    """What an installer may know of this process's environment: where packages come from, and nothing else."""
    found = {name: value for name, value in os.environ.items() if name in _PASSED_WHOLE or name.startswith(_PASSED)}
    found.setdefault("PATH", _OWN_PATH)
    where = str(home) if home is not None else os.environ.get("HOME")
    return found if where is None else {**found, "HOME": where}


async def made_once(place: Path, make: Callable[[Path], Awaitable[None]], *, uid: int | None = None) -> None:
    """`place` is a folder that `make` has filled, now or before, here or in another process: it is asked with
    the folder at its place, because environments know where they are, and what it leaves unfinished is never used.

    With `uid` the folder is that user's while it is made, and the host's afterwards: others can read it.
    """
    place.parent.mkdir(parents=True, exist_ok=True)
    async with _locked(place.with_name(place.name + ".lock")):
        ready = place / READY
        if ready.exists():
            os.utime(ready)
            return
        for left in reversed(range(_TRIES)):
            try:
                await _make_anew(place, make, uid)
                break
            except EnvironmentFailed as error:
                if not (error.struck and left):
                    raise
        ready.touch()


async def _make_anew(place: Path, make: Callable[[Path], Awaitable[None]], uid: int | None) -> None:
    await asyncio.to_thread(shutil.rmtree, place, ignore_errors=True)
    await asyncio.to_thread(place.mkdir, mode=0o755)
    if uid is not None:
        os.chown(place, uid, uid)
    try:
        await make(place)
        if uid is not None:
            await asyncio.to_thread(_take_over, place)
    except BaseException:
        await asyncio.to_thread(shutil.rmtree, place, ignore_errors=True)
        raise


@contextlib.asynccontextmanager
async def _locked(file: Path) -> AsyncIterator[None]:
    fd = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        while True:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                await asyncio.sleep(_LOOK)
        yield
    finally:
        os.close(fd)


def _take_over(place: Path) -> None:
    """Links are not followed."""
    for folder, folders, files in os.walk(place):
        os.chown(folder, 0, 0, follow_symlinks=False)
        os.chmod(folder, 0o755)  # noqa: S103, PTH101 -- read by every deployment that shares it
        for name in (*folders, *files):
            path = os.path.join(folder, name)  # noqa: PTH118 -- by the thousand
            os.chown(path, 0, 0, follow_symlinks=False)
            if not os.path.islink(path):  # noqa: PTH114
                mode = os.stat(path).st_mode & 0o777  # noqa: PTH116
                os.chmod(path, mode | 0o444 | (0o111 if mode & 0o100 else 0))  # noqa: PTH101
