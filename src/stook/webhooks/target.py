"""Where a delivery goes, read once for all: what is checked, resolved, connected to and signed is one and the same."""

from __future__ import annotations

import re
import socket
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final, NamedTuple

import httpx

from stook.core.errors import BlockedAddress, OptionError

if TYPE_CHECKING:
    from stook.webhooks.address_guard import AddressGuard

__all__ = ["Target", "check_url", "read_url"]

_PORTS: Final = {"http": 80, "https": 443}
_MOST_PORT: Final = 65_535
_MOST_CHARACTERS: Final = 2048
_NAME: Final = re.compile(
    r"(?=.{1,253}\.?$)([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.?"
)


class Target(NamedTuple):
    url: str
    """As it goes out and is signed: ASCII, a path at least."""
    scheme: str
    host: str
    """A name, or an address without brackets."""
    port: int
    authority: str
    """For the Host header."""
    path: str
    """With the query."""

    @property
    def literal(self) -> str | None:
        """The address, where the host is one, in whatever way it is written: 2130706433 and 0x7f.1 are 127.0.0.1."""
        try:
            return str(ip_address(self.host))
        except ValueError:
            pass
        try:
            return socket.inet_ntoa(socket.inet_aton(self.host.removesuffix(".")))
        except OSError:
            return None


def read_url(text: str) -> Target:
    """`OptionError` says what is wrong with it."""
    if len(text) > _MOST_CHARACTERS:
        raise _wrong(f" has {len(text)} characters, {_MOST_CHARACTERS} are allowed")
    shown = "" if "@" in text else f" {text!r}"  # it may hold a password
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL as error:
        raise _wrong(f"{shown} is none: {error}") from None
    if url.userinfo:
        raise _wrong(" holds a name or password", hint="give the endpoint an auth header instead")
    port = _PORTS.get(url.scheme)
    if port is None:
        raise _wrong(f"{shown} is neither http:// nor https://")
    if "#" in text:
        raise _wrong(" has a fragment, which is never sent", hint="leave out the # and what follows")
    host = url.raw_host.decode("ascii")
    if not (_is_address(host) or _NAME.fullmatch(host)):
        raise _wrong(f"{shown} has no valid host")
    if url.port is not None and not 1 <= url.port <= _MOST_PORT:
        raise _wrong(f" has port {url.port}, which is not between 1 and {_MOST_PORT}")
    authority, path = url.netloc.decode("ascii"), url.raw_path.decode("ascii")
    return Target(f"{url.scheme}://{authority}{path}", url.scheme, host, url.port or port, authority, path)


def check_url(text: str, guard: AddressGuard) -> Target:
    """For registration: also `BlockedAddress` for a port or a literal address that may not be called. What a name
    resolves to is looked at by each attempt."""
    target = read_url(text)
    if not guard.admits_port(target.port):
        allowed = ", ".join(map(str, sorted(guard.ports)))
        raise BlockedAddress(f"port {target.port} may not be called", where="url", hint=f"allowed: {allowed}")
    literal = target.literal
    if literal is not None and not guard.admits(literal):
        raise BlockedAddress(
            f"{target.host} may not be called: it is no address of the public internet",
            where="url",
            hint="the server's STOOK_WEBHOOK_ALLOW_PRIVATE and STOOK_WEBHOOK_ALLOWED_CIDRS allow others",
        )
    return target


def _is_address(host: str) -> bool:
    try:
        return "%" not in host and ip_address(host) is not None
    except ValueError:
        return False


def _wrong(what: str, *, hint: str = "like https://hooks.example.com/stook") -> OptionError:
    return OptionError(f"the URL{what}", where="url", hint=hint)
