"""Every call the client makes is one that the server answers."""

from __future__ import annotations

import re

import msgspec
import pytest

from stook.client import calls, invocation_calls
from stook.core.retry_scope import RetryScope
from stook.server.routes import ROUTES
from stook.wire.batch import NewBatch
from stook.wire.invocation import CancelExecutions, Invoke, RetryExecutions
from stook.wire.limit import ChangeLimits

ID = "0192f0c1-7b7e-7000-8a2b-3c4d00000000"
MADE = {
    "append": calls.append(ID, b"1\n", calls.NDJSON, {"offset": 0, "key": "id", "delay": 0.5}),
    "cancel": calls.cancel(ID, indexes=[1]),
    "change_limit": calls.change_limit(ID, None),
    "change_limits": calls.change_limits(ChangeLimits(queue="q", paused=True)),
    "create_batch": calls.create_batch(NewBatch(task="t", open=True), "k"),
    "delete": calls.delete(ID),
    "edit": calls.edit(ID, b"[1]", again=False),
    "execution": calls.execution(ID, 3),
    "executions": calls.executions(ID, state="failed", group="g", key="k", after=3, limit=5, tracebacks=True),
    "failures": calls.failures(ID),
    "follow_batch": calls.follow_batch(ID, "7", settled=True, whole=True),
    "follow_execution": calls.follow_execution(ID),
    "limits": calls.limits(),
    "list_batches": calls.list_batches(state="open,queued", task="t", name="n", after=ID, limit=3),
    "logs": calls.logs(ID, attempt=1),
    "pause": calls.pause(ID, "lunch"),
    "results": calls.results(ID, "settled", 3),
    "resume": calls.resume(ID, ramp=False),
    "retry": calls.retry(ID, RetryScope(indexes=(3,), start=1, stop=9), 1, {3: b"1"}, b'{"a":null}'),
    "seal": calls.seal(ID),
    "show": calls.show(ID),
    "skip": calls.skip(ID, "no"),
    "states": calls.states(ID, 3, 4),
    "stream_batch": calls.stream_batch({"task": "t", "key": "id"}, lambda: iter([]), calls.NDJSON, key="k"),
    "submit": calls.submit(b"{}", 3.0),
    "tasks": calls.tasks(),
    "why": calls.why(ID),
}


INVOCATIONS = {
    "cancel_executions": invocation_calls.cancel_executions(CancelExecutions(ids=[ID], reason="x")),
    "find_executions": invocation_calls.find_executions(task="t", state="queued,failed", after=ID, limit=3),
    "invoke": invocation_calls.invoke(Invoke(items=[msgspec.Raw(b'{"payload":1}')], task="t", series={})),
    "retry_executions": invocation_calls.retry_executions(RetryExecutions(tag="red", state=["failed"])),
    "status": invocation_calls.status(ID),
}


def route_of(request):
    for route in ROUTES:
        pattern = re.sub(r"\{\w+(:\w+)?\}", "[^/]+", route.path)
        if route.method == request.method and re.fullmatch(pattern, f"/api/v1{request.path}"):
            return route
    raise LookupError(f"{request.method} {request.path}")


def test_all_are_here():
    assert set(MADE) == set(calls.__all__) - {"NDJSON", "new_key"}
    assert set(INVOCATIONS) == set(invocation_calls.__all__)


@pytest.mark.parametrize("name", sorted(MADE | INVOCATIONS))
def test_the_server_has_its_route(name):
    request = (MADE | INVOCATIONS)[name]
    route = route_of(request)
    headers = {key.decode(): value.decode() for key, value in request.headers}
    if request.query:
        msgspec.convert(dict(request.query), route.query, strict=False)  # which refuses what it does not know
    if "idempotency-key" in headers:
        assert route.once or "Idempotency-Key" in route.headers
    elif request.method == "POST":
        assert "offset" in dict(request.query)  # nothing is posted without what makes it safe to send again
    if isinstance(request.body, bytes) and request.body and headers["content-type"] == "application/json":
        assert name == "submit" or msgspec.json.decode(request.body, type=route.body)


def test_each_request_has_a_key_of_its_own():
    keys = {dict(calls.pause(ID, "x").headers)[b"idempotency-key"] for _ in range(100)}
    assert len(keys) == 100
