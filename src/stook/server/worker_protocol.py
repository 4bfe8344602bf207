"""Workers that have nothing but HTTP: they claim, settle and renew as those beside the store do.

    seen ─▶ claim ─▶ … renew, logs, remember … ─▶ settle ─▶ claim ─▶ nothing there? wait ─▶ … ─▶ gone

The tokens of its leases are what a worker's word counts for: random numbers that nobody else knows.
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Final, TypeVar
from urllib.parse import quote

import msgspec
from starlette.responses import Response

from stook.core.work import Claim
from stook.server.call import unsupported
from stook.server.refusal import Refusal, wrong_shape
from stook.server.route import Route
from stook.server.worker_checks import check_schemas, check_settlements, check_token
from stook.server.worker_logs import check_logs
from stook.server.worker_memos import check_remembers
from stook.server.worker_outside import do_outside
from stook.server.worker_registration import register_seen
from stook.store.script.register import forget_deployment
from stook.store.script.worker_row import forget_worker, see_worker
from stook.wire.outside import AskOutside
from stook.wire.work import (
    MSGPACK,
    ClaimWork,
    KeepLogs,
    Remembered,
    RememberWork,
    RenewLeases,
    SeeWorker,
    SettleWork,
    Waited,
    WaitForWork,
    WorkerGone,
    pack,
    unpack,
)

if TYPE_CHECKING:
    from stook.server.call import Call

__all__ = ["ROUTES"]

T = TypeVar("T")
LEAST_BYTES: Final = 16 * 2**20
"""That a body of outcomes may have at least, whatever the limit of one result."""


async def claim(call: Call) -> Response:
    """Answers at once, with what there is; the `request` of the worker's last claim is answered as it was before."""
    body = await _body(call, ClaimWork)
    asked = Claim(_named(call, body.worker), body.tasks, body.items, body.idle, body.lease, body.slices, body.hurried)
    work = await call.services.worker_claims.claim(call.key.project, body.request, asked)
    return Response(work, media_type=MSGPACK)


async def wait(call: Call) -> Response:
    """Stays open until work may have become claimable, `timeout` seconds at most."""
    body = await _body(call, WaitForWork)
    heard = asyncio.ensure_future(call.services.worker_claims.wait(body.tasks, body.timeout, body.since))
    stopping = asyncio.ensure_future(call.services.channels.stopping.wait())
    try:
        await asyncio.wait({heard, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if not heard.done():
            raise Refusal(503, "overloaded", "the server is stopping", hint="ask another one, or again in a moment")
        news = heard.result()
    finally:
        for one in (heard, stopping):
            one.cancel()
        await asyncio.gather(heard, stopping, return_exceptions=True)
    return _packed(Waited(news))


async def settle(call: Call) -> Response:
    """Answers once all of it is durable. What is sent twice is `lost` or `stale` the second time."""
    body = await _body(call, SettleWork, LEAST_BYTES + 2 * call.services.blobs.most)
    check_settlements(body.settlements)
    settled = await call.services.worker_claims.source(call.key.project).settle(body.settlements)
    call.services.figures.http.took(body.settlements)
    return _packed(settled)


async def keep_logs(call: Call) -> Response:
    """Of executions that go on. What is sent twice is stored once; of leases that are lost it is left out."""
    body = await _body(call, KeepLogs)
    for place, one in enumerate(body.logs):
        check_token(place, one.token)
        check_logs(place, one.parts)
    await call.services.worker_claims.source(call.key.project).keep_logs(body.logs)
    return Response(status_code=204)


async def remember(call: Call) -> Response:
    """Answers once all of it is durable. What is sent twice is stored once."""
    body = await _body(call, RememberWork, LEAST_BYTES + 2 * call.services.blobs.most)
    check_remembers(body.writes)
    lost = await call.services.worker_claims.source(call.key.project).remember(body.writes)
    return _packed(Remembered(list(lost)))


async def outside(call: Call) -> Response:
    """What a handler asks for beside its own execution. Not remembered: asked twice it is done twice."""
    body = await _body(call, AskOutside, LEAST_BYTES + 2 * call.services.blobs.most)
    return _packed(await do_outside(call.tenant.engine, body.asked))


async def renew(call: Call) -> Response:
    """What was lost, and what shall be stopped. With `lease` 0 nothing is prolonged."""
    body = await _body(call, RenewLeases)
    return _packed(await call.services.worker_claims.renew(body.tokens, body.lease))


async def seen(call: Call) -> Response:
    """At the start and every ten seconds: the worker lives, and its tasks are in the catalogue."""
    body = await _body(call, SeeWorker)
    check_schemas(body.tasks)
    names = json.dumps(sorted(task.name for task in body.tasks))
    worker, project = _named(call, body.worker), call.key.project
    await call.services.store.write(see_worker, worker, body.host, body.process, names, project)
    await register_seen(call.services.store, project, worker, body)
    return Response(status_code=204)


async def gone(call: Call) -> Response:
    """The worker ended in order, and holds nothing."""
    body = await _body(call, WorkerGone)
    await call.services.store.write(forget_worker, _named(call, body.worker))
    await call.services.store.write(forget_deployment, _named(call, body.worker))
    return Response(status_code=204)


def _named(call: Call, worker: str) -> str:
    """Of its project: no worker can take the name of another's."""
    return f"{quote(call.key.project, safe=' ')}/{worker}"


async def _body(call: Call, kind: type[T], limit: int = LEAST_BYTES) -> T:
    if call.media_type != MSGPACK:
        raise unsupported(call.media_type, MSGPACK)
    if call.header("content-encoding") not in (None, "", "identity"):
        raise unsupported(call.header("content-encoding") or "", "an uncompressed body")
    raw = await call.raw(limit)
    try:
        return unpack(raw, kind)
    except msgspec.ValidationError as error:
        raise wrong_shape(error, "body") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refusal(400, "input_error", f"the body is no valid MessagePack: {error}") from None


def _packed(made: object) -> Response:
    return Response(pack(made), media_type=MSGPACK)


ROUTES = [
    Route(
        method="POST",
        path="/api/v1/worker/claim",
        name="claim_work",
        scope="worker",
        handler=claim,
        summary="Take work, under a lease",
        sends=(MSGPACK,),
        answers=((200, MSGPACK),),
    ),
    Route(
        method="POST",
        path="/api/v1/worker/wait",
        name="wait_for_work",
        scope="worker",
        handler=wait,
        summary="Wait for news of work (long poll)",
        sends=(MSGPACK,),
        answers=((200, MSGPACK),),
    ),
    Route(
        method="POST",
        path="/api/v1/worker/settle",
        name="settle_work",
        scope="worker",
        handler=settle,
        summary="Say what became of leased work",
        sends=(MSGPACK,),
        answers=((200, MSGPACK),),
    ),
    Route(
        method="POST",
        path="/api/v1/worker/logs",
        name="keep_logs",
        scope="worker",
        handler=keep_logs,
        summary="Say what leased work has logged so far",
        sends=(MSGPACK,),
        answers=((204, None),),
    ),
    Route(
        method="POST",
        path="/api/v1/worker/remember",
        name="remember_work",
        scope="worker",
        handler=remember,
        summary="Store what leased work remembers: steps, states, versions",
        sends=(MSGPACK,),
        answers=((200, MSGPACK),),
    ),
    Route(
        method="POST",
        path="/api/v1/worker/outside",
        name="ask_outside",
        scope="worker",
        handler=outside,
        summary="Emit, cancel or schedule, for a handler",
        sends=(MSGPACK,),
        answers=((200, MSGPACK),),
    ),
    Route(
        method="POST",
        path="/api/v1/worker/renew",
        name="renew_leases",
        scope="worker",
        handler=renew,
        summary="Keep leases; hear of cancellations",
        sends=(MSGPACK,),
        answers=((200, MSGPACK),),
    ),
    Route(
        method="POST",
        path="/api/v1/worker/seen",
        name="worker_seen",
        scope="worker",
        handler=seen,
        summary="A worker lives; its tasks",
        sends=(MSGPACK,),
        answers=((204, None),),
    ),
    Route(
        method="POST",
        path="/api/v1/worker/gone",
        name="worker_gone",
        scope="worker",
        handler=gone,
        summary="A worker ended in order",
        sends=(MSGPACK,),
        answers=((204, None),),
    ),
]
