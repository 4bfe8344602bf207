"""Settings, each one environment variable with a default: options and arguments go before them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

import msgspec

from stook.core.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Settings", "read_settings"]


class Settings(msgspec.Struct, kw_only=True, frozen=True):
    """The variable of a field is its name in capitals behind `STOOK_`."""

    url: str = "sqlite:///stook.db"
    """`STOOK_URL`: the store, `sqlite:///FILE` or `postgresql://…`."""
    project: str = "default"
    """`STOOK_PROJECT`: the project that batches belong to."""
    synchronous: Literal["off", "normal", "full", "extra"] = "full"
    """`STOOK_SYNCHRONOUS`: SQLite's pragma. `full` survives a power cut, `normal` a crash of the process only."""
    inline_bytes: int = 64 * 1024
    """`STOOK_INLINE_BYTES`: payloads and results above this lie in the blob store."""
    max_payload_bytes: int = 4 * 2**20
    """`STOOK_MAX_PAYLOAD_BYTES`: payloads and results above this are refused."""
    lease_seconds: float = 60.0
    """`STOOK_LEASE_SECONDS`: how long a worker may be silent before others take its items."""


_PREFIX: Final = "STOOK_"
_MOST_BYTES: Final = 2**30
_LEAST_LEASE: Final = 0.1
_MOST_LEASE: Final = 86_400.0
_MOST_NAME: Final = 512
_KINDS: Final = {int: "a whole number", float: "a number of seconds", str: "text"}


def read_settings(environ: Mapping[str, str] = os.environ, **given: Any) -> Settings:
    """`given` values that are not None win over the environment, where an empty variable is one that is not set.
    `ConfigError` names the variable, or the option, that is wrong."""
    values: dict[str, Any] = {}
    sources: dict[str, str] = {}
    for field in msgspec.structs.fields(Settings):
        variable = _PREFIX + field.name.upper()
        if given.get(field.name) is not None:
            values[field.name], sources[field.name] = given[field.name], field.name
        elif environ.get(variable):
            values[field.name], sources[field.name] = environ[variable], variable
    for field in msgspec.structs.fields(Settings):
        if field.name in values:
            values[field.name] = _converted(sources[field.name], values[field.name], field.type)
    made = Settings(**values)
    _check(made, sources)
    return made


def _converted(source: str, value: Any, kind: Any) -> Any:
    try:
        return msgspec.convert(value, kind, strict=not isinstance(value, str))
    except msgspec.ValidationError:
        allowed = " or ".join(map(repr, get_args(kind))) or _KINDS[kind]
        raise _wrong(source, value, f"is not {allowed}") from None


def _check(made: Settings, sources: Mapping[str, str]) -> None:
    for name in ("inline_bytes", "max_payload_bytes"):
        value = getattr(made, name)
        if not 1 <= value <= _MOST_BYTES:
            raise _wrong(sources[name], value, f"is not between 1 and {_MOST_BYTES}")
    if not _LEAST_LEASE <= made.lease_seconds <= _MOST_LEASE:
        raise _wrong(
            sources["lease_seconds"], made.lease_seconds, f"is not between {_LEAST_LEASE} and {_MOST_LEASE:g} seconds"
        )
    if "\0" in made.project or not 1 <= len(made.project.encode(errors="replace")) <= _MOST_NAME:
        raise _wrong(sources["project"], made.project, f"is no name of 1 to {_MOST_NAME} bytes")


def _wrong(source: str, value: object, what: str) -> ConfigError:
    hint = "change or unset the variable" if source.startswith(_PREFIX) else None
    return ConfigError(f"{source}={value!r} {what}", hint=hint)
