"""Starting an invocation, and waiting for it where the caller does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import UNSET

from stook.core.hosted_reason import TIMED_OUT, HostedReason
from stook.core.states import TERMINAL, State
from stook.engine.hosted_executions import ExternalIdHeld
from stook.server.body import decode_body
from stook.server.call import answer
from stook.server.dialects.kernel.caps import cap_of
from stook.server.dialects.kernel.once import submit_once
from stook.server.dialects.kernel.payloads import check_payload
from stook.server.dialects.kernel.reasons import reason_in_words
from stook.server.dialects.kernel.refusals import KernelRefusal, bad_request
from stook.server.dialects.kernel.resolving import LATEST, check_names, resolve
from stook.server.dialects.kernel.shapes import Invoked
from stook.server.dialects.kernel.shown import invoked
from stook.server.route import Route

if TYPE_CHECKING:
    from starlette.responses import Response

    from stook.engine.requests import Ticket
    from stook.server.call import Call
    from stook.server.dialects.kernel.caps import Cap

__all__ = ["ASYNC_SECONDS", "ROUTES", "check_async_seconds", "check_priority"]

ASYNC_SECONDS: Final = 900
_LEAST_SECONDS: Final = 10
_MOST_SECONDS: Final = 3600
_BODY_BYTES: Final = 8 * 2**20
_ESCAPED: Final = 6
"""Bytes that a byte of a payload may take in the body."""
_GRACE: Final = 10.0
"""Seconds for what is stopped to end."""
_UNFINISHED: Final = frozenset(State) - TERMINAL
_PRIORITIES: Final = range(-(2**31), 2**31)


class NewInvocation(msgspec.Struct, kw_only=True):
    app_name: Any = None
    action_name: Any = None
    version: str | None = None
    payload: str | None = None
    async_: bool | None = msgspec.field(name="async", default=None)
    async_timeout_seconds: Any = None
    priority: Any = 0


async def create_invocation(call: Call) -> Response:
    """What runs out of time is stopped, and answered as failed. Who goes away stops nothing."""
    settings = call.services.settings
    raw = await call.raw(max(_BODY_BYTES, _ESCAPED * settings.kernel_payload_bytes))
    body = decode_body(raw or b"{}", NewInvocation)
    check_names(body.app_name, body.action_name)
    payload = None if body.payload is None else _payload(body.payload, settings.kernel_payload_bytes)
    priority = check_priority(body.priority)
    waits = not body.async_
    timeout = settings.kernel_sync_seconds if waits else check_async_seconds(body.async_timeout_seconds)
    cap = await cap_of(call)

    async def submit(ticket: Ticket | None) -> str:
        resolved = await resolve(call, body.app_name, body.action_name, body.version or LATEST)
        await _check_room(call, cap)
        made = await call.services.hosted.submit(
            call.tenant.project, resolved, payload, timeout=timeout, priority=priority, ticket=ticket
        )
        assert not isinstance(made, ExternalIdHeld)
        call.services.figures.http.submitted.inc()
        return made

    made = await submit_once(call, submit)
    if waits:
        return answer(await _ended(call, made), headers=cap.headers())
    shown = Invoked(id=made, action_name=body.action_name, status="queued")
    return answer(shown, 202, headers=cap.headers())


def _payload(given: object, most: int) -> bytes:
    if not isinstance(given, str):  # what decodes bodies leaves half a surrogate pair to those who may keep it
        raise bad_request("payload: half a surrogate pair is no text", "invalid_payload")
    return check_payload(given, most)


async def _check_room(call: Call, cap: Cap) -> None:
    """429 where the project would rather be refused than wait, and as many are unfinished as may run."""
    if cap.most is None or call.tenant.project not in call.services.settings.kernel_unqueued:
        return
    unfinished = await call.services.hosted.count(call.tenant.project, dialect="kernel", states=_UNFINISHED)
    if unfinished >= cap.most:
        message = f"{unfinished} invocations of this project are unfinished, {cap.most} may run at once"
        headers = {**cap.headers(), "retry-after": "1"}
        raise KernelRefusal(429, "concurrency_limit_exceeded", message, headers=headers)


async def _ended(call: Call, execution_id: str) -> Invoked:
    hosted, project, most = call.services.hosted, call.tenant.project, call.services.settings.kernel_sync_seconds
    found = await hosted.get(project, execution_id)
    if found is not None and found.state not in TERMINAL:
        left = most - (call.services.clock() - found.created_at) / 1_000_000
        found = await hosted.wait_for_end(project, execution_id, min(max(0.0, left), most))
    if found is not None and found.state not in TERMINAL:
        await hosted.cancel(project, execution_id, reason=TIMED_OUT)
        found = await hosted.wait_for_end(project, execution_id, _GRACE)
    if found is None:
        raise KernelRefusal(404, "not_found", f"invocation {execution_id} is kept no longer")
    shown = invoked(found)
    if found.state not in TERMINAL:  # it is being stopped, and cannot end otherwise
        shown.status, shown.output = "failed", UNSET
        shown.status_reason = reason_in_words(HostedReason.timed_out, most)
    return shown


def check_async_seconds(given: Any) -> float:
    if given is None:
        return ASYNC_SECONDS
    if isinstance(given, bool) or not isinstance(given, int) or not _LEAST_SECONDS <= given <= _MOST_SECONDS:
        raise bad_request(f"async_timeout_seconds: is not a whole number from {_LEAST_SECONDS} to {_MOST_SECONDS}")
    return given


def check_priority(given: Any) -> int:
    if given is None:
        return 0
    if isinstance(given, bool) or not isinstance(given, int) or given not in _PRIORITIES:
        raise bad_request("priority: is not a whole number of 32 bits")
    return given


ROUTES = [
    Route(
        method="POST",
        path="/invocations",
        name="create_invocation",
        scope="submit",
        handler=create_invocation,
        summary="Invoke an action, and wait for it unless async",
        answers=((200, Invoked), (202, Invoked)),
        headers=("Idempotency-Key",),
    ),
]
