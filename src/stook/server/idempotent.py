"""`Idempotency-Key` of requests that make no batch: the answer is kept for a day, and given again."""

from __future__ import annotations

import asyncio
import hashlib
import math
from typing import TYPE_CHECKING, Final, assert_never

from starlette.responses import Response

from stook.core.request_state import Busy, Mismatch, Stored
from stook.engine.requests import Ticket
from stook.server.call import JSON
from stook.server.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from stook.server.call import Call

__all__ = ["ShownOnce", "once", "once_as"]

_REFUSED: Final = 400
_PAUSE: Final = 0.05
_LONGEST_PAUSE: Final = 1.0


class ShownOnce(Response):
    """An answer with a secret in it: `kept`, which has none, is what is kept of it."""

    def __init__(self, content: bytes, kept: bytes, status: int) -> None:
        super().__init__(content, status, media_type=JSON, headers={"cache-control": "no-store"})
        self.kept = kept


async def once(
    call: Call, key: str, handler: Callable[[Call], Awaitable[Response]], *, limit: int | None = None
) -> Response:
    """What was refused is not kept: the key is free for a request that is put right. What was done under the key and
    not answered is not done again: the handler's act finds that, and it answers. `limit` as in `Call.raw`."""
    url = call.request.url
    path = f"{url.path}?{url.query}" if url.query else url.path
    digest = hashlib.sha256(await call.raw(limit)).hexdigest()
    return await once_as(call, key, path, digest, handler)


async def once_as(
    call: Call,
    key: str,
    path: str,
    digest: str,
    handler: Callable[[Call], Awaitable[Response]],
    *,
    patient: bool = False,
) -> Response:
    """`once`, of a body that is told by `digest`. `patient`: who comes while the first request is being worked on waits
    for its answer; else that is 409."""
    requests = call.tenant.requests
    pause = _PAUSE
    while True:
        before = await requests.begin(key, call.request.method, path, digest)
        match before:
            case Ticket():
                call.ticket = before
                break
            case Stored():
                call.services.figures.http.replays.inc()
                return Response(before.body, before.status, media_type=JSON, headers={"idempotency-replayed": "true"})
            case Mismatch():
                raise Refusal(
                    409,
                    "key_conflict",
                    f"Idempotency-Key {key!r} was used for another request: its {before.field} is another",
                    hint="use another key, or send the same request",
                )
            case Busy() if patient:
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
            case Busy():
                raise Refusal(
                    409,
                    "conflict",
                    f"the first request with Idempotency-Key {key!r} is being worked on",
                    hint="try again in a moment",
                    headers={"retry-after": str(math.ceil(before.retry_after))},
                )
            case _:
                assert_never(before)
    try:
        response = await handler(call)
    except BaseException:
        await requests.forget(before)
        raise
    if response.status_code < _REFUSED:
        kept = response.kept if isinstance(response, ShownOnce) else bytes(response.body)
        await requests.finish(before, response.status_code, kept)
    else:
        await requests.forget(before)
    return response
