"""`Idempotency-Key` of invocations: who brings it again joins what the first one started."""

from __future__ import annotations

import asyncio
import hashlib
from typing import TYPE_CHECKING, Final, assert_never

from stook.core.request_state import Busy, Mismatch, Stored
from stook.engine.requests import Ticket
from stook.server.dialects.kernel.refusals import KernelRefusal

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from stook.server.call import Call

__all__ = ["key_reused", "submit_once"]

_PAUSE: Final = 0.05
_LONGEST_PAUSE: Final = 1.0


def key_reused(key: str) -> KernelRefusal:
    return KernelRefusal(400, "idempotency_key_reused", f"Idempotency-Key {key!r} was used with another request")


async def submit_once(call: Call, submit: Callable[[Ticket | None], Awaitable[str]]) -> str:
    """The id of what was submitted, now or by the first request with this key. What was refused leaves the key free."""
    key = call.idempotency_key
    if not key:
        return await submit(None)
    requests = call.tenant.requests
    path = f"{call.request.method} kernel{call.request.url.path}"
    digest = hashlib.sha256(await call.raw()).hexdigest()
    pause = _PAUSE
    while True:
        before = await requests.begin(key, call.request.method, path, digest)
        match before:
            case Ticket():
                break
            case Stored():
                return before.body.decode()
            case Mismatch():
                raise key_reused(key)
            case Busy():  # the first one is being written down at this moment, or its server has died
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
            case _:
                assert_never(before)
    try:
        made = await submit(before)
    except BaseException:
        await requests.forget(before)
        raise
    await requests.finish(before, 202, made.encode())
    return made
