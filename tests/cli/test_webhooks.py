"""`stook webhooks …`: the same on a store and on a server. What arrives is in test_webhooks_delivered.py."""

from __future__ import annotations

import asyncio
import io
import json
import os
import re
import sys

import pytest

from stook.cli import main
from stook.cli.webhook_overview import COMMANDS
from stook.config.settings import read_settings
from stook.wiring.session import open_session
from tests.server.serving import serving

URL = "https://hooks.example.com/in"


class Here:
    """`stook` in this process, on the store in this folder."""

    def __init__(self, folder, capfd, monkeypatch):
        self.folder, self._capfd, self.monkeypatch = folder, capfd, monkeypatch

    def run(self, *words, stdin=""):
        self.monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
        self._capfd.readouterr()
        return main([str(word) for word in words]), *self._capfd.readouterr()

    def __call__(self, *words, stdin=""):
        code, out, err = self.run(*words, stdin=stdin)
        assert code == 0, err
        return out

    def documents(self, *words, stdin=""):
        return [json.loads(line) for line in self(*words, "--json", stdin=stdin).splitlines()]

    def fails(self, code, *words):
        """The line that says why."""
        found, out, err = self.run(*words)
        assert (found, out) == (code, ""), err
        (line,) = err.splitlines()
        return line.removeprefix("stook: ")


async def make_store(url):
    async with open_session(read_settings(url=url)):
        pass


@pytest.fixture
def store(tmp_path, capfd, monkeypatch):
    """An empty one in the folder."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("STOOK_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("STOOK_SYNCHRONOUS", "off")
    asyncio.run(make_store(f"sqlite:///{tmp_path / 'stook.db'}"))
    return Here(tmp_path, capfd, monkeypatch)


@pytest.fixture
def server(store):
    with serving(f"sqlite:///{store.folder / 'stook.db'}") as made:
        yield made


@pytest.fixture(params=["store", "server"])
def stook(request, store):
    """On the store itself, or through a server."""
    if request.param == "server":
        server = request.getfixturevalue("server")
        store.monkeypatch.setenv("STOOK_SERVER", server.url)
        store.monkeypatch.setenv("STOOK_KEY", server.secret)
    return store


def test_an_endpoint_from_its_creation_to_its_end(stook):
    assert stook("webhooks", "list") == "no webhook endpoints\n"
    said = stook("webhooks", "add", URL, "--event", "batch.finished", "--description", "mine")
    endpoint, secret = re.fullmatch(
        rf"(whe_\w+)  {re.escape(URL)}\nsecret  (whsec_\S+)  \(shown this once\)\n", said
    ).groups()
    listed = stook("webhooks", "list")
    assert endpoint in listed
    assert secret not in listed + stook("webhooks", "show", endpoint)
    (before,) = stook.documents("webhooks", "show", endpoint)
    assert (before["events"], before["description"], before["secret_hint"][-4:]) == (
        ["batch.finished"],
        "mine",
        secret[-4:],
    )
    (after,) = stook.documents(
        "webhooks", "update", endpoint, "--task", "orders.price", "--batches", "named", "--reset", "events"
    )
    assert after == before | {
        "events": [],
        "tasks": ["orders.price"],
        "batches": "named",
        "updated_at": after["updated_at"],
    }
    (sent,) = stook.documents("webhooks", "test", endpoint)
    assert stook("webhooks", "disable", endpoint, "--reason", "lunch") == f"{endpoint}  disabled: lunch\n"
    assert stook.documents("webhooks", "delivery", sent["delivery"])[0]["state"] == "dead"
    assert stook("webhooks", "enable", endpoint) == f"{endpoint}  enabled\n"
    assert stook("webhooks", "replay", endpoint, "--state", "dead") == "1 delivery on their way again\n"
    assert stook.documents("webhooks", "replay", endpoint, "--since", "2100-01-01") == [{"replayed": 0}]
    assert stook.documents("webhooks", "replay", sent["delivery"])[0]["run"] == 3
    assert stook("webhooks", "rotate", endpoint).splitlines()[1].startswith("secret  whsec_")
    assert "nobody is there to ask" in stook.fails(2, "webhooks", "remove", endpoint)
    assert stook("webhooks", "remove", endpoint, "--yes") == f"{endpoint}  removed\n"
    assert stook.documents("webhooks", "list") == []
    assert "no" in stook.fails(2, "webhooks", "show", endpoint)


def test_what_is_hidden_comes_on_standard_input(stook):
    (made,) = stook.documents(
        "webhooks", "add", URL, "--header", "X-Token", "--own-secret", stdin="token-77\n0123456789abcdef\n"
    )
    assert (made["auth"], made["secret"]) == ({"kind": "header", "name": "X-Token"}, "0123456789abcdef")
    assert made["library_secret"].startswith("whsec_")
    said = stook("webhooks", "rotate", made["id"], "--own-secret", stdin="fedcba9876543210\n")
    assert "secret  fedcba9876543210  (shown this once)" in said
    assert "for libraries" in said
    (changed,) = stook.documents("webhooks", "update", made["id"], "--bearer", stdin="abc\n")
    assert changed["auth"] == {"kind": "bearer", "name": None}
    (changed,) = stook.documents("webhooks", "update", made["id"], "--reset", "auth")
    assert changed["auth"] == {"kind": "none", "name": None}
    assert "standard input" in stook.fails(2, "webhooks", "update", made["id"], "--bearer")


def test_deliveries_are_listed_by_what_is_asked(stook):
    (made,) = stook.documents("webhooks", "add", URL)
    sent = [stook.documents("webhooks", "test", made["id"])[0]["delivery"] for _ in range(3)][::-1]
    assert [one["id"] for one in stook.documents("webhooks", "deliveries")] == sent
    assert [one["id"] for one in stook.documents("webhooks", "deliveries", "--limit", "2")] == sent[:2]
    said = stook("webhooks", "deliveries", "--limit", "2")
    assert sent[0] in said
    assert "and older ones: --limit 10" in said
    assert len(stook.documents("webhooks", "deliveries", "--event", "webhook.test", "--endpoint", made["id"])) == 3
    assert stook("webhooks", "deliveries", "--state", "delivered") == "no such deliveries\n"
    assert stook("webhooks", "deliveries", "--since", "2100-01-01T00:00:00") == "no such deliveries\n"
    shown = stook("webhooks", "delivery", sent[0])
    assert '"type":"webhook.test"' in shown
    assert "pending" in shown


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("add", "ftp://x"), "neither http:// nor https://"),
        (("add", "http://127.0.0.1/"), "may not be called"),
        (("add", URL, "--event", "batch.done"), "'batch.done'"),
        (("add", URL, "--header", "a", "--bearer"), "exclude each other"),
        (("add", URL, "--max-concurrency", "0"), "max_concurrency"),
        (("update", "whe_x"), "nothing is to change"),
        (("update", "whe_x", "--task", "a", "--reset", "tasks"), "given and reset"),
        (("show", "whe_x"), "whe_x"),
        (("delivery", "dlv_x"), "dlv_x"),
        (("replay", "whe_x"), "replay what?"),
        (("replay", "whe_x", "--all", "--state", "dead"), "nothing to choose"),
        (("replay", "dlv_x", "--all"), "for endpoints"),
        (("deliveries", "--limit", "0"), "less than 1"),
        (("deliveries", "--batch", "x", "--execution", "y"), "exclude each other"),
    ],
    ids=lambda one: "-".join(one)[:40] if isinstance(one, tuple) else "says",
)
def test_what_cannot_be_is_one_line(stook, words, says):
    assert says in stook.fails(2, "webhooks", *words)


def test_a_new_key_seals(store):
    key = store("webhooks", "new-key").strip()
    assert re.fullmatch(r"[\w-]{43}=", key)
    assert store("webhooks", "new-key").strip() != key
    store.monkeypatch.setenv("STOOK_ENCRYPTION_KEY", key)
    store("webhooks", "add", URL)
    assert not (store.folder / "stook.db.key").exists()
    store.monkeypatch.setenv("STOOK_ENCRYPTION_KEY", "nonsense")
    assert "STOOK_ENCRYPTION_KEY" in store.fails(2, "webhooks", "add", URL)
    store.monkeypatch.delenv("STOOK_ENCRYPTION_KEY")
    store("webhooks", "add", URL)
    assert (store.folder / "stook.db.key").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("words", [("webhooks",), ("webhooks", "--help")], ids=["bare", "help"])
def test_the_page_names_every_command(store, words):
    text = store(*words)
    for command in COMMANDS:
        assert f"  {command.name:<10} {command.summary}" in text
