"""docs/webhooks.md names what there is, and its receiver is the example."""

from __future__ import annotations

import ast
import re

import msgspec
import pytest

from stook.core.breaker import OPENS
from stook.core.webhook_events import ALL_EVENTS, DEFAULT_EVENTS
from stook.engine.maintenance import WEBHOOKS_KEPT
from stook.engine.options import MAX_WEBHOOKS
from stook.server.routes import ROUTES
from stook.webhooks.signing import Outgoing, StandardScheme, VellumScheme
from stook.wire.webhook import NewWebhookEndpoint, WebhookDeliveryQuery, WebhookEndpoint
from tests.docs.pages import ROOT, examples, page

PAGE = "docs/webhooks.md"


def rows_of(heading):
    """Of the first table behind it."""
    text = page(PAGE).split(f"\n{heading}\n", 1)[1]
    table = re.search(r"(?:^\|.*\n)+", text, re.MULTILINE)[0]
    return [[cell.strip() for cell in line.strip("|\n ").split(" | ")] for line in table.splitlines()[2:]]


def test_the_events_are_those_there_are():
    rows = {row[0].strip("`"): row[2] for row in rows_of("## Events")}
    assert list(rows) == list(ALL_EVENTS)
    assert {name for name, by_default in rows.items() if by_default == "yes"} == set(DEFAULT_EVENTS)


def test_the_headers_are_those_that_are_sent():
    outgoing = Outgoing("POST", "https://a/", b"{}", "evt_1", 1, ["0123456789abcdef", "fedcba9876543210"])
    sent = {*StandardScheme().headers(outgoing), *VellumScheme().headers(outgoing)}
    named = set(re.findall(r"`([\w-]+)`", " ".join(row[0] for row in rows_of("### Headers"))))
    assert named == sent | {"X-Attempt", "content-type", "User-Agent"}


def test_the_routes_are_those_there_are():
    named = {(row[0].strip("`"), row[1]) for row in rows_of("## Routes")}
    there = {
        (f"{one.method} {one.path.removeprefix('/api/v1')}", one.scope) for one in ROUTES if "/webhook-" in one.path
    }
    assert named == there


@pytest.mark.parametrize("shape", [WebhookEndpoint, NewWebhookEndpoint, WebhookDeliveryQuery])
def test_every_field_is_named(shape):
    for field in msgspec.structs.fields(shape):
        assert f"`{field.name}`" in page(PAGE)


def test_numbers():
    text = page(PAGE)
    assert f"| {OPENS} failed attempts in a row |" in text
    assert f"kept for {WEBHOOKS_KEPT / 86_400:g} days" in text
    assert f"Up to {MAX_WEBHOOKS};" in text
    assert f"{NewWebhookEndpoint(url='').max_concurrency} requests to an endpoint" in text


def test_the_receiver_is_the_example():
    """But for its docstring and comments."""
    (shown,) = [one.text for one in examples(PAGE, "python") if "Receiver" in one.text]
    example = ast.parse((ROOT / "examples" / "receiver.py").read_text())
    example.body = [
        node for node in example.body[1:] if not (isinstance(node, ast.ImportFrom) and node.module == "__future__")
    ]
    assert ast.unparse(ast.parse(shown)) == ast.unparse(example)
