"""Requests and answers as the contract has them, route by route: played in their order against a server."""

from __future__ import annotations

import json
from pathlib import Path

from starlette.routing import compile_path

from stook.core.deployment import Action, App
from stook.server.dialects.kernel import ROUTES, absent
from tests.dialects.examples import Known
from tests.dialects.kernel.rig import events_of, zipped

EXAMPLES = json.loads(Path(__file__).with_name("examples.json").read_text())


def play(kernel, known, example):
    client = kernel.admin if example.get("as") == "admin" else kernel.client
    sent = {}
    if "body" in example:
        sent["json"] = example["body"]
    if "form" in example:
        sent = {"data": example["form"], "files": {"file": ("a.zip", zipped(main__py="x = 1"), "application/zip")}}
    answer = client.request(example["method"], known.into(example["path"]), **sent)
    assert answer.status_code == example["status"], answer.text
    for name, value in example.get("headers", {}).items():
        assert answer.headers[name] == value, name
    if "answer" in example:
        known.check(example["answer"], answer.json(), example["name"])
    elif "events" in example:
        known.check(example["events"], events_of(answer), example["name"])
    elif "lines" in example:
        known.check(example["lines"], [json.loads(one) for one in answer.text.splitlines()], example["name"])
    else:
        assert answer.content == b""
    if example.get("then") == "publish":
        kernel.publish(App("shop", (Action("pay"),)))


def test_every_example_is_answered_so(kernel):
    known = Known(project=kernel.project)
    for example in EXAMPLES:
        play(kernel, known, example)


def test_every_route_has_an_example():
    shown = set()
    for route in ROUTES:
        pattern = compile_path(route.path)[0]
        for example in EXAMPLES:
            if example["method"] == route.method and pattern.match(example["path"].partition("?")[0]):
                shown.add((route.method, route.path))
    left = {(one.method, one.path) for one in ROUTES if one not in absent.ROUTES} - shown
    assert left == set()
