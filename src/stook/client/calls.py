"""Every call the client makes, each described once."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import quote

import msgspec

from stook.client.exact import reader
from stook.client.request import JSON, UPLOAD, Request, headers_of, query_of
from stook.wire.action import Acted, Cancel, ChangeBatchLimits, Pause, Resume, Retry
from stook.wire.batch import Appended, Batch, BatchPage, FailureGroups, NewBatch, Why
from stook.wire.execution import EditExecution, ExecutionDetail, ExecutionPage, SkipExecution
from stook.wire.limit import ChangeLimits, LimitChanged, LimitPage
from stook.wire.log import LogPage
from stook.wire.task import Task, TaskPage

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from stook.client.request import Answer, Body
    from stook.core.retry_scope import RetryScope

__all__ = [
    "NDJSON",
    "append",
    "cancel",
    "change_limit",
    "change_limits",
    "create_batch",
    "delete",
    "edit",
    "execution",
    "executions",
    "failures",
    "follow_batch",
    "follow_execution",
    "limits",
    "list_batches",
    "logs",
    "new_key",
    "pause",
    "results",
    "resume",
    "retry",
    "seal",
    "show",
    "skip",
    "states",
    "stream_batch",
    "submit",
    "tasks",
    "why",
]

T = TypeVar("T")
NDJSON: Final = "application/x-ndjson"


def new_key() -> str:
    """An Idempotency-Key of its own for a request, so that it can be sent again."""
    return uuid.uuid4().hex


def _batch(batch: str, what: str = "") -> str:
    return f"/batches/{quote(batch, safe='')}{what}"


def _post(path: str, body: msgspec.Struct | None, read: Any) -> Request[Any]:
    content = b"" if body is None else msgspec.json.encode(body)
    return Request(method="POST", path=path, read=read, body=content, headers=headers_of(new_key(), JSON))


def _patch(path: str, body: msgspec.Struct, read: Any, key: str | None) -> Request[Any]:
    content = msgspec.json.encode(body)
    return Request(method="PATCH", path=path, read=read, body=content, headers=headers_of(key, JSON))


# ---------------------------------------------------------------------------------------------------------- batches in


def create_batch(body: NewBatch | bytes, key: str) -> Request[tuple[Batch, bool]]:
    """And whether it was made now."""
    content = body if isinstance(body, bytes) else msgspec.json.encode(body)
    return Request(
        method="POST", path="/batches", read=_created, body=content, headers=headers_of(key, JSON), seconds=UPLOAD
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
        query=query_of(options),
        body=body,
        headers=headers_of(key, media_type, **others),
        repeatable=key is not None,
        seconds=UPLOAD,
    )


def append(batch: str, body: bytes, media_type: str, options: Mapping[str, object]) -> Request[Appended]:
    """`options` have the offset, which makes it safe to send again."""
    return Request(
        method="POST",
        path=_batch(batch, "/items"),
        read=reader(Appended),
        query=query_of(options),
        body=body,
        headers=headers_of(None, media_type),
    )


def seal(batch: str) -> Request[Batch]:
    return _post(_batch(batch, "/seal"), None, reader(Batch))


def submit(body: bytes, wait: float | None) -> Request[tuple[ExecutionDetail, bool]]:
    """And whether it was made now."""
    return Request(
        method="POST",
        path="/executions",
        read=_submitted,
        query=query_of({"wait": wait}),
        body=body,
        headers=headers_of(new_key(), JSON),
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
    return reader(TaskPage)(answer).data


def show(batch: str) -> Request[Batch]:
    return Request(method="GET", path=_batch(batch), read=reader(Batch))


def list_batches(**given: object) -> Request[BatchPage]:
    return Request(method="GET", path="/batches", read=reader(BatchPage), query=query_of(given))


def why(batch: str) -> Request[Why]:
    return Request(method="GET", path=_batch(batch, "/why"), read=reader(Why))


def failures(batch: str) -> Request[FailureGroups]:
    return Request(method="GET", path=_batch(batch, "/failures"), read=reader(FailureGroups))


def states(batch: str, start: int, count: int) -> Request[bytes]:
    """The number of the state of each execution, one byte each."""
    query = query_of({"from": start, "count": count})
    return Request(method="GET", path=_batch(batch, "/states"), read=lambda answer: answer.content, query=query)


def executions(batch: str, **given: object) -> Request[ExecutionPage]:
    path = _batch(batch, "/executions")
    return Request(method="GET", path=path, read=reader(ExecutionPage), query=query_of(given))


def execution(batch: str, index: int) -> Request[ExecutionDetail]:
    return Request(method="GET", path=_batch(batch, f"/executions/{index}"), read=reader(ExecutionDetail))


def logs(execution: str, **given: object) -> Request[LogPage]:
    return Request(
        method="GET",
        path=f"/executions/{execution}/logs",
        read=reader(LogPage),
        query=query_of({**given, "format": "json"}),
    )


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
    headers = headers_of(None, accept="text/event-stream", **({} if cursor is None else {"last-event-id": cursor}))
    return Request(method="GET", path=path, read=made.read, query=made.query, headers=headers)


def _streamed(path: str, query: Mapping[str, object]) -> Request[None]:
    return Request(method="GET", path=path, read=lambda _: None, query=query_of(query))


# -------------------------------------------------------------------------------------------------------------- acting


def pause(batch: str, reason: str) -> Request[Acted]:
    return _post(_batch(batch, "/pause"), Pause(reason=reason), reader(Acted))


def resume(batch: str, *, ramp: bool) -> Request[Acted]:
    return _post(_batch(batch, "/resume"), Resume(ramp=ramp), reader(Acted))


def cancel(
    batch: str,
    *,
    hard: bool = False,
    reason: str = "cancelled by user",
    indexes: Collection[int] | None = None,
    keys: Collection[str] | None = None,
    tag: str | None = None,
) -> Request[Acted]:
    body = Cancel(hard=hard, reason=reason, indexes=_listed(indexes), keys=_listed(keys), tag=tag)
    return _post(_batch(batch, "/cancel"), body, reader(Acted))


def retry(
    batch: str,
    scope: RetryScope,
    probe: int | None = None,
    overrides: Mapping[int, bytes] | None = None,
    merge: bytes | None = None,
) -> Request[Acted]:
    body = Retry(
        states=scope.states,
        group=scope.group,
        indexes=_listed(scope.indexes),
        keys=_listed(scope.keys),
        tag=scope.tag,
        code=scope.code,
        type=scope.type,
        from_=scope.start or None,
        to=scope.stop,
        probe=probe,
        overrides=None if overrides is None else {str(at): msgspec.Raw(one) for at, one in overrides.items()},
        merge=msgspec.Raw(merge or b"null"),
    )
    return _post(_batch(batch, "/retry"), body, reader(Acted))


def _listed(given: Collection[T] | None) -> list[T] | None:
    return None if given is None else list(given)


def edit(execution: str, payload: bytes, *, again: bool) -> Request[ExecutionDetail]:
    body = EditExecution(input=msgspec.Raw(payload), retry=again)
    return _patch(f"/executions/{execution}", body, reader(ExecutionDetail), new_key())


def skip(execution: str, reason: str) -> Request[ExecutionDetail]:
    return _post(f"/executions/{execution}/skip", SkipExecution(reason=reason), reader(ExecutionDetail))


def limits() -> Request[LimitPage]:
    return Request(method="GET", path="/limits", read=reader(LimitPage))


def change_limits(body: ChangeLimits) -> Request[LimitChanged]:
    return _patch("/limits", body, reader(LimitChanged), None)


def change_limit(batch: str, max_concurrency: int | None) -> Request[Acted]:
    return _post(_batch(batch, "/limits"), ChangeBatchLimits(max_concurrency=max_concurrency), reader(Acted))


def delete(batch: str) -> Request[None]:
    return Request(method="DELETE", path=_batch(batch), read=lambda _: None)
