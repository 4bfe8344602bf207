"""Where the server is, and by which key it knows us."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import urlsplit

from stook.core.errors import ConfigError
from stook.core.shown_url import shown_url

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Address", "read_address"]

_SERVER: Final = "STOOK_SERVER"
_KEY: Final = "STOOK_KEY"


class Address(NamedTuple):
    """`url` has no slash at its end. The key is not shown by `repr`."""

    url: str
    key: str | None

    def __repr__(self) -> str:
        return f"<Address {self.url}>"


def read_address(server: str | None = None, key: str | None = None, environ: Mapping[str, str] = os.environ) -> Address:
    """What is not given comes from STOOK_SERVER and STOOK_KEY. `ConfigError` where there is no address, or none that
    could be one."""
    text = server or environ.get(_SERVER, "")
    if not text:
        raise ConfigError("there is no server", hint=f"give its address, or set {_SERVER}=http://HOST:PORT")
    _check_url(text)
    secret = key or environ.get(_KEY) or None
    if secret is not None and not (secret.isascii() and secret.isprintable() and " " not in secret):
        raise ConfigError("the key is no key", hint=f"it looks like stk_… ; look at {_KEY}")
    return Address(text.rstrip("/"), secret)


def _check_url(text: str) -> None:
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError as error:
        why = "" if "@" in text else f": {error}"  # it may quote a password, taken for a port
        raise ConfigError(f"server {shown_url(text)!r} is no address{why}", hint="like http://127.0.0.1:8484") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        hint = "like http://127.0.0.1:8484 or https://stook.internal"
        raise ConfigError(f"server {shown_url(text)!r} is no address", hint=hint)
    if parts.username is not None or parts.password is not None:
        raise ConfigError("the server's address holds a password", hint=f"give the key as key=…, or as {_KEY}")
    if parts.query or parts.fragment:
        raise ConfigError(f"server {shown_url(text)!r} has a query or a fragment", hint="like http://127.0.0.1:8484")
