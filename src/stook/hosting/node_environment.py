"""Node, and an app's node_modules.

bundled in the archive ──▶ used as it is
│ no
one that was made before, for the same files ──▶ linked into the root
│ no
the installer that the lock file names, else npm
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from stook.hosting.building import EnvironmentFailed, made_once

if TYPE_CHECKING:
    from collections.abc import Callable

    from stook.hosting.building import Building

__all__ = ["NodeEnvironment", "node_for"]

_LOCKS: Final = {
    "bun.lock": ("bun", "install", "--frozen-lockfile"),
    "bun.lockb": ("bun", "install", "--frozen-lockfile"),
    "pnpm-lock.yaml": ("pnpm", "install", "--frozen-lockfile"),
    "yarn.lock": ("yarn", "install", "--frozen-lockfile"),
    "package-lock.json": ("npm", "ci", "--no-audit", "--no-fund"),
    "npm-shrinkwrap.json": ("npm", "ci", "--no-audit", "--no-fund"),
}
_NPM: Final = ("npm", "install", "--no-audit", "--no-fund")
_TYPED: Final = (".ts", ".tsx", ".mts", ".cts")
_SCRIPTS: Final = frozenset({"preinstall", "install", "postinstall", "prepare"})
_BESIDE: Final = re.compile(r"^(?:file:|link:|portal:|workspace:|\.{0,2}/)")
_LEAST: Final = 20
TSX: Final = "4.23.15"


class NodeEnvironment(msgspec.Struct, frozen=True):
    """`loader`: the file that lets Node read TypeScript; None for an app that is none."""

    node: str
    loader: Path | None


async def node_for(
    root: Path, entrypoint: str, *, building: Building, say: Callable[[str], None], unique: str
) -> NodeEnvironment:
    """Afterwards `root` has its node_modules. Twice is once. `EnvironmentFailed`."""
    node = await asyncio.to_thread(_node)
    if (root / "package.json").is_file() and not (root / "node_modules").exists():
        await _Modules(root, building, say).make(unique)
    loader = await _tsx(building, say) if entrypoint.endswith(_TYPED) else None
    return NodeEnvironment(node, loader)


class _Modules:
    def __init__(self, root: Path, building: Building, say: Callable[[str], None]) -> None:
        self._root = root
        self._building = building
        self._say = say
        self._package = _read_package(root / "package.json")
        self._files = [name for name in ("package.json", *_LOCKS, ".npmrc", ".yarnrc.yml") if (root / name).is_file()]

    async def make(self, unique: str) -> None:
        if self._stands_alone():
            digest = hashlib.sha256()
            for name in self._files:
                digest.update(name.encode() + b"\0" + (self._root / name).read_bytes() + b"\0")
            name = f"node-{digest.hexdigest()[:32]}"
        else:
            name = f"node-{unique[:32]}"
        place = self._building.folder / "environments" / name
        await made_once(place, self._install, uid=self._building.uid)
        (self._root / "node_modules").symlink_to(place / "node_modules")

    def _stands_alone(self) -> bool:
        """The files about dependencies say it all: nothing of the app itself is part of them."""
        scripts = self._package.get("scripts", {})
        asked = [
            version
            for kind in ("dependencies", "devDependencies", "optionalDependencies")
            for version in _object(self._package.get(kind)).values()
        ]
        return not (
            "workspaces" in self._package
            or _SCRIPTS & set(_object(scripts))
            or any(isinstance(one, str) and _BESIDE.match(one) for one in asked)
        )

    async def _install(self, place: Path) -> None:
        if self._stands_alone():
            for name in self._files:
                shutil.copyfile(self._root / name, place / name)
        else:
            shutil.copytree(self._root, place, symlinks=True, dirs_exist_ok=True)
        _give(place, self._building.uid)
        command = next((_LOCKS[name] for name in _LOCKS if name in self._files), _NPM)
        tool = shutil.which(command[0])
        if tool is None and command[0] != "npm":
            self._say(f"{command[0]} is not installed here: npm takes its place, without the lock file")
            command, tool = _NPM, shutil.which("npm")
        if tool is None:
            raise EnvironmentFailed("npm is not installed on this host", hint="install it, or deploy node_modules too")
        self._say(f"installing with {command[0]}")
        home = place / ".home" if self._building.uid is not None else None
        if home is not None:
            home.mkdir()
            _give(home, self._building.uid)
        await self._building.run([tool, *command[1:]], cwd=place, say=self._say, home=home)
        if home is not None:
            shutil.rmtree(home, ignore_errors=True)
        (place / "node_modules").mkdir(exist_ok=True)  # there may be nothing to install


async def _tsx(building: Building, say: Callable[[str], None]) -> Path:
    place = building.folder / "tools" / f"tsx-{TSX}"

    async def make(place: Path) -> None:
        npm = shutil.which("npm")
        if npm is None:
            raise EnvironmentFailed("npm is not installed on this host, which TypeScript needs", hint="install it")
        say(f"installing tsx {TSX} for TypeScript, once for this host")
        (place / "package.json").write_text(json.dumps({"private": True, "dependencies": {"tsx": TSX}}))
        _give(place, building.uid)
        home = place / ".home" if building.uid is not None else None
        if home is not None:
            home.mkdir()
            _give(home, building.uid)
        await building.run([npm, *_NPM[1:]], cwd=place, say=say, home=home)

    await made_once(place, make, uid=building.uid)
    return place / "node_modules" / "tsx" / "dist" / "loader.mjs"


def _node() -> str:
    found = shutil.which("node")
    if found is None:
        raise EnvironmentFailed("node is not installed on this host", hint=f"install Node {_LEAST} or later")
    try:
        ran = subprocess.run([found, "--version"], capture_output=True, timeout=20, check=True, env={})  # noqa: S603 -- node
        major = int(ran.stdout.decode().strip().lstrip("v").split(".")[0])
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        raise EnvironmentFailed(f"node on this host does not say its version: {error}") from None
    if major < _LEAST:
        raise EnvironmentFailed(f"node on this host is version {major}", hint=f"install Node {_LEAST} or later")
    return found


def _read_package(file: Path) -> dict[str, Any]:
    try:
        found = json.loads(file.read_bytes())
    except (ValueError, RecursionError) as error:
        raise EnvironmentFailed(f"package.json is no JSON: {error}") from None
    if not isinstance(found, dict):
        raise EnvironmentFailed("package.json is no object")
    return found


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _give(place: Path, uid: int | None) -> None:
    if uid is None:
        return
    for folder, folders, files in os.walk(place):
        for name in (".", *folders, *files):
            os.chown(os.path.join(folder, name), uid, uid, follow_symlinks=False)  # noqa: PTH118
