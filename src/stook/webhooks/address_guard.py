"""Which addresses may be called. Pure.

Refused is whatever is not an ordinary address of the public internet: named here range by range, since what
`ipaddress.is_global` says has changed between versions of Python. An IPv6 address that carries an IPv4 one is as good
as that one.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["AddressGuard", "Network"]

Network = IPv4Network | IPv6Network

_PRIVATE: Final = tuple(
    map(ip_network, ("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "::1/128", "fc00::/7"))
)
"""What `allow_private` lets in: neither metadata services nor a carrier's network are among it."""

_REFUSED_4: Final = tuple(
    IPv4Network(one)
    for one in (
        "0.0.0.0/8",  # this host
        "10.0.0.0/8",
        "100.64.0.0/10",  # a carrier's address translation
        "127.0.0.0/8",
        "169.254.0.0/16",  # the link, with the metadata services of clouds
        "172.16.0.0/12",
        "192.0.0.0/24",  # protocol assignments
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # relays of 6to4
        "192.168.0.0/16",
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
    )
)
_PUBLIC_6: Final = IPv6Network("2000::/3")
_REFUSED_6: Final = tuple(
    IPv6Network(one)
    for one in (
        "2001::/23",  # protocol assignments, Teredo among them
        "2001:db8::/32",  # documentation
        "3fff::/20",  # documentation
    )
)
_NAT64: Final = IPv6Network("64:ff9b::/96")
_MAPPED: Final = IPv6Network("::ffff:0:0/96")
_6TO4: Final = IPv6Network("2002::/16")
_ISATAP: Final = frozenset({0x0000_5EFE, 0x0200_5EFE})
_LOW: Final = 0xFFFF_FFFF


@dataclass(frozen=True)
class AddressGuard:
    """`allow_private` lets loopback and private ranges in, `allowed` whatever it names. `ports`: only these, if any."""

    allow_private: bool = False
    allowed: tuple[Network, ...] = ()
    ports: frozenset[int] = frozenset()

    def admits(self, address: str) -> bool:
        """`address` is one that a resolver gave."""
        try:
            found = ip_address(address)
        except ValueError:
            return False
        if _is_within(found, self.allowed):
            return True
        inner = list(_carried(found))
        if not all(self._admits(one) for one in inner):
            return False
        return bool(inner and _is_translated(found)) or self._admits(found)

    def admits_port(self, port: int) -> bool:
        return not self.ports or port in self.ports

    def _admits(self, address: IPv4Address | IPv6Address) -> bool:
        if _is_within(address, self.allowed) or (self.allow_private and _is_within(address, _PRIVATE)):
            return True
        if isinstance(address, IPv4Address):
            return not _is_within(address, _REFUSED_4)
        return address in _PUBLIC_6 and not _is_within(address, _REFUSED_6)


def _is_within(address: IPv4Address | IPv6Address, networks: Iterable[Network]) -> bool:
    return any(address.version == one.version and address in one for one in networks)


def _is_translated(address: IPv4Address | IPv6Address) -> bool:
    """It leads to nothing but the IPv4 address in it."""
    return isinstance(address, IPv6Address) and (address in _MAPPED or address in _NAT64)


def _carried(address: IPv4Address | IPv6Address) -> Iterator[IPv4Address]:
    if isinstance(address, IPv4Address):
        return
    number = int(address)
    if _is_translated(address):
        yield IPv4Address(number & _LOW)
    elif address in _6TO4:
        yield IPv4Address(number >> 80 & _LOW)
    elif number >> 32 & _LOW in _ISATAP:
        yield IPv4Address(number & _LOW)
