"""Which addresses may be called."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stook.webhooks.address_guard import AddressGuard

GUARD = AddressGuard()
PRIVATE = AddressGuard(allow_private=True)

PRIVATE_4 = [
    "127.0.0.1",
    "127.255.255.254",
    "10.0.0.0",
    "10.255.255.255",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
]
REFUSED_4 = [
    "0.0.0.0",  # noqa: S104 - which is refused
    "0.1.2.3",
    "100.64.0.1",
    "100.127.255.255",
    "169.254.169.254",
    "192.0.0.1",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
]
PUBLIC_4 = [
    "1.1.1.1",
    "9.255.255.255",
    "11.0.0.0",
    "93.184.216.34",
    "100.63.255.255",
    "100.128.0.0",
    "172.15.255.255",
    "172.32.0.0",
    "192.0.1.0",
    "198.17.255.255",
    "198.20.0.0",
    "223.255.255.255",
]
PRIVATE_6 = ["::1", "fc00::1", "fd12:3456:789a::1"]
REFUSED_6 = [
    "::",
    "::2",
    "::7f00:1",
    "64:ff9b:1::1.1.1.1",
    "100::1",
    "2001::1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",  # Teredo
    "2001:10::1",
    "2001:20::1",
    "2001:db8::1",
    "3fff::1",
    "4000::1",
    "5f00::1",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
    "fe80::5efe:1.1.1.1",
]
PUBLIC_6 = ["2606:4700:4700::1111", "2a00:1450:4001:800::200e", "2001:200::1"]


@pytest.mark.parametrize("address", [*PRIVATE_4, *REFUSED_4, *PRIVATE_6, *REFUSED_6, "example.com", "", "1.2.3"])
def test_what_is_not_on_the_public_internet_is_refused(address):
    assert not GUARD.admits(address)


@pytest.mark.parametrize("address", [*PUBLIC_4, *PUBLIC_6])
def test_what_is_on_it_is_admitted(address):
    assert GUARD.admits(address)


def carriers(address):
    number = int(IPv4Address(address))
    high, low = number >> 16, number & 0xFFFF
    return [
        f"::ffff:{address}",
        f"64:ff9b::{address}",
        f"2002:{high:x}:{low:x}::1",
        f"2606:4700::5efe:{high:x}:{low:x}",
        f"2606:4700::200:5efe:{high:x}:{low:x}",
    ]


@pytest.mark.parametrize("address", [*PRIVATE_4, *REFUSED_4])
def test_an_address_within_another_is_refused_like_itself(address):
    assert not [one for one in carriers(address) if GUARD.admits(one)]


@pytest.mark.parametrize("address", PUBLIC_4)
def test_an_address_within_another_is_admitted_like_itself(address):
    assert all(GUARD.admits(one) for one in carriers(address))


@pytest.mark.parametrize("address", [*PRIVATE_4, *PRIVATE_6, "::ffff:127.0.0.1", "64:ff9b::10.0.0.1"])
def test_private_networks_can_be_allowed(address):
    assert PRIVATE.admits(address)


@pytest.mark.parametrize("address", [*REFUSED_4, *REFUSED_6, "::ffff:169.254.169.254"])
def test_and_nothing_but_these(address):
    assert not PRIVATE.admits(address)


def test_a_network_that_is_allowed_is_admitted_whatever_it_is():
    guard = AddressGuard(allowed=(ip_network("169.254.0.0/16"), ip_network("fe80::/10"), ip_network("10.1.0.0/16")))
    assert [one for one in [*PRIVATE_4, *REFUSED_4, *PRIVATE_6, *REFUSED_6] if guard.admits(one)] == [
        "169.254.169.254",
        "fe80::1",
        "fe80::1%eth0",
        "fe80::5efe:1.1.1.1",
    ]
    assert guard.admits("10.1.2.3")
    assert not guard.admits("10.2.2.3")
    assert guard.admits("::ffff:10.1.2.3")
    assert not guard.admits("::ffff:10.2.2.3")


def test_ports():
    assert AddressGuard().admits_port(1)
    guard = AddressGuard(ports=frozenset({443, 8443}))
    assert guard.admits_port(8443)
    assert not guard.admits_port(80)


@given(st.integers(0, 2**32 - 1).map(IPv4Address))
def test_never_laxer_than_python_for_ipv4(address):
    if not address.is_global or address.is_multicast:
        assert not GUARD.admits(str(address))


@given(st.integers(0, 2**128 - 1).map(IPv6Address) | st.integers(2**125, 2**126 - 1).map(IPv6Address))
def test_never_laxer_than_python_for_ipv6(address):
    if GUARD.admits(str(address)):
        assert address.is_global or address in ip_network("64:ff9b::/96") or address in ip_network("::ffff:0:0/96")
