"""A sender on a loop of its own, what it sends, and a resolver that says what it is told."""

from __future__ import annotations

import asyncio
from ipaddress import ip_network

from stook.webhooks.address_guard import AddressGuard
from stook.webhooks.endpoint_secret import new_secret
from stook.webhooks.letter import Letter
from stook.webhooks.sender import Limits, Sender
from tests.webhooks.receiver import Receiver

__all__ = ["BODY", "KEY", "SHORT", "Resolver", "letter", "send_to", "sending"]

SHORT = Limits(total=0.05, connect=5.0)
LOCAL = AddressGuard(allowed=(ip_network("127.0.0.0/8"),))
KEY = new_secret()
BODY = '{"id": "evt_1", "ü": 1}'.encode()


def letter(url, **changes):
    return Letter("evt_1", BODY, 1, url, ["standard", "vellum"], [KEY])._replace(**changes)


def sending(main, *, guard=LOCAL, **options):
    """`main` with a sender, on a loop of its own."""

    async def run():
        sender = Sender(guard, **options)
        try:
            return await main(sender)
        finally:
            await sender.close()

    return asyncio.run(run())


def send_to(answer, *, changes=None, **options):
    """What becomes of one attempt, and what was received."""

    async def main(sender):
        async with Receiver(answer) as receiver:
            return await sender.send(letter(receiver.url())._replace(**(changes or {}))), receiver

    return sending(main, **options)


class Resolver:
    """Answers what it was given, in turn, and remembers what it was asked."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.asked = []

    async def __call__(self, host, port):
        self.asked.append((host, port))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer
