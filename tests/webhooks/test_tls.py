"""Connections go to an address that was checked; the name asked for and the certificate are still the host's."""

from __future__ import annotations

import asyncio

import pytest

from stook.webhooks.sender import Limits
from tests.webhooks.authority import Authority
from tests.webhooks.receiver import Receiver
from tests.webhooks.sending import Resolver, letter, sending


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


def test_the_name_asked_for_and_checked_is_the_hosts_not_the_addresss(authority):
    seen = []

    async def main(sender):
        async with Receiver(tls=authority.server("hooks.example", seen=seen)) as receiver:
            tried = await sender.send(letter(receiver.url(host="hooks.example", scheme="https")))
            return tried, receiver

    tried, receiver = sending(main, tls=authority.client(), resolve=Resolver(["127.0.0.1"]))
    assert (tried.error, tried.code, seen) == (None, 204, ["hooks.example"])
    assert receiver.requests[0].headers["host"] == f"hooks.example:{receiver.port}"


@pytest.mark.parametrize("names", [["other.example"], ["127.0.0.1"]], ids=["other", "address"])
def test_a_certificate_of_another_name_or_of_the_address_is_refused(authority, names):
    async def main(sender):
        async with Receiver(tls=authority.server(*names)) as receiver:
            tried = await sender.send(letter(receiver.url(host="hooks.example", scheme="https")))
            return tried, receiver.requests

    tried, requests = sending(main, tls=authority.client(), resolve=Resolver(["127.0.0.1"]))
    assert tried.error.startswith("tls_failed: ")
    assert "not valid for 'hooks.example'" in tried.error
    assert (tried.code, requests) == (None, [])


def test_a_certificate_of_strangers_is_refused(authority):
    async def main(sender):
        async with Receiver(tls=authority.server("hooks.example")) as receiver:
            return await sender.send(letter(receiver.url(host="hooks.example", scheme="https")))

    tried = sending(main, resolve=Resolver(["127.0.0.1"]))
    assert tried.error.startswith("tls_failed: ")
    assert "certificate verify failed" in tried.error


def test_two_names_at_one_address_share_no_connection(authority):
    """The second name's certificate has to be seen, though a connection to its address is open."""
    seen = []

    async def main(sender):
        async with Receiver(tls=authority.server("one.example", seen=seen)) as receiver:
            urls = [receiver.url(host=host, scheme="https") for host in ("one.example", "two.example", "one.example")]
            return [(await sender.send(letter(url))).error for url in urls], receiver.connections

    addresses = [["127.0.0.1"]] * 3
    (first, second, third), _ = sending(main, tls=authority.client(), resolve=Resolver(*addresses))
    assert (first, third) == (None, None)
    assert second.startswith("tls_failed: ")
    assert seen == ["one.example", "two.example"]


def test_an_address_in_the_url_is_checked_as_such(authority):
    async def main(sender):
        async with Receiver(tls=authority.server("127.0.0.1")) as receiver:
            return await sender.send(letter(receiver.url(scheme="https")))

    assert sending(main, tls=authority.client()).error is None


def test_a_dot_at_the_end_of_the_name_is_no_part_of_it(authority):
    async def main(sender):
        async with Receiver(tls=authority.server("hooks.example")) as receiver:
            return await sender.send(letter(receiver.url(host="hooks.example.", scheme="https")))

    assert sending(main, tls=authority.client(), resolve=Resolver(["127.0.0.1"])).error is None


def test_what_speaks_no_tls_is_said(authority):
    async def main(sender):
        async def speak(_reader, writer):
            writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            writer.close()

        server = await asyncio.start_server(speak, "127.0.0.1", 0)
        async with server:
            return await sender.send(letter(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/"))

    assert sending(main, tls=authority.client()).error.startswith("tls_failed: ")


def test_a_handshake_that_hangs_is_given_the_time_of_a_connection(authority):
    async def main(sender):
        async def hang(reader, writer):
            try:
                await reader.read()
            finally:
                writer.transport.abort()

        server = await asyncio.start_server(hang, "127.0.0.1", 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            return await sender.send(letter(f"https://127.0.0.1:{port}/"))

    tried = sending(main, tls=authority.client(), limits=Limits(total=50, connect=0.05))
    assert tried.error == "tls_failed: no handshake in time"


def test_authorities_of_ones_own_are_named_by_the_usual_variable(authority, tmp_path, monkeypatch):
    from cryptography.hazmat.primitives import serialization

    file = tmp_path / "ca.pem"
    file.write_bytes(authority.certificate.public_bytes(serialization.Encoding.PEM))
    monkeypatch.setenv("SSL_CERT_FILE", str(file))

    async def main(sender):
        async with Receiver(tls=authority.server("hooks.example")) as receiver:
            return await sender.send(letter(receiver.url(host="hooks.example", scheme="https")))

    assert sending(main, resolve=Resolver(["127.0.0.1"])).error is None
