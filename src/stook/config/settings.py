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


def read_settings(environ: Mapping[str, str] = os.environ, **given: Any) -> Settings:
    """`given` values that are not None win over the environment. `ConfigError` names the variable that is wrong."""
    values: dict[str, Any] = {}
    for field in msgspec.structs.fields(Settings):
        name = _PREFIX + field.name.upper()
        if given.get(field.name) is not None:
            values[field.name] = given[field.name]
        elif name in environ:
            values[field.name] = _parsed(name, environ[name], field.type)
    return Settings(**values)


def _parsed(name: str, text: str, kind: Any) -> Any:
    try:
        return msgspec.convert(text, kind, strict=False)
    except msgspec.ValidationError:
        allowed = " or ".join(map(repr, get_args(kind))) or kind.__name__
        raise ConfigError(f"{name}={text!r} is not {allowed}", hint="change or unset the variable") from None
