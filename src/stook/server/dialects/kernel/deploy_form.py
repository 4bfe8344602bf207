"""The form of a new deployment: a ZIP with its entrypoint, or a repository to be fetched."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec

from stook.server.dialects.kernel.refusals import bad_request
from stook.server.dialects.kernel.shapes import REGION

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stook.server.multipart import Part

__all__ = ["DeployForm", "GithubSource", "read_form", "told_of"]

_BRACKETED: Final = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])+)")
_STEP: Final = re.compile(r"\[([^\[\]]*)\]")
_ENV_NAME: Final = re.compile(r"[^=\0]{1,512}")
_MOST_ENV: Final = 1000
_BOOLEANS: Final = {"true": True, "1": True, "false": False, "0": False, "": False}
_LONGEST_LABEL: Final = 200


class Auth(msgspec.Struct):
    method: Literal["github_token"]
    token: str

    def __repr__(self) -> str:
        return "<Auth>"


class GithubSource(msgspec.Struct):
    type: Literal["github"]
    url: str
    ref: str
    entrypoint: str
    path: str = ""
    auth: Auth | None = None


class DeployForm(msgspec.Struct, kw_only=True):
    """One of `file` and `source` is there."""

    file: Path | None
    source: GithubSource | None
    entrypoint: str
    version: str
    force: bool
    env: dict[str, str]


def read_form(parts: Iterable[Part]) -> DeployForm:
    """400 for what cannot be. What is not known is passed over."""
    given = _Given()
    for part in parts:
        given.take(part)
    fields, made = given.fields, _source(given.source)
    _check_env(given.env)
    version = fields.get("version") or "latest"
    if len(version.encode()) > _LONGEST_LABEL or not version.isprintable():
        raise bad_request(f"version: a label has 1 to {_LONGEST_LABEL} printable bytes")
    if fields.get("region", REGION) not in ("", REGION):
        raise bad_request(f"region: there is only {REGION}")
    force = _BOOLEANS.get(fields.get("force", "").lower())
    if force is None:
        raise bad_request("force: is neither true nor false")
    entrypoint = fields.get("entrypoint_rel_path", "") if made is None else made.entrypoint
    if (given.file is None) == (made is None):
        raise bad_request("give either file with entrypoint_rel_path, or source")
    if not entrypoint:
        raise bad_request("entrypoint_rel_path: is missing; it is the file's path from the root of the archive")
    return DeployForm(file=given.file, source=made, entrypoint=entrypoint, version=version, force=force, env=given.env)


def told_of(form: DeployForm) -> dict[str, Any]:
    """All that it says beside the file, as JSON. A token is no part of what is to be deployed."""
    source = None if form.source is None else msgspec.to_builtins(msgspec.structs.replace(form.source, auth=None))
    return {
        "source": source,
        "entrypoint": form.entrypoint,
        "version": form.version,
        "force": form.force,
        "env": form.env,
    }


class _Given:
    """What the parts say, in whatever order they come. Nested names are written with brackets, or `source` as JSON."""

    def __init__(self) -> None:
        self.file: Path | None = None
        self.fields: dict[str, str] = {}
        self.env: dict[str, str] = {}
        self.source: dict[str, Any] = {}

    def take(self, part: Part) -> None:
        if part.name == "file":
            if part.path is None:
                raise bad_request("file: it is not sent as a file; give it a filename")
            self.file = part.path
        elif part.name == "source":
            self.source = _json_object(part)
        elif part.path is None:
            self._take_text(part.name, part.text())

    def _take_text(self, name: str, text: str) -> None:
        nested = _BRACKETED.fullmatch(name)
        if nested is None:
            self.fields[name] = text
            return
        steps = _STEP.findall(nested[2])
        if nested[1] == "env_vars" and len(steps) == 1:
            self.env[steps[0]] = text
        elif nested[1] == "source":
            _put(self.source, steps, text)


def _json_object(part: Part) -> dict[str, Any]:
    raw = part.content if part.path is None else part.path.read_bytes()
    try:
        return msgspec.json.decode(raw, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise bad_request("source: is no JSON object") from None


def _put(source: dict[str, Any], steps: list[str], value: str) -> None:
    for step in steps[:-1]:
        inner = source.setdefault(step, {})
        if not isinstance(inner, dict):
            raise bad_request(f"source[{step}]: is given as text and as an object")
        source = inner
    source[steps[-1]] = value


def _source(given: dict[str, Any]) -> GithubSource | None:
    if not given:
        return None
    try:
        made = msgspec.convert(given, GithubSource)
    except msgspec.ValidationError as error:
        raise bad_request(f"source: {error}") from None
    for name in ("url", "ref", "entrypoint"):
        if not getattr(made, name):
            raise bad_request(f"source: {name} is empty")
    return made


def _check_env(env: dict[str, str]) -> None:
    if len(env) > _MOST_ENV:
        raise bad_request(f"env_vars: {len(env)} of them, at most {_MOST_ENV} may be")
    for name, value in env.items():
        if not _ENV_NAME.fullmatch(name) or "\0" in value:
            raise bad_request(f"env_vars: {name[:100]!r} cannot be the name of an environment variable, or its value")
