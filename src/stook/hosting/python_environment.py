"""The interpreter that runs a Python app, with what the app needs installed.

the host's own ──has it all?──▶ that one, and nothing is downloaded
│ no
one that was made before, for the same files ──▶ that one
│ no
uv, or pip in a new virtual environment ──▶ kept for all that ask for the same
"""

from __future__ import annotations

import asyncio
import hashlib
import importlib.util
import platform
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from stook.hosting.building import EnvironmentFailed, made_once
from stook.hosting.python_needs import read_python_needs
from stook.hosting.requirements_met import are_met, python_fits

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from stook.hosting.building import Building
    from stook.hosting.python_needs import PythonNeeds

__all__ = ["python_for"]

_NEWEST: Final = 20
"""Minor versions of Python 3 that are looked for."""
_OLDEST: Final = 9


async def python_for(
    root: Path, *, default: Sequence[str], building: Building, say: Callable[[str], None], unique: str
) -> Path:
    """`default` is what an app without files about it needs; `unique` names the archive. `EnvironmentFailed`."""
    needs = await asyncio.to_thread(read_python_needs, root, default)
    if python_fits(needs.python, platform.python_version()):
        if await asyncio.to_thread(are_met, needs.requirements, needs.locked) and not needs.local:
            say("everything it needs is installed here already")
            return Path(sys.executable)
        interpreter, version = sys.executable, platform.python_version()
    else:
        interpreter, version = await asyncio.to_thread(_other_python, str(needs.python))
    made_of = [needs.digest, version, platform.machine(), interpreter, unique if needs.local else ""]
    place = building.folder / "environments" / f"python-{hashlib.sha256('|'.join(made_of).encode()).hexdigest()[:32]}"

    async def make(place: Path) -> None:
        say(f"installing with Python {version}: {', '.join(needs.requirements) or 'nothing'}"[:2000])
        await _Making(root, place, needs, interpreter, building, say).make()

    await made_once(place, make, uid=building.uid)
    return place / "bin" / "python"


class _Making:
    def __init__(
        self,
        root: Path,
        place: Path,
        needs: PythonNeeds,
        interpreter: str,
        building: Building,
        say: Callable[[str], None],
    ) -> None:
        self._root = root
        self._place = place
        self._needs = needs
        self._interpreter = interpreter
        self._building = building
        self._say = say
        self._home = place / ".home" if building.uid is not None else None

    async def make(self) -> None:
        if self._home is not None:
            self._home.mkdir()
            shutil.chown(self._home, self._building.uid, self._building.uid)  # type: ignore[arg-type]
        uv = shutil.which("uv")
        if uv is None:
            await self._with_pip()
        elif self._needs.has_lock:
            await self._from_lock(uv)
        else:
            await self._with_uv(uv)
        if self._home is not None:
            shutil.rmtree(self._home, ignore_errors=True)

    async def _from_lock(self, uv: str) -> None:
        project = self._place / ".project"
        project.mkdir()
        for name in ("pyproject.toml", "uv.lock"):
            shutil.copyfile(self._root / name, project / name)
        await self._new_with_uv(uv)
        command = [uv, "sync", "--frozen", "--no-install-project", "--no-dev", "--no-progress"]
        where = ["--project", str(self._root if self._needs.local else project), "--python", self._interpreter]
        environment = {"UV_PROJECT_ENVIRONMENT": str(self._place), "UV_PYTHON_DOWNLOADS": "never"}
        await self._run([*command, *where, *self._wheels_uv()], environment)
        shutil.rmtree(project)

    async def _new_with_uv(self, uv: str) -> None:
        where = ["--python", self._interpreter, str(self._place)]
        await self._run([uv, "venv", "--quiet", "--allow-existing", "--no-project", *where])

    async def _with_uv(self, uv: str) -> None:
        await self._new_with_uv(uv)
        if self._needs.requirements or self._needs.file is not None:
            python = str(self._place / "bin" / "python")
            await self._run([uv, "pip", "install", "--python", python, *self._asked(), *self._wheels_uv()])

    async def _with_pip(self) -> None:
        own = self._interpreter == sys.executable and importlib.util.find_spec("pip") is not None
        await self._run([self._interpreter, "-m", "venv", *(["--without-pip"] if own else []), str(self._place)])
        if not self._needs.requirements and self._needs.file is None:
            return
        python = str(self._place / "bin" / "python")
        pip = [self._interpreter, "-m", "pip", "--python", python] if own else [python, "-m", "pip"]
        wheels = [] if self._building.wheels is None else ["--find-links", str(self._building.wheels)]
        index = ["--no-index"] if self._building.no_index else []
        command = [
            "--disable-pip-version-check",
            "--no-input",
            "install",
            "--no-warn-script-location",
            "--progress-bar=off",
        ]
        await self._run([*pip, *command, *wheels, *index, *self._asked()])

    def _asked(self) -> list[str]:
        if self._needs.file is not None:
            return ["-r", str(self._root / self._needs.file)]
        wanted = self._place / ".requirements.txt"
        wanted.write_text("".join(f"{one}\n" for one in self._needs.requirements))
        found = ["-r", str(wanted)]
        if self._needs.locked:
            fixed = self._place / ".constraints.txt"
            fixed.write_text("".join(f"{name}=={version}\n" for name, version in sorted(self._needs.locked.items())))
            found += ["-c", str(fixed)]
        return found

    def _wheels_uv(self) -> list[str]:
        wheels = [] if self._building.wheels is None else ["--find-links", str(self._building.wheels)]
        return [*wheels, *(["--no-index"] if self._building.no_index else [])]

    async def _run(self, argv: list[str], env: Mapping[str, str] | None = None) -> None:
        await self._building.run(argv, cwd=self._root, say=self._say, home=self._home, env=env)


def _other_python(asked: str) -> tuple[str, str]:
    """An interpreter on the path that fits, the newest."""
    for minor in range(_NEWEST, _OLDEST - 1, -1):
        found = shutil.which(f"python3.{minor}")
        version = None if found is None else _version_of(found)
        if found is not None and version is not None and python_fits(asked, version):
            return found, version
    raise EnvironmentFailed(
        f"it requires Python {asked}, and this host has none: its own is {platform.python_version()}",
        hint="install one on the host, as python3.N on its path",
    )


def _version_of(python: str) -> str | None:
    try:
        ran = subprocess.run(  # noqa: S603 -- an interpreter on the path
            [python, "-I", "-c", "import platform; print(platform.python_version())"],
            capture_output=True,
            timeout=20,
            check=True,
            env={},
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return ran.stdout.decode().strip()
