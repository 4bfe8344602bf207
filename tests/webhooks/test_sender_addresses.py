"""One attempt looks its addresses up once, checks each, and connects to none but these."""

from __future__ import annotations

import asyncio
from ipaddress import ip_network

import pytest

from stook.webhooks.address_guard import AddressGuard
from stook.webhooks.resolving import ResolveFailed
from tests.webhooks.receiver import Receiver
from tests.webhooks.sending import SHORT, Resolver, letter, sending


def test_a_name_is_resolved_once_and_its_address_connected_to():
    resolver = Resolver(["127.0.0.1"], AssertionError("asked twice"))

    async def main(sender):
        async with Receiver() as receiver:
            tried = await sender.send(letter(receiver.url("/a?b", host="hooks.example")))
            return tried, receiver

    tried, receiver = sending(main, resolve=resolver)
    assert tried.error is None
    assert resolver.asked == [("hooks.example", receiver.port)]
    assert receiver.requests[0].headers["host"] == f"hooks.example:{receiver.port}"
    assert receiver.requests[0].line == "POST /a?b HTTP/1.1"


def test_a_name_that_changes_its_address_after_the_check_gains_nothing(monkeypatch):
    """The rebinding resolver: its second answer is another address, and is never asked for, by nobody."""
    answers = [[(2, 1, 6, "", ("127.0.0.2", 0))]]
    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: answers.pop(0))

    async def main(sender):
        async with Receiver(host="127.0.0.2") as public, Receiver() as private:
            tried = await sender.send(letter(public.url(host="rebinding.example")))
            return tried, public.connections, private.connections

    guard = AddressGuard(allowed=(ip_network("127.0.0.2/32"),))
    tried, public, private = sending(main, guard=guard)
    assert (tried.error, public, private) == (None, 1, 0)
    assert answers == []


def test_every_attempt_looks_again_even_where_a_connection_is_open():
    resolver = Resolver(["127.0.0.1"], ["127.0.0.1", "10.0.0.1"], ["127.0.0.1"])

    async def main(sender):
        async with Receiver() as receiver:
            tried = [await sender.send(letter(receiver.url(host="hooks.example"))) for _ in range(3)]
            return [one.error for one in tried], receiver.connections

    (first, second, third), connections = sending(main, resolve=resolver)
    assert (first, third, connections) == (None, None, 1)
    assert second == "blocked_address: hooks.example is not at an address that may be called"


@pytest.mark.parametrize("addresses", [["169.254.169.254"], ["93.184.216.34", "10.0.0.1"], ["::1"], ["::ffff:7f00:1"]])
def test_one_address_that_may_not_be_called_is_enough_to_refuse(addresses, caplog):
    async def main(sender):
        return await sender.send(letter("http://inside.example/"))

    tried = sending(main, guard=AddressGuard(), resolve=Resolver(addresses))
    assert tried.error == "blocked_address: inside.example is not at an address that may be called"
    assert tried.code is None
    assert addresses[-1] in caplog.text  # and in what endpoints are shown it is not


@pytest.mark.parametrize("host", ["127.0.0.1", "2130706433", "0x7f.1", "017700000001", "127.1", "[::1]", "localhost"])
def test_this_machine_is_not_called_however_it_is_written(host):
    async def main(sender):
        async with Receiver() as receiver:
            tried = await sender.send(letter(receiver.url(host=host)))
            return tried, receiver.connections

    tried, connections = sending(main, guard=AddressGuard())
    assert tried.error.startswith("blocked_address: ")
    assert connections == 0


def test_and_is_where_it_is_allowed():
    async def main(sender):
        async with Receiver() as receiver:
            urls = [receiver.url(host=host) for host in ("127.0.0.1", "2130706433", "0x7f.1")]
            return [(await sender.send(letter(url))).error for url in urls]

    assert sending(main, guard=AddressGuard(allow_private=True)) == [None] * 3


def test_a_port_that_may_not_be_called_is_not():
    async def main(sender):
        async with Receiver() as receiver:
            return (await sender.send(letter(receiver.url()))).error, receiver.connections

    guard = AddressGuard(allow_private=True, ports=frozenset({1}))
    error, connections = sending(main, guard=guard)
    assert (error.startswith("blocked_address: port "), connections) == (True, 0)


def test_of_several_addresses_the_next_is_tried_where_one_does_not_answer():
    async def main(sender):
        async with Receiver(host="127.0.0.3") as receiver:
            tried = await sender.send(letter(receiver.url(host="hooks.example")))
            return tried.error, receiver.connections

    assert sending(main, resolve=Resolver(["127.0.0.2", "127.0.0.3"])) == (None, 1)


@pytest.mark.parametrize(
    ("answer", "said"),
    [(ResolveFailed("Name or service not known"), "Name or service not known"), ([], "the name has no address")],
    ids=["error", "none"],
)
def test_a_name_without_an_address(answer, said):
    async def main(sender):
        return await sender.send(letter("http://nowhere.example/"))

    assert sending(main, resolve=Resolver(answer)).error == f"resolve_failed: {said}"


def test_a_name_that_the_system_does_not_know():
    async def main(sender):
        return await sender.send(letter("http://nowhere.invalid/"))

    assert sending(main).error.startswith("resolve_failed: ")


def test_a_resolver_that_hangs_is_cut_off_like_everything():
    async def never(_host, _port):
        await asyncio.Event().wait()

    async def main(sender):
        return await sender.send(letter("http://slow.example/"))

    assert sending(main, resolve=never, limits=SHORT).error == "timeout: not done within 0.05 s"
