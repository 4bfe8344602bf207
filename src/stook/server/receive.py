"""Batches in: whole, streamed, or piece by piece."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, assert_never

import msgspec

from stook.core.errors import PayloadTooLarge
from stook.core.payload import validate_many
from stook.engine.options import Block, Options
from stook.engine.receiving import Contended, Received
from stook.server.call import JSON, answer, unsupported
from stook.server.refusal import RETRY_AFTER, Refusal
from stook.server.route import Route
from stook.server.shown import batch_of_view
from stook.wire.batch import Appended, AppendQuery, Batch, NewBatch, NewItems, StreamOptions
from stook.wire.following import NoQuery
from stook.wire.stamp import micros

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence

    from starlette.responses import Response

    from stook.engine.receiving import OffsetMismatch
    from stook.server.call import Call
    from stook.server.ports import BodyFormat, Readable

__all__ = ["ROUTES"]

FORMATS: Final[dict[str, BodyFormat]] = {
    "application/x-ndjson": "jsonl",
    "application/jsonl": "jsonl",
    "application/x-jsonlines": "jsonl",
    "text/csv": "csv",
    "application/vnd.apache.parquet": "parquet",
}


async def create_batch(call: Call) -> Response:
    """Its items are the body's, or follow."""
    if call.media_type in FORMATS:
        return await _create_streamed(call)
    if call.media_type != JSON:
        raise unsupported(call.media_type, JSON, *FORMATS)
    call.query(NoQuery)
    body = await call.body(NewBatch, call.services.limits.batch_bytes)
    if body.items is None and not body.open:
        raise Refusal(400, "option_error", "body: there are no items", hint="give items, or open: true", field="items")
    if body.items is None:
        _check_no_times(body)
    block = _block(call, body, body.key, body.tag, body.dedupe_key)
    options = _options(call, body, body.metadata)
    task = await call.tenant.tasks.find(body.task)
    received = await call.tenant.receiving.whole(
        task.name, task.policy, [block] if block.payloads else [], options, sealed=not body.open
    )
    return await _received(call, received)


async def _create_streamed(call: Call) -> Response:
    query = call.query(StreamOptions)
    options = _options(call, query, _metadata(query.metadata))
    task = await call.tenant.tasks.find(query.task)
    async with _blocks(call, query.key, query.dedupe_key, query.tag) as blocks:
        received = await call.tenant.receiving.stream(task.name, task.policy, blocks, options, sealed=not query.open)
    return await _received(call, received)


async def _received(call: Call, received: Received | Contended) -> Response:
    match received:
        case Received(batch_id, created):
            return await _shown(call, batch_id, created=created)
        case Contended():
            raise Refusal(
                409,
                "conflict",
                "another request with this key is submitting the batch at this moment",
                hint="send the same again in a moment",
                headers={"retry-after": str(RETRY_AFTER)},
            )
        case _:
            assert_never(received)


async def append_items(call: Call) -> Response:
    """Adds items to an open batch at an offset. What it already has is compared and passed over, so that a lost answer
    is got by asking again."""
    batch_id = await call.batch_id()
    query = call.query(AppendQuery)
    options = _options(call, query, None)
    if call.media_type in FORMATS:
        async with _blocks(call, query.key, query.dedupe_key, query.tag) as blocks:
            mismatch = await call.tenant.receiving.append(batch_id, query.offset, blocks, options)
    elif call.media_type == JSON:
        body = await call.body(NewItems, call.services.limits.batch_bytes)
        block = _block(call, body, query.key, query.tag, query.dedupe_key)
        mismatch = await call.tenant.receiving.append(batch_id, query.offset, _one(block), options)
    else:
        raise unsupported(call.media_type, JSON, *FORMATS)
    if mismatch is not None:
        raise _mismatch(mismatch, query.offset)
    view = await call.tenant.engine.show(batch_id)
    return answer(Appended(view.consumed, view.counters.total))


async def seal_batch(call: Call) -> Response:
    batch_id = await call.batch_id()
    await call.tenant.engine.seal(batch_id)
    return answer(await _batch(call, batch_id))


def _mismatch(found: OffsetMismatch, offset: int) -> Refusal:
    if found.index is None:
        message = f"the batch has consumed {found.expected} items, these begin at {offset}"
    else:
        message = f"item {found.index} is another one than the batch has"
    return Refusal(
        409,
        "offset_mismatch",
        message,
        hint=f"go on at offset {found.expected}",
        index=found.index,
        expected=found.expected,
    )


def _check_no_times(body: NewBatch) -> None:
    for name in ("run_at", "delay", "expires_in"):
        if getattr(body, name) is not None:
            raise Refusal(
                400,
                "option_error",
                f"body: {name} is for items, and there are none",
                hint="give it with the items that are appended",
                field=name,
            )


def _options(call: Call, given: NewBatch | StreamOptions | AppendQuery, metadata: dict[str, Any] | None) -> Options:
    run_at = None if given.run_at is None else micros(given.run_at)
    if isinstance(given, AppendQuery):
        return Options(run_at=run_at, delay=given.delay, expires_in=given.expires_in)
    return Options(
        name=given.name,
        key=call.idempotency_key,
        priority=given.priority,
        max_concurrency=given.max_concurrency,
        run_at=run_at,
        delay=given.delay,
        expires_in=given.expires_in,
        deadline=given.deadline,
        metadata=metadata,
        webhooks=_endpoints(given.webhooks),
    )


def _endpoints(given: str | Sequence[str] | None) -> Sequence[str]:
    """Those of a query stand with commas between."""
    if isinstance(given, str):
        return given.split(",")
    return given or ()


def _metadata(text: str | None) -> dict[str, Any] | None:
    if text is None:
        return None
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise Refusal(400, "option_error", f"query: metadata is no JSON object: {error}", field="metadata") from None


def _block(call: Call, body: NewBatch | NewItems, key: str | None, tag: str | None, dedupe_key: str | None) -> Block:
    items = body.items or []
    for field, column, name in (("keys", body.keys, key), ("tags", body.tags, tag)):
        one = field.removesuffix("s")
        if column is not None and name is not None:
            raise Refusal(400, "option_error", f"body: give {field} or {one}, not both", field=field)
        if column is not None and len(column) != len(items):
            message = f"body: {len(column)} {field} for {len(items)} items"
            raise Refusal(400, "option_error", message, hint="one each", field=field)
    payloads = validate_many([bytes(one) for one in items])
    call.services.figures.http.submitted.inc(len(payloads))
    most = call.services.blobs.most
    for index, payload in enumerate(payloads):
        if len(payload) > most:
            raise PayloadTooLarge(len(payload), most, index=index)
    return call.services.items.marked(payloads, keys=body.keys, key=key, dedupe_key=dedupe_key, tags=body.tags, tag=tag)


def _blocks(call: Call, key: str | None, dedupe_key: str | None, tag: str | None) -> Any:
    kind = FORMATS[call.media_type]
    services = call.services
    most = services.blobs.most

    def decode(body: Readable) -> Iterator[Block]:
        for block in services.items.read(body, kind, key=key, dedupe_key=dedupe_key, tag=tag, most=most):
            services.figures.http.submitted.inc(len(block.payloads))
            yield block

    return services.uploads.blocks(call.stream, call.header("content-encoding") or "", decode)


async def _one(block: Block) -> AsyncIterator[Block]:
    yield block


async def _shown(call: Call, batch_id: bytes, *, created: bool) -> Response:
    batch = await _batch(call, batch_id)
    if not created:
        return answer(batch)
    return answer(batch, 201, {"location": f"/api/v1/batches/{batch.id}"})


async def _batch(call: Call, batch_id: bytes) -> Batch:
    view = await call.tenant.engine.show(batch_id)
    return batch_of_view(view, call.services.paces.rate(view))


SENT = (*FORMATS,)
ROUTES = [
    Route(
        method="POST",
        path="/api/v1/batches",
        name="create_batch",
        scope="submit",
        handler=create_batch,
        summary="Submit a batch, with its items or open for more",
        query=StreamOptions,
        body=NewBatch,
        sends=SENT,
        answers=((201, Batch), (200, Batch)),
        headers=("Idempotency-Key", "Content-Encoding"),
        query_of_streams=True,
    ),
    Route(
        method="POST",
        path="/api/v1/batches/{batch}/items",
        name="append_items",
        scope="submit",
        handler=append_items,
        summary="Append items to an open batch at an offset",
        query=AppendQuery,
        body=NewItems,
        sends=SENT,
        answers=((200, Appended),),
        headers=("Content-Encoding",),
    ),
    Route(
        method="POST",
        path="/api/v1/batches/{batch}/seal",
        name="seal_batch",
        scope="submit",
        handler=seal_batch,
        summary="No more items; twice is once",
        answers=((200, Batch),),
        once=True,
    ),
]
