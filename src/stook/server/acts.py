"""What operators do to a batch: each is one transaction, and recorded as an action."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec
from starlette.responses import Response

from stook.core.ids import execution_id
from stook.core.retry_scope import RetryScope
from stook.engine.quota import UNCHANGED
from stook.server.call import answer
from stook.server.refusal import Refusal
from stook.server.route import Route
from stook.server.shown import action_of, batch_of_view
from stook.server.words import check_cursor
from stook.wire.action import (
    Acted,
    Action,
    ActionPage,
    ActionQuery,
    Cancel,
    ChangeBatchLimits,
    ChangeLimits,
    Pause,
    Resume,
    Retry,
)

if TYPE_CHECKING:
    from stook.server.call import Call
    from stook.server.route import Handler

__all__ = ["ROUTES"]

_MOST_INDEXES = 100_000
_NAMED = 5


async def pause_batch(call: Call) -> Response:
    batch_id = await call.batch_id()
    body = await call.body(Pause)
    await call.tenant.engine.pause(batch_id, reason=_reason(body.reason))
    return await _acted(call, "pause", batch_id, "all", 0)


async def resume_batch(call: Call) -> Response:
    batch_id = await call.batch_id()
    body = await call.body(Resume)
    await call.tenant.engine.resume(batch_id, ramp=body.ramp)
    return await _acted(call, "resume", batch_id, "all", 0)


async def cancel_batch(call: Call) -> Response:
    batch_id = await call.batch_id()
    body = await call.body(Cancel)
    engine = call.tenant.engine
    if body.indexes is not None:
        _check_indexes(body.indexes)
        answered = await engine.cancel_items(batch_id, body.indexes)
        affected = len(answered.ended) + len(answered.asked)
        return await _acted(call, "cancel", batch_id, _named(body.indexes), affected)
    before = (await engine.show(batch_id)).counters
    await engine.cancel(batch_id, hard=body.hard, reason=_reason(body.reason))
    after = (await engine.show(batch_id)).counters
    affected = max(0, after.cancelled - before.cancelled) + (after.running if body.hard else 0)
    return await _acted(call, "cancel", batch_id, "all, hard" if body.hard else "all", affected)


async def retry_batch(call: Call) -> Response:
    batch_id = await call.batch_id()
    body = await call.body(Retry)
    if body.indexes is not None:
        _check_indexes(body.indexes)
    scope = RetryScope(
        states=body.states, group=body.group, indexes=None if body.indexes is None else tuple(body.indexes)
    )
    engine = call.tenant.engine
    queued = await engine.retry(batch_id, scope, probe=body.probe)
    words = ", ".join(scope.states)
    if scope.group is not None:
        words = f"{words} of group {scope.group[:64]}"
    elif scope.indexes is not None:
        words = f"{words} of {_named(body.indexes or [])}"
    probing = body.probe is not None and (await engine.show(batch_id)).probing
    return await _acted(call, "retry", batch_id, words, queued, "running" if probing else "finished")


async def change_batch_limits(call: Call) -> Response:
    batch_id = await call.batch_id()
    body = await call.body(ChangeBatchLimits)
    await call.tenant.engine.limit(batch_id, body.max_concurrency)
    return await _acted(call, "limits", batch_id, f"max_concurrency {body.max_concurrency}", 0)


async def delete_batch(call: Call) -> Response:
    batch_id = await call.batch_id()
    await call.tenant.engine.delete(batch_id)
    await call.tenant.actions.record("delete", None, execution_id(batch_id, 0), call.key.id, 0, "finished")
    return Response(status_code=204)


async def change_limits(call: Call) -> Response:
    """Of the project, or one of its queues or tasks."""
    body = await call.body(ChangeLimits)
    limit = UNCHANGED if body.max_concurrency is msgspec.UNSET else body.max_concurrency
    await call.tenant.engine.change_limits(
        queue=body.queue, task=body.task, max_concurrency=limit, paused=body.paused, weight=body.weight
    )
    scope = f"queue {body.queue}" if body.queue else f"task {body.task}" if body.task else "project"
    view = await call.tenant.actions.record("limits", None, scope[:200], call.key.id, 0, "finished")
    return answer(action_of(view))


async def list_actions(call: Call) -> Response:
    query = call.query(ActionQuery)
    batch_id = None if query.batch is None else await call.tenant.owned.batch(query.batch)
    views = await call.tenant.actions.list(batch_id, check_cursor(query.after), query.limit + 1)
    more = views[query.limit - 1].id if len(views) > query.limit else None
    return answer(ActionPage([action_of(view) for view in views[: query.limit]], more))


async def show_action(call: Call) -> Response:
    return answer(action_of(await call.tenant.actions.find(call.path("action"))))


async def abort_action(call: Call) -> Response:
    """Of a retry whose probe is being tried: the rest stays as it ended."""
    return answer(action_of(await call.tenant.actions.abort(call.path("action"))))


async def _acted(
    call: Call,
    kind: str,
    batch_id: bytes,
    scope: str,
    affected: int,
    state: Literal["running", "finished"] = "finished",
) -> Response:
    action = await call.tenant.actions.record(kind, batch_id, scope, call.key.id, affected, state)
    view = await call.tenant.engine.show(batch_id)
    return answer(Acted(affected, batch_of_view(view, call.services.paces.rate(view)), action_of(action)))


def _check_indexes(indexes: list[int]) -> None:
    if not 1 <= len(indexes) <= _MOST_INDEXES:
        raise Refusal(
            400,
            "option_error",
            f"body: {len(indexes)} indexes, 1 to {_MOST_INDEXES} are allowed",
            hint="leave them out for all",
            field="indexes",
        )


def _reason(text: str) -> str:
    """Kept in the batch's row, and shown everywhere."""
    if len(text) > 500 or "\0" in text or not _is_unicode(text):  # noqa: PLR2004
        raise Refusal(400, "option_error", "body: reason is text of up to 500 characters", field="reason")
    return text


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _named(indexes: list[int]) -> str:
    if len(indexes) > _NAMED:
        return f"{len(indexes)} executions"
    return f"executions {', '.join(map(str, indexes))}"


def _act(name: str, what: str, handler: Handler, summary: str, body: type[msgspec.Struct]) -> Route:
    return Route(
        method="POST",
        path=f"/api/v1/batches/{{batch}}/{what}",
        name=name,
        scope="operate",
        handler=handler,
        summary=summary,
        body=body,
        answers=((200, Acted),),
        once=True,
    )


ROUTES = [
    _act("pause_batch", "pause", pause_batch, "Nothing more starts", Pause),
    _act("resume_batch", "resume", resume_batch, "It goes on", Resume),
    _act("cancel_batch", "cancel", cancel_batch, "Cancel a batch, or some of its executions", Cancel),
    _act("retry_batch", "retry", retry_batch, "Take up again what ended badly", Retry),
    _act("change_batch_limits", "limits", change_batch_limits, "Its executions in flight at once", ChangeBatchLimits),
    Route(
        method="DELETE",
        path="/api/v1/batches/{batch}",
        name="delete_batch",
        scope="operate",
        handler=delete_batch,
        summary="Delete a batch that has ended",
        answers=((204, None),),
    ),
    Route(
        method="PATCH",
        path="/api/v1/limits",
        name="change_limits",
        scope="operate",
        handler=change_limits,
        summary="Limits and pauses of the project, of a queue, of a task",
        body=ChangeLimits,
        answers=((200, Action),),
    ),
    Route(
        method="GET",
        path="/api/v1/actions",
        name="list_actions",
        scope="read",
        handler=list_actions,
        summary="What operators did, newest first",
        query=ActionQuery,
        answers=((200, ActionPage),),
    ),
    Route(
        method="GET",
        path="/api/v1/actions/{action}",
        name="show_action",
        scope="read",
        handler=show_action,
        summary="One action",
        answers=((200, Action),),
    ),
    Route(
        method="POST",
        path="/api/v1/actions/{action}/abort",
        name="abort_action",
        scope="operate",
        handler=abort_action,
        summary="Abort a retry whose probe is being tried",
        answers=((200, Action),),
        once=True,
    ),
]
