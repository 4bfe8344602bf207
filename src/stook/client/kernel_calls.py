"""The calls of the Kernel dialect that its own SDKs lack: those of batches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict, TypeVar
from urllib.parse import quote

import msgspec

from stook.client.kernel_shapes import BatchCreated, BatchJob
from stook.client.request import JSON, UPLOAD, Request, headers_of, query_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from stook.client.kernel_shapes import BatchStatus
    from stook.client.request import Answer

__all__ = ["BatchOptions", "JobFilters", "cancel", "create", "events", "list_jobs", "results", "retrieve", "retry"]

T = TypeVar("T")
_STREAM = headers_of(None, accept="text/event-stream")


class BatchOptions(TypedDict, total=False):
    """`version` is a label (latest). `item_ids` are the caller's own names, one for each payload; `webhook_url` is
    called once when the batch has ended."""

    version: str
    max_concurrency: int
    async_timeout_seconds: int
    priority: int
    item_ids: Sequence[str]
    webhook_url: str


class JobFilters(TypedDict, total=False):
    """At most `limit` of them (50, 100 at the most), behind the first `offset`."""

    app_name: str
    action_name: str
    status: BatchStatus
    limit: int
    offset: int


def create(body: dict[str, Any], key: str | None) -> Request[BatchCreated]:
    """Sent again after a lost answer only under a key: it would start a second batch."""
    return Request(
        method="POST",
        path="/invocations/batch",
        read=_reader(BatchCreated),
        body=msgspec.json.encode(body),
        headers=headers_of(key, JSON),
        repeatable=key is not None,
        seconds=UPLOAD,
    )


def list_jobs(given: JobFilters) -> Request[list[BatchJob]]:
    return Request(method="GET", path="/batch_jobs", read=_reader(list[BatchJob]), query=query_of(given))


def retrieve(job: str) -> Request[BatchJob]:
    return Request(method="GET", path=_job(job), read=_reader(BatchJob), seconds=UPLOAD)


def events(job: str) -> Request[None]:
    return Request(method="GET", path=f"{_job(job)}/events", read=lambda _: None, headers=_STREAM)


def results(job: str) -> Request[None]:
    return Request(method="GET", path=f"{_job(job)}/results", read=lambda _: None)


def cancel(job: str, output: str | None) -> Request[BatchJob]:
    body = msgspec.json.encode({} if output is None else {"output": output})
    return Request(
        method="POST", path=f"{_job(job)}/cancel", read=_reader(BatchJob), body=body, headers=headers_of(None, JSON)
    )


def retry(job: str) -> Request[BatchCreated]:
    return Request(method="POST", path=f"{_job(job)}/retry", read=_reader(BatchCreated), repeatable=False)


def _job(job: str) -> str:
    return f"/batch_jobs/{quote(job, safe='')}"


def _reader(kind: Any) -> Callable[[Answer], Any]:
    decode = msgspec.json.Decoder(kind).decode
    return lambda answer: decode(answer.content)
