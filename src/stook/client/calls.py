"""Every call the client makes, each described once."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import msgspec

from stook.client.exact import reader
from stook.client.request import Request
from stook.wire.action import Acted, Cancel, ChangeBatchLimits, Pause, Resume, Retry
from stook.wire.batch import Appended, Batch, BatchPage, FailureGroups, NewBatch, Why
from stook.wire.execution import ExecutionDetail, ExecutionPage
from stook.wire.project import Project
from stook.wire.task import Task, TaskPage

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from stook.client.request import Answer, Body

__all__ = [
    "NDJSON",
    "append",
    "cancel",
    "change_limit",
    "create_batch",
    "delete",
    "execution",
    "executions",
    "failures",
    "follow_batch",
    "follow_execution",
    "list_batches",
    "new_key",
    "pause",
    "project",
    "results",
    "resume",
    "retry",
    "seal",
    "show",
    "states",
    "stream_batch",
    "submit",
    "tasks",
    "why",
]

JSON: Final = "application/json"
NDJSON: Final = "application/x-ndjson"
UPLOAD: Final = 600.0
"""Seconds for what a server does with a long body once it has all of it."""

Query = tuple[tuple[str, str], ...]


def new_key() -> str:
    """An Idempotency-Key of its own for a request, so that it can be sent again."""
    return uuid.uuid4().hex


def _headers(key: str | None, media_type: str | None = None, **others: str) -> tuple[tuple[bytes, bytes], ...]:
    given = {"content-type": media_type, "idempotency-key": key, **others}
    return tuple((name.encode(), value.encode()) for name, value in given.items() if value is not None)


def _query(given: Mapping[str, object]) -> Query:
    """What is None is left out."""
    return tuple((name, _word(value)) for name, value in given.items() if value is not None)


def _word(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return repr(value)
    return str(value)


def _batch(batch: str, what: str = "") -> str:
    return f"/batches/{quote(batch, safe='')}{what}"


def _post(path: str, body: msgspec.Struct | None, read: Any) -> Request[Any]:
    content = b"" if body is None else msgspec.json.encode(body)
    return Request(method="POST", path=path, read=read, body=content, headers=_headers(new_key(), JSON))


# ---------------------------------------------------------------------------------------------------------- batches in


def create_batch(body: NewBatch | bytes, key: str) -> Request[tuple[Batch, bool]]:
    """And whether it was made now."""
    content = body if isinstance(body, bytes) else msgspec.json.encode(body)
    return Request(
        method="POST", path="/batches", read=_created, body=content, headers=_headers(key, JSON), seconds=UPLOAD
    )


def stream_batch(
    options: Mapping[str, object], body: Body, media_type: str, *, key: str | None, encoding: str | None = None
) -> Request[tuple[Batch, bool]]:
    """The items are the body. Without a key it is sent once."""
    others = {} if encoding is None else {"content-encoding": encoding}
    return Request(
        method="POST",
        path="/batches",
        read=_created,
        query=_query(options),
        body=body,
        headers=_headers(key, media_type, **others),
        repeatable=key is not None,
        seconds=UPLOAD,
    )


def append(batch: str, body: bytes, media_type: str, options: Mapping[str, object]) -> Request[Appended]:
    """`options` have the offset, which makes it safe to send again."""
    return Request(
        method="POST",
        path=_batch(batch, "/items"),
        read=reader(Appended),
        query=_query(options),
        body=body,
        headers=_headers(None, media_type),
    )


def seal(batch: str) -> Request[Batch]:
    return _post(_batch(batch, "/seal"), None, reader(Batch))


def submit(body: bytes, wait: float | None) -> Request[tuple[ExecutionDetail, bool]]:
    """And whether it was made now."""
    return Request(
        method="POST",
        path="/executions",
        read=_submitted,
        query=_query({"wait": wait}),
        body=body,
        headers=_headers(new_key(), JSON),
        seconds=wait or 0.0,
    )


def _created(answer: Answer) -> tuple[Batch, bool]:
    return reader(Batch)(answer), answer.status == 201  # noqa: PLR2004 - created


def _submitted(answer: Answer) -> tuple[ExecutionDetail, bool]:
    return reader(ExecutionDetail)(answer), answer.status != 200  # noqa: PLR2004 - it was there


# ------------------------------------------------------------------------------------------------------------- looking


def tasks() -> Request[list[Task]]:
    return Request(method="GET", path="/tasks", read=_tasks)


def _tasks(answer: Answer) -> list[Task]:
    """Without a schema, `schema` is None."""
    made = []
    for one in reader(TaskPage)(answer).data:
        fields = {name: getattr(one, name) for name in Task.__struct_fields__}
        given = fields["schema"] is not None and bytes(fields["schema"]) != b"null"
        made.append(Task(**fields | {"schema": fields["schema"] if given else None}))
    return made


def project() -> Request[Project]:
    return Request(method="GET", path="/project", read=reader(Project))


def show(batch: str) -> Request[Batch]:
    return Request(method="GET", path=_batch(batch), read=reader(Batch))


def list_batches(**given: object) -> Request[BatchPage]:
    return Request(method="GET", path="/batches", read=reader(BatchPage), query=_query(given))


def why(batch: str) -> Request[Why]:
    return Request(method="GET", path=_batch(batch, "/why"), read=reader(Why))


def failures(batch: str) -> Request[FailureGroups]:
    return Request(method="GET", path=_batch(batch, "/failures"), read=reader(FailureGroups))


def states(batch: str, start: int, count: int) -> Request[bytes]:
    """The number of the state of each execution, one byte each."""
    query = _query({"from": start, "count": count})
    return Request(method="GET", path=_batch(batch, "/states"), read=lambda answer: answer.content, query=query)


def executions(batch: str, **given: object) -> Request[ExecutionPage]:
    path = _batch(batch, "/executions")
    return Request(method="GET", path=path, read=reader(ExecutionPage), query=_query(given))


def execution(batch: str, index: int) -> Request[ExecutionDetail]:
    return Request(method="GET", path=_batch(batch, f"/executions/{index}"), read=reader(ExecutionDetail))


# ------------------------------------------------------------------------------------------------------------- streams


def results(batch: str, order: str, after: int) -> Request[None]:
    """NDJSON of executions."""
    return _streamed(_batch(batch, "/results"), {"order": order, "after": after})


def follow_batch(batch: str, cursor: str | None, *, settled: bool, whole: bool = False) -> Request[None]:
    query = {"settled": settled, "results": whole or None, "after": "0" if cursor is None and settled else None}
    return _followed(_batch(batch, "/follow"), query, cursor)


def follow_execution(execution: str) -> Request[None]:
    return _followed(f"/executions/{execution}/follow", {}, None)


def _followed(path: str, query: Mapping[str, object], cursor: str | None) -> Request[None]:
    made = _streamed(path, query)
    headers = _headers(None, accept="text/event-stream", **({} if cursor is None else {"last-event-id": cursor}))
    return Request(method="GET", path=path, read=made.read, query=made.query, headers=headers)


def _streamed(path: str, query: Mapping[str, object]) -> Request[None]:
    return Request(method="GET", path=path, read=lambda _: None, query=_query(query))


# -------------------------------------------------------------------------------------------------------------- acting


def pause(batch: str, reason: str) -> Request[Acted]:
    return _post(_batch(batch, "/pause"), Pause(reason=reason), reader(Acted))


def resume(batch: str, *, ramp: bool) -> Request[Acted]:
    return _post(_batch(batch, "/resume"), Resume(ramp=ramp), reader(Acted))


def cancel(
    batch: str, *, hard: bool = False, reason: str = "cancelled by user", indexes: Collection[int] | None = None
) -> Request[Acted]:
    body = Cancel(hard=hard, reason=reason, indexes=None if indexes is None else list(indexes))
    return _post(_batch(batch, "/cancel"), body, reader(Acted))


def retry(
    batch: str, states: tuple[str, ...], group: str | None, indexes: Collection[int] | None, probe: int | None
) -> Request[Acted]:
    body = Retry(states=states, group=group, indexes=None if indexes is None else list(indexes), probe=probe)
    return _post(_batch(batch, "/retry"), body, reader(Acted))


def change_limit(batch: str, max_concurrency: int | None) -> Request[Acted]:
    return _post(_batch(batch, "/limits"), ChangeBatchLimits(max_concurrency=max_concurrency), reader(Acted))


def delete(batch: str) -> Request[None]:
    return Request(method="DELETE", path=_batch(batch), read=lambda _: None)
