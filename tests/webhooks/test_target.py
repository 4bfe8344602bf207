"""URLs, as they are registered and as they go out."""

from __future__ import annotations

from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stook.core.errors import BlockedAddress, OptionError
from stook.webhooks.address_guard import AddressGuard
from stook.webhooks.target import check_url, read_url

GUARD = AddressGuard()


@pytest.mark.parametrize(
    ("text", "url", "host", "port", "authority", "path"),
    [
        ("https://hooks.example.com", "https://hooks.example.com/", "hooks.example.com", 443, "hooks.example.com", "/"),
        (
            "http://h.example:8080/in?x=1",
            "http://h.example:8080/in?x=1",
            "h.example",
            8080,
            "h.example:8080",
            "/in?x=1",
        ),
        ("HTTPS://H.Example/A%2fb", "https://h.example/A%2fb", "h.example", 443, "h.example", "/A%2fb"),
        (
            "https://bücher.example/ä",
            "https://xn--bcher-kva.example/%C3%A4",
            "xn--bcher-kva.example",
            443,
            None,
            "/%C3%A4",
        ),
        ("https://[2606:4700::1]:8443/", None, "2606:4700::1", 8443, "[2606:4700::1]:8443", "/"),
        ("https://h_1.example./", None, "h_1.example.", 443, "h_1.example.", "/"),
    ],
    ids=["bare", "port", "capitals", "umlaut", "ipv6", "dot"],
)
def test_good_ones(text, url, host, port, authority, path):
    target = check_url(text, GUARD)
    assert target.url == (url or text)
    assert (target.host, target.port, target.path) == (host, port, path)
    assert target.authority == (authority or host)
    assert read_url(target.url) == target


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("ftp://h.example/", "neither http:// nor https://"),
        ("file:///etc/passwd", "neither http:// nor https://"),
        ("//h.example/", "neither http:// nor https://"),
        ("h.example/in", "neither http:// nor https://"),
        ("", "neither http:// nor https://"),
        ("http://user:pass@h.example/", "holds a name or password"),
        ("http://user@h.example/", "holds a name or password"),
        ("http://h.example\\@127.0.0.1/", "holds a name or password"),
        ("http:///in", "has no valid host"),
        ("http://a b/", "has no valid host"),
        ("http://-h.example/", "has no valid host"),
        ("http://a..b/", "has no valid host"),
        (f"http://{'a' * 64}.example/", "has no valid host"),
        ("http://[fe80::1%25eth0]/", "has no valid host"),
        ("http://h.example/#part", "has a fragment"),
        ("http://h.example:0/", "has port 0"),
        ("http://h.example:65536/", "has port 65536"),
        ("http://h.example:-1/", "has port -1"),
        ("http://0177.0.0.01/", "is none"),
        ("http://h.example:port/", "is none"),
        ("http://[::1/", "is none"),
        ("http://h.example/\r\nX: y", "is none"),
        ("http://①②⑦.⓪.⓪.①/", "is none"),
        ("http://h.example/" + "a" * 2048, "has 2065 characters"),
    ],
    ids=lambda value: value[:24].encode("ascii", "backslashreplace").decode(),
)
def test_bad_ones(text, said):
    with pytest.raises(OptionError, match=said) as caught:
        read_url(text)
    assert caught.value.where == "url"
    assert "pass@" not in str(caught.value)


LITERAL = {
    "127.0.0.1": "127.0.0.1",
    "127.0.0.1.": "127.0.0.1",
    "2130706433": "127.0.0.1",
    "0x7f000001": "127.0.0.1",
    "0x7f.1": "127.0.0.1",
    "017700000001": "127.0.0.1",
    "0177.1": "127.0.0.1",
    "127.1": "127.0.0.1",
    "0": "0.0.0.0",  # noqa: S104 - which is refused
    "10.1": "10.0.0.1",
    "169.254.169.254": "169.254.169.254",
    "[::1]": "::1",
    "[::ffff:169.254.169.254]": "::ffff:a9fe:a9fe",
    "[64:ff9b::7f00:1]": "64:ff9b::7f00:1",
}


@pytest.mark.parametrize("host", LITERAL)
def test_an_address_that_may_not_be_called_is_refused_however_it_is_written(host):
    assert read_url(f"http://{host}/in").literal in (LITERAL[host], "::ffff:169.254.169.254")
    with pytest.raises(BlockedAddress, match="may not be called"):
        check_url(f"http://{host}/in", GUARD)


def test_names_are_no_business_of_registration():
    assert check_url("http://localhost/in", GUARD).literal is None


def test_what_is_allowed_is_taken():
    assert check_url("http://127.0.0.1:9000/", AddressGuard(allow_private=True)).literal == "127.0.0.1"
    assert check_url("http://169.254.1.1/", AddressGuard(allowed=(ip_network("169.254.1.0/24"),)))


def test_ports():
    guard = AddressGuard(ports=frozenset({443}))
    assert check_url("https://h.example/", guard).port == 443
    with pytest.raises(BlockedAddress, match=r"port 80 may not be called \(allowed: 443\)"):
        check_url("http://h.example/", guard)


@given(st.text(max_size=30), st.text(max_size=30))
def test_whatever_is_given_is_read_the_same_again_or_refused(host, rest):
    try:
        target = read_url(f"http://{host}/{rest}")
    except OptionError:
        return
    assert read_url(target.url) == target
    assert target.url.isascii()
    assert target.url.isprintable()
