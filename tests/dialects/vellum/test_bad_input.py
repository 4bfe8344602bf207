"""Every route, asked in every way that is almost right: it says no in the client's shape, or does what it can."""

from __future__ import annotations

import json
import re
import uuid
from itertools import islice

import httpx
import pytest

from stook.server.dialects.vellum import DIALECT
from tests.dialects.vellum.workflows import archive_of, given, text

ROUTES = {f"{one.method} {one.path}": one for one in DIALECT.routes}
UNKNOWN = str(uuid.UUID(int=7, version=4))
JUNK = [
    *(
        "null",
        "true",
        "-1",
        "0.5",
        "1e400",
        str(10**400),
        "NaN",
        '""',
        '"x"',
        '"a\\u0000b"',
        '"\\ud800"',
        '"' + "y" * 5000 + '"',
    ),
    *(
        "[]",
        "[null]",
        '["x"]',
        "[[]]",
        "{}",
        '{"x":1}',
        '{"":null}',
        "[" * 2000 + "]" * 2000,
        '{"a":' * 2000 + "1" + "}" * 2000,
    ),
]
BODIES = [b"", b" ", b"{", b"[]", b"null", b"1", b'"x"', b"\xff\xfe", b"[{}]", b'{"":{}}', b"\xef\xbb\xbf{}", b"{}{}"]
PLACES = [
    "no-uuid",
    UNKNOWN,
    "%00",
    "%ED%A0%80",
    "%20",
    "x" * 3000,
    "..%2F..",
    "%25s",
    "'--",
    "hello%2Fx",
    "LATEST",
    "-1",
]
QUERY = {
    "limit": ["0", "-1", "1001", "x", "1e3", "9" * 30, "\u0661", "1 "],
    "offset": ["-1", "x", "9" * 30, "2147483648"],
    "ordering": ["size", "-", ",", "--timestamp", "timestamp,,state"],
    "status": ["active", "x\0"],
    "source": ["x"],
    "filters": ["x", "{}", "[]", "null", '{"type":"LOGICAL_CONDITION"}', "[" * 5000],
    "span_limit": ["0", "x", "99999"],
    "prev_span_id": ["x", UNKNOWN],
    "release_tag": ["x", "a..b", "\0", "z" * 2000],
    "trace_id": ["\0", "x" * 5000],
    "workflow_deployment_name": ["\0", "x" * 5000],
    "endpoint": ["x"],
    "state": ["x"],
    "after": ["x"],
    "since": ["x"],
    "event": ["x"],
    "execution": ["x"],
}
ITEM = {"inputs": [text("do", "greet"), text("n", 1.0, "NUMBER")], "external_id": None, "metadata": {"a": 1}}
SUBMISSION = {
    **given("greet"),
    "workflow_deployment_id": None,
    "release_tag": "LATEST",
    "external_id": None,
    "metadata": {},
    "previous_execution_id": None,
    "expand_meta": {"usage": True},
    "event_types": ["NODE"],
}
GOOD = {
    "POST /v1/execute-workflow-async": SUBMISSION,
    "POST /v1/execute-workflow": SUBMISSION,
    "POST /v1/execute-workflow-stream": SUBMISSION,
    "POST /v1/workflow-deployments/{deployment}/execute-stream": {
        "inputs": {"do": "greet"},
        "release_tag": "LATEST",
        "external_id": None,
        "metadata": {},
        "trigger": None,
        "previous_execution_id": None,
    },
    "POST /v1/execute-workflow-batch": {"workflow_deployment_name": "hello", "release_tag": None, "items": [ITEM]},
    "PATCH /v1/workflow-deployments/{deployment}/release-tags/{tag}": {"history_item_id": UNKNOWN},
    "POST /v1/submit-workflow-execution-actuals": {
        "actuals": [
            {"output_type": "STRING", "output_key": "greeting", "quality": 0.5, "metadata": {}, "timestamp": 1}
        ],
        "execution_id": UNKNOWN,
        "external_id": None,
    },
    "POST /monitoring/v1/events": {"id": "bad-input", "name": "n", "trace_id": "t", "span_id": "s"},
    "POST /v1/webhook-endpoints": {
        "url": "https://hooks.example.com/in",
        "secret": None,
        "events": [],
        "deployments": [],
        "description": "d",
        "auth": {"type": "none"},
    },
    "PATCH /v1/webhook-endpoints/{endpoint}": {"description": "d", "deployments": [], "events": [], "url": None},
    "PUT /v1/workspaces/hmac-secret": {"secret": "0123456789abcdef", "after": 0.5},
    "POST /v1/webhook-endpoints/{endpoint}/replay": {"since": None, "state": None},
}
BESIDE = {"detail", "execution_id"}


def judged(answer, *asked):
    """Its status, which is no fault of the server's."""
    assert answer.status_code < 500, (asked, answer.text[:500])
    if answer.status_code >= 400:
        assert answer.headers["content-type"] == "application/json", asked
        body = answer.json()
        assert isinstance(body["detail"], str), (asked, body)
        assert set(body) <= BESIDE, (asked, body)
        assert len(answer.content) < 20_000, "what was wrong is not said back whole"
    return answer.status_code


def filled(path, place="hello"):
    return re.sub(r"\{\w+\}", place, path)


@pytest.mark.parametrize("name", ROUTES)
def test_without_a_key_or_the_right_one(workflows, client, name):
    one = ROUTES[name]
    with httpx.Client(base_url=client.base_url) as bare:
        found = judged(bare.request(one.method, filled(one.path, UNKNOWN)), name)
        assert found == (200 if one.scope is None else 401)
        if one.scope is not None:
            assert judged(bare.request(one.method, filled(one.path), headers={"x-api-key": "stk_a_b"}), name) == 401
    other = "PUT" if f"PUT {one.path}" not in ROUTES else "PATCH"
    assert judged(client.request(other, filled(one.path)), name) == 405


@pytest.mark.parametrize("name", [name for name in ROUTES if "{" in name])
def test_places_that_are_not_there(client, name):
    one = ROUTES[name]
    for place in PLACES:
        for path in {
            filled(one.path, place),
            *(one.path.replace(part, place, 1) for part in re.findall(r"\{\w+\}", one.path)[:1]),
        }:
            asked = filled(path)
            found = judged(client.request(one.method, asked, json=GOOD.get(name)), name, asked)
            assert found in (200, 204, 400, 404, 405), (name, asked, found)


ASKS = (
    "events",
    "deployments",
    "tags",
    "releases",
    "batches",
    "executions",
    "detail",
    "pull",
    "endpoints",
    "deliveries",
)


@pytest.mark.parametrize("name", [name for name in ROUTES if name.startswith("GET") and name.endswith(ASKS)])
def test_words_of_a_query(client, name):
    one = ROUTES[name]
    path = filled(one.path)
    for word, values in QUERY.items():
        for value in values:
            judged(client.get(path, params={word: value}), name, word, value)
    judged(client.get(path, params={"unknown": "x", "x" * 2000: "y"}), name)


@pytest.mark.parametrize(
    "name", [name for name in ROUTES if name.split()[0] in ("POST", "PATCH", "PUT") and "push" not in name]
)
def test_bodies(client, name):
    one = ROUTES[name]
    path = filled(one.path)

    def sent(body, **headers):
        return judged(client.request(one.method, path, content=body, headers=headers), name, body[:300])

    for body in BODIES:
        sent(body)
    known = GOOD.get(name)
    assert known is None or json.loads(json.dumps(known)) == known
    same = known is SUBMISSION and not path.endswith("async")  # read as that one reads it
    for body in () if known is None else islice(spoilt(known), None, None, 7 if same else 1):
        sent(body)
    if known is not None:
        sent(json.dumps(known | {"unknown": [1], "": None}).encode(), **{"content-type": "text/plain"})
        huge = b'{"unknown":"' + b"x" * 70_000_000 + b'"}' if "batch" in path or "events" in path else b"x" * 9_000_000
        assert sent(huge) in (400, 404, 413)


def spoilt(known):
    """Each value in it once as everything else, and left out."""
    mark = '"?"'
    for path in places(known):
        for other in JUNK:
            yield json.dumps(put(known, path, "?")).replace(mark, other, 1).encode(errors="surrogatepass")
        yield json.dumps(put(known, path, None, leave_out=True)).encode()


def places(value, at=()):
    if at:
        yield at
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, one in inside:
        yield from places(one, (*at, name))


def put(value, path, new, *, leave_out=False):
    copy = json.loads(json.dumps(value))
    place = copy
    for step in path[:-1]:
        place = place[step]
    if leave_out:
        del place[path[-1]]
    else:
        place[path[-1]] = new
    return copy


def test_pushes(workflows, client):
    artifact = ("hello.tar.gz", archive_of(), "application/x-tar")
    config = {"name": "n", "label": "l", "description": "d", "release_tags": ["v1"], "release_description": "r"}
    texts = {"exec_config", "workflow_sandbox_id", "deployment_config", "dataset", "dry_run", "strict"}
    for name in sorted(texts):
        for junk in JUNK:
            sent = {"workflow_sandbox_id": UNKNOWN, name: junk}
            if name == "workflow_sandbox_id" and junk == '""':
                continue  # is as good as left out
            found = judged(client.post("/v1/workflows/push", data=sent, files={"artifact": artifact}), name, junk)
            assert found in (400, 404), (name, junk, found)
    for body in spoilt(config):
        sent = {"deployment_config": body.decode(errors="replace"), "workflow_sandbox_id": UNKNOWN}
        assert judged(client.post("/v1/workflows/push", data=sent, files={"artifact": artifact}), body) in (400, 404)
    for name, content in (
        ("hello.tar.gz", b""),
        ("hello.tar.gz", b"no tar"),
        ("hello.zip", archive_of()),
        ("", archive_of()),
        (".tar.gz", archive_of()),
        ("a\\0b.tar.gz", b"x"),
        ("x" * 3000 + ".tar.gz", b"x"),
        ("hello.tar.gz", archive_of(**{"../evil.py": "x"})),
        ("hello.tar.gz", archive_of(**{"/etc/evil.py": "x"})),
    ):
        found = judged(client.post("/v1/workflows/push", files={"artifact": (name, content)}), name)
        assert found == 400, (name, found)
    for kind, body in (("multipart/form-data", b"x"), ("multipart/form-data; boundary=b", b"--b\r\n\r\n"), ("", b"x")):
        assert judged(client.post("/v1/workflows/push", content=body, headers={"content-type": kind}), kind) in (
            400,
            413,
        )
