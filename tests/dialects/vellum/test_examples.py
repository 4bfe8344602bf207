"""Requests and answers, route by route: played in their order against a server."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from starlette.routing import compile_path

from stook.server.dialects.vellum import ROUTES
from tests.cli.conftest import until
from tests.dialects.examples import Known
from tests.dialects.vellum.test_push import pushed

EXAMPLES = json.loads(Path(__file__).with_name("examples.json").read_text())


def asked(client, known, example):
    sent = {"json": known.into(example["body"])} if "body" in example else {}
    return client.request(example["method"], known.into(example["path"]), **sent)


def play(workflows, client, known, example):
    answer = pushed(workflows, client, **example["form"]) if "form" in example else asked(client, known, example)
    if "until" in example:  # it is still under way
        wanted = example["until"].items()

        def there():
            nonlocal answer
            answer = asked(client, known, example)
            return wanted <= answer.json().items()

        until(there, example["name"])
    assert answer.status_code == example["status"], (example["name"], answer.text)
    for name, value in example.get("headers", {}).items():
        assert answer.headers[name] == value, (example["name"], name)
    if "answer" in example:
        known.check(example["answer"], answer.json(), example["name"])
    elif "lines" in example:
        known.check(example["lines"], [json.loads(one) for one in answer.text.splitlines()], example["name"])
    elif "headers" not in example:
        assert answer.content == b""


@pytest.mark.timeout(300)
def test_every_example_is_answered_so(workflows, client):
    known = Known(base=str(client.base_url))
    for example in EXAMPLES:
        play(workflows, client, known, example)


def test_every_route_has_an_example():
    left = {
        (route.method, route.path)
        for route in ROUTES
        if not any(
            route.method == example["method"] and compile_path(route.path)[0].match(example["path"].partition("?")[0])
            for example in EXAMPLES
        )
    }
    assert left == set()
