"""`examples/receiver.py` takes what stook sends, and nothing else."""

from __future__ import annotations

import socket
import subprocess
import sys

import pytest

from stook.webhooks.address_guard import AddressGuard
from stook.webhooks.endpoint_secret import new_secret
from stook.webhooks.letter import Letter
from tests.cli.conftest import until
from tests.shape.tree import ROOT
from tests.webhooks.receiver import closed_port
from tests.webhooks.sending import sending


def listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def secret():
    return new_secret()


@pytest.fixture
def example(tmp_path, secret):
    """Its port, and how to end it and get what it printed."""
    with closed_port() as port:
        pass
    with (tmp_path / "words").open("w") as words:
        process = subprocess.Popen(
            [sys.executable, ROOT / "examples" / "receiver.py"],
            env={"WEBHOOK_SECRET": secret, "PORT": str(port)},
            stdout=subprocess.PIPE,
            stderr=words,
            text=True,
        )

    def printed():
        process.kill()
        return process.stdout.read()

    try:
        until(lambda: listens(port) or process.poll() is not None, "the receiver")
        yield port, printed
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_it_prints_what_is_signed_and_refuses_the_rest(example, secret, tmp_path):
    port, printed = example

    async def main(sender):
        letter = Letter(
            "evt_7", b'{"type":"batch.finished","id":"evt_7"}', 1, f"http://127.0.0.1:{port}/", [], [secret]
        )
        signed = letter._replace(schemes=["standard", "vellum"])
        forged = signed._replace(secrets=[new_secret()])
        return [(await sender.send(one)).code for one in (signed, forged, letter)]

    assert sending(main, guard=AddressGuard(allow_private=True)) == [204, 400, 400]
    with socket.create_connection(("127.0.0.1", port)) as raw:
        raw.sendall(b"POST / HTTP/1.0\r\nwebhook-id: a\r\nwebhook-timestamp: 1\r\nwebhook-signature: x\r\n\r\n")
        assert raw.recv(100).startswith(b"HTTP/1.0 400")
    assert printed() == "batch.finished evt_7\n"
    assert "Traceback" not in (tmp_path / "words").read_text()
