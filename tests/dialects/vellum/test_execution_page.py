"""What is behind `execution_detail_url`: a page for people, who may be shown anything that users' code came to."""

from __future__ import annotations

import base64
from html.parser import HTMLParser

import httpx
import pytest

from tests.dialects.vellum.workflows import given, text

EVIL = "<script>alert('\"&')</script>"


class Seen(HTMLParser):
    """What a browser would make of it."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.attributes, self.text, self.style = set(), {}, "", False
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.style = tag == "style"
        for name, value in attrs:
            self.attributes.setdefault(name, set()).add(value)

    def handle_endtag(self, tag):
        self.style = False

    def handle_data(self, data):
        self.text += "" if self.style else data


def page_of(client, execution_id):
    answer = client.get(f"/workflows/executions/{execution_id}")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "no-store"
    return Seen(answer.text)


def run(client, do="greet", **more):
    made = client.post("/v1/execute-workflow", json=given(do, **more))
    assert made.status_code == 200, made.text
    return made.json()["execution_id"]


def test_of_one_that_was_fulfilled(client):
    inputs = [text("do", "greet"), text("say", f"a line {EVIL}")]
    asked = {"inputs": inputs, "external_id": "page-1", "metadata": {"by": EVIL}}
    seen = page_of(client, run(client, **asked))
    for part in (
        *("hello FULFILLED", "page-1", "LATEST", "Inputs", "Outputs", "Nodes", "Greet", "State", "Log"),
        *('"turns": 1', '"a": [', f"a line {EVIL}", "alert", "curl -H", "Took"),
    ):
        assert part in seen.text, (part, seen.text)
    assert "refresh" not in seen.attributes.get("http-equiv", ())
    allowed = {"html", "meta", "title", "style", "h1", "h2", "span", "table", "tr", "td", "th", "pre", "p", "b"}
    assert seen.tags <= allowed
    assert set(seen.attributes) <= {"lang", "charset", "class", "http-equiv", "content"}


def test_of_one_that_was_rejected(client):
    seen = page_of(client, run(client, "fail"))
    for part in ("hello REJECTED", "Error", "USER_DEFINED_ERROR", "no such luck", '"why": "dice"', "Traceback: secret"):
        assert part in seen.text, (part, seen.text)
    assert "Outputs" not in seen.text
    odd = page_of(client, run(client, EVIL))
    assert f"cannot {EVIL}" in odd.text
    assert "script" not in odd.tags
    long = page_of(client, run(client, "x" * 30_000))
    assert "10000 more characters" in long.text


def test_of_one_that_runs_it_asks_again(client):
    execution_id = client.post("/v1/execute-workflow-async", json=given("wait")).json()["execution_id"]
    seen = page_of(client, execution_id)
    assert "refresh" in seen.attributes["http-equiv"]
    assert client.post(f"/v1/workflows/executions/{execution_id}/cancel").status_code == 200
    assert page_of(client, execution_id).text


def test_who_may_see_it(workflows, client):
    execution_id = run(client)
    path = f"/workflows/executions/{execution_id}"

    def basic(secret):
        return {"authorization": "Basic " + base64.b64encode(f"anybody:{secret}".encode()).decode()}

    def key(*words, **which):
        return workflows.served.as_key(*words, **which).headers["authorization"].removeprefix("Bearer ")

    with httpx.Client(base_url=client.base_url) as browser:
        refused = browser.get(path)
        assert (refused.status_code, list(refused.json())) == (401, ["detail"])
        assert refused.headers["www-authenticate"].startswith("Basic realm=")
        assert browser.get(path, headers=basic(workflows.served.secret)).status_code == 200
        assert browser.get(path, headers=basic(key("read"))).status_code == 200
        assert browser.get(path, headers=basic("stk_x_y")).status_code == 401
        assert browser.get(path, headers={"authorization": "Basic \u00fc".encode()}).status_code == 401
        assert browser.get(path, headers={"authorization": "Basic !"}).status_code == 401
        assert browser.get(path, headers=basic(key("submit"))).status_code == 403
        assert browser.get(path, headers=basic(key("admin", project="else"))).status_code == 404
        known = basic(workflows.served.secret)
        for method, other in (
            ("GET", f"/v1{path}/status"),
            ("POST", f"/v1{path}/cancel"),
            ("POST", path),
            ("GET", "/v1/workspaces/identity"),
        ):
            refused = browser.request(method, other, headers=known)
            assert refused.status_code in (401, 405), "no other site's page may act with what a browser remembers"
            assert "www-authenticate" not in refused.headers


@pytest.mark.parametrize("wrong", ["no-uuid", "%3Cb%3E", "0192f0c1-7b7e-7000-8a2b-3c4d00000000"])
def test_what_is_not_there(client, wrong):
    refused = client.get(f"/workflows/executions/{wrong}")
    assert (refused.status_code, list(refused.json())) == (404, ["detail"])
