"""What a Python app asks for, read from the files in its root."""

from __future__ import annotations

import hashlib
import re
import tomllib
from typing import TYPE_CHECKING, Any, Final

import msgspec

from stook.hosting.building import EnvironmentFailed

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["PythonNeeds", "read_python_needs"]

_INCLUDED: Final = re.compile(r"^\s*(?:-r|--requirement|-c|--constraint)[\s=]+(\S+)")
_LOCAL: Final = re.compile(r"^\s*(?:-e\b|--editable\b|\.{1,2}(?:/|$)|/|.*@?\s*file:)")
_MOST_FILES: Final = 50


class PythonNeeds(msgspec.Struct, frozen=True):
    """`requirements` as for pip, `file` where a requirements.txt says them itself. `locked` are the versions of uv.lock
    by name, where there is one of a name. `local`: some lie in the archive, so nobody else can share them. `digest` of
    all the files."""

    requirements: tuple[str, ...]
    digest: str
    file: str | None = None
    python: str | None = None
    locked: dict[str, str] = {}
    has_lock: bool = False
    local: bool = False


def read_python_needs(root: Path, default: Sequence[str]) -> PythonNeeds:
    """`default`: what an app needs that says nothing. `EnvironmentFailed` for a file that cannot be read."""
    digest = hashlib.sha256()
    project = _toml(root / "pyproject.toml", digest)
    asked = project.get("project", {})
    python = _text(asked.get("requires-python"))
    if "dependencies" in asked:
        requirements = asked["dependencies"]
        if not isinstance(requirements, list) or not all(isinstance(one, str) for one in requirements):
            raise EnvironmentFailed("pyproject.toml: project.dependencies is no list of texts")
        lock = _toml(root / "uv.lock", digest)
        local = any(_LOCAL.match(one) for one in requirements)
        return PythonNeeds(
            tuple(requirements),
            digest.hexdigest(),
            python=python,
            locked=_locked(lock),
            has_lock=bool(lock),
            local=local or _names_folders(project),
        )
    if (root / "requirements.txt").is_file():
        lines = _lines(root, "requirements.txt", digest, set())
        plain = tuple(line for line in lines if line and not line.startswith("-"))
        local = any(_LOCAL.match(line) for line in lines)
        return PythonNeeds(plain, digest.hexdigest(), file="requirements.txt", python=python, local=local)
    digest.update("\n".join(default).encode())
    return PythonNeeds(tuple(default), digest.hexdigest(), python=python)


def _toml(file: Path, digest: Any) -> dict[str, Any]:
    try:
        raw = file.read_bytes()
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise EnvironmentFailed(f"{file.name} cannot be read: {error.strerror}") from None
    digest.update(file.name.encode() + b"\0" + raw + b"\0")
    try:
        return tomllib.loads(raw.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise EnvironmentFailed(f"{file.name} is no TOML: {error}") from None


def _lines(root: Path, name: str, digest: Any, seen: set[str]) -> list[str]:
    """Of a requirements file and those that it includes."""
    if name in seen or len(seen) >= _MOST_FILES:
        return []
    seen.add(name)
    try:
        raw = (root / name).resolve().read_bytes() if (root / name).resolve().is_relative_to(root.resolve()) else None
    except OSError as error:
        raise EnvironmentFailed(f"{name} cannot be read: {error.strerror}") from None
    if raw is None:
        raise EnvironmentFailed(f"{name} lies outside the archive")
    digest.update(name.encode() + b"\0" + raw + b"\0")
    found: list[str] = []
    for line in raw.decode(errors="replace").splitlines():
        text = re.sub(r"(?:^|\s)#.*", "", line).strip()
        included = _INCLUDED.match(text)
        found += [text] if included is None else _lines(root, included[1], digest, seen)
    return found


def _locked(lock: dict[str, Any]) -> dict[str, str]:
    versions: dict[str, set[str]] = {}
    packages = lock.get("package", ())
    for one in packages if isinstance(packages, list) else ():
        name, version = one.get("name"), one.get("version")
        source = one.get("source")
        if isinstance(name, str) and isinstance(version, str) and isinstance(source, dict) and "registry" in source:
            versions.setdefault(name, set()).add(version)
    return {name: min(found) for name, found in versions.items() if len(found) == 1}


def _names_folders(project: dict[str, Any]) -> bool:
    """Uv's own word for packages that lie beside."""
    sources = project.get("tool", {}).get("uv", {}).get("sources", {})
    return any(isinstance(one, dict) and ("path" in one or "workspace" in one) for one in sources.values())


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
