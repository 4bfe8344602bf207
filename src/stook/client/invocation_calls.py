"""Calls that invoke tasks, and that ask for executions whatever batch they are in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import msgspec

from stook.client.calls import new_key
from stook.client.exact import reader
from stook.client.request import JSON, UPLOAD, Request, headers_of, query_of
from stook.wire.invocation import Affected, ExecutionStatus, Invoke, Invoked, StatusPage

if TYPE_CHECKING:
    from stook.wire.invocation import CancelExecutions, RetryExecutions

__all__ = ["cancel_executions", "find_executions", "invoke", "retry_executions", "status"]


def invoke(body: Invoke) -> Request[Invoked]:
    """With a key of its own, so that it can be sent again."""
    return _post("/invocations", body, reader(Invoked), UPLOAD)


def find_executions(**given: object) -> Request[StatusPage]:
    return Request(method="GET", path="/executions", read=reader(StatusPage), query=query_of(given))


def status(execution: str) -> Request[ExecutionStatus]:
    path = f"/executions/{quote(execution, safe='')}/status"
    return Request(method="GET", path=path, read=reader(ExecutionStatus))


def cancel_executions(body: CancelExecutions) -> Request[Affected]:
    return _post("/executions/cancel", body, reader(Affected))


def retry_executions(body: RetryExecutions) -> Request[Affected]:
    return _post("/executions/retry", body, reader(Affected))


def _post(path: str, body: msgspec.Struct, read: Any, seconds: float = 0.0) -> Request[Any]:
    content = msgspec.json.encode(body)
    headers = headers_of(new_key(), JSON)
    return Request(method="POST", path=path, read=read, body=content, headers=headers, seconds=seconds)
