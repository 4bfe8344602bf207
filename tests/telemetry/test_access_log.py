"""One line per request, and never a secret in any line."""

from __future__ import annotations

import json
import logging

import httpx
import pytest

from stook.server.routes import ROUTES
from stook.telemetry.json_lines import JsonLines
from tests.cli.conftest import until
from tests.server.serving import SECRET

LOOKS_SECRET = "stk_first_" + "s3cr3t" * 8
IN_QUERY = "queryhush42"
IN_BODY = "bodyhush42"
IN_HEADER = "headerhush42"
NOT_OURS = ("http", "uvicorn.access")
"""The client's; and what has no handler but pytest's, which also listens where nothing is handed on."""


@pytest.fixture
def lines(caplog):
    """What was logged since, as JSON."""
    caplog.set_level(logging.DEBUG)

    def read(logger=None):
        made = [JsonLines().format(record) for record in caplog.records if not record.name.startswith(NOT_OURS)]
        return [one for one in map(json.loads, made) if logger in (None, one["logger"])]

    def said(count):
        """Lines of access. They are said once an answer is on its way, which the client may know before."""
        until(lambda: len(read("stook.access")) >= count, f"{count} lines")
        return read("stook.access")

    def clear():
        said(1)
        caplog.clear()

    read.clear, read.said = clear, said
    return read


def test_a_request_is_one_line(served, lines):
    batch = served.client.post("/api/v1/batches", json={"task": "t", "items": [1]}).json()["id"]
    lines.clear()
    answer = served.client.get(f"/api/v1/batches/{batch}", headers={"x-request-id": "mine-1"})
    assert answer.status_code == 200
    (line,) = lines.said(1)
    assert line["level"] == "info"
    assert (line["request_id"], line["method"], line["route"]) == ("mine-1", "GET", "/api/v1/batches/{batch}")
    assert (line["status"], line["batch"], line["project"]) == (200, batch, "default")
    assert 0 < line["duration"] < 60
    assert line["key"] == served.secret.split("_")[1]


def test_a_refusal_says_its_code(served, lines):
    served.client.get("/api/v1/batches/nope")
    (line,) = lines.said(1)
    assert (line["status"], line["code"]) == (404, "not_found")
    assert "batch" not in line


def test_what_machines_ask_all_the_time_is_said_to_debuggers(served, lines):
    assert served.client.get("/healthz").status_code == 200
    served.client.post("/api/v1/worker/claim", content=b"nonsense", headers={"content-type": "application/msgpack"})
    assert [(line["route"], line["level"]) for line in lines.said(2)] == [
        ("/healthz", "debug"),
        ("/api/v1/worker/claim", "info"),
    ]


def test_no_refusal_of_any_route_logs_a_secret(served, lines):
    """Keys and other things in every place where a client can put them; answered by every kind of refusal."""
    headers = {
        "x-request-id": LOOKS_SECRET,
        "idempotency-key": LOOKS_SECRET,
        "cookie": IN_HEADER,
        "x-token": IN_HEADER,
        "last-event-id": LOOKS_SECRET,
    }
    body = json.dumps({"task": IN_BODY, "items": [IN_BODY], "secret": LOOKS_SECRET, IN_BODY: LOOKS_SECRET})
    keys = [LOOKS_SECRET, served.secret, served.as_key("read").headers["authorization"].partition(" ")[2], None]
    types = ["application/json", "application/x-ndjson", "application/msgpack", IN_HEADER]
    statuses = set()
    with httpx.Client(base_url=served.url, timeout=60) as client:
        for number, route in enumerate(ROUTES):
            path = route.path
            for name in ("batch", "execution", "index", "key", "action", "project"):
                path = path.replace("{" + name + "}", LOOKS_SECRET)
            for method in (route.method, "PUT"):
                for place, key in enumerate(keys):
                    given = headers if key is None else headers | {"authorization": f"Bearer {key}"}
                    with client.stream(
                        method,
                        path,
                        params={"token": IN_QUERY, "after": LOOKS_SECRET},
                        content=body if method != "GET" else None,
                        headers=given | {"content-type": types[(number + place) % len(types)]},
                    ) as answer:
                        statuses.add(answer.status_code)
        client.get(f"/{LOOKS_SECRET}/{IN_QUERY}")
    assert {400, 401, 403, 404, 405, 415} <= statuses
    said = json.dumps(lines())
    assert len(lines("stook.access")) > 200
    for secret in (LOOKS_SECRET, IN_QUERY, IN_BODY, IN_HEADER, *filter(None, keys), SECRET, "Bearer"):
        assert secret not in said
