"""What operators do to a batch: each is one transaction, and recorded as an action."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import Response

from stook.core.ids import execution_id
from stook.core.retry_scope import RetryScope
from stook.server.call import answer
from stook.server.refusal import Refusal
from stook.server.route import Route
from stook.server.shown import action_of, batch_of_view
from stook.server.words import check_cursor, check_reason
from stook.store.script.read.narrowed import Narrow
from stook.wire.action import (
    Acted,
    Action,
    ActionPage,
    ActionQuery,
    Cancel,
    ChangeBatchLimits,
    Pause,
    Resume,
    Retry,
    Split,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    import msgspec

    from stook.engine.recording import Recording
    from stook.server.call import Call
    from stook.server.route import Handler
    from stook.store.script.read.narrowed import Narrowing

__all__ = ["ROUTES"]

_MOST_INDEXES = 100_000
_NAMED = 5
_DIGITS = 10


async def pause_batch(call: Call) -> Response:
    batch_id = await call.batch_id()
    body = await call.body(Pause)
    by = call.recording("pause", batch_id, "all")
    await call.tenant.engine.pause(batch_id, reason=check_reason(body.reason), by=by)
    return await _acted(call, batch_id, by)


async def resume_batch(call: Call) -> Response:
    batch_id = await call.batch_id()
    body = await call.body(Resume)
    by = call.recording("resume", batch_id, "all")
    await call.tenant.engine.resume(batch_id, ramp=body.ramp, by=by)
    return await _acted(call, batch_id, by)


async def cancel_batch(call: Call) -> Response:
    batch_id = await call.batch_id()
    body = await call.body(Cancel)
    engine = call.tenant.engine
    if body.keys is not None or body.tag is not None:
        where = Narrow(
            indexes=None if body.indexes is None else tuple(body.indexes),
            keys=None if body.keys is None else tuple(body.keys),
            tag=body.tag,
        )
        by = call.recording("cancel", batch_id, scope_words("executions", where))
        found = await engine.cancel_where(batch_id, where, by=by)
        return await _acted(call, batch_id, by, Split(found.ended, found.asked, found.passed, found.missing))
    if body.indexes is not None:
        _check_indexes(body.indexes)
        by = call.recording("cancel", batch_id, _named(body.indexes))
        found = await engine.cancel_items(batch_id, body.indexes, by=by)
        split = Split(found.ended, found.asked, found.passed, found.missing)
        return await _acted(call, batch_id, by, split)
    by = call.recording("cancel", batch_id, "all, hard" if body.hard else "all")
    await engine.cancel(batch_id, hard=body.hard, reason=check_reason(body.reason), by=by)
    return await _acted(call, batch_id, by)


async def retry_batch(call: Call) -> Response:
    batch_id = await call.batch_id()
    body = await call.body(Retry, call.services.limits.batch_bytes)
    if body.indexes is not None:
        _check_indexes(body.indexes)
    scope = RetryScope(
        states=body.states,
        group=body.group,
        indexes=None if body.indexes is None else tuple(body.indexes),
        keys=None if body.keys is None else tuple(body.keys),
        tag=body.tag,
        code=body.code,
        type=body.type,
        start=body.from_ or 0,
        stop=body.to,
    )
    by = call.recording("retry", batch_id, scope_words(", ".join(scope.states), scope), may_run=True)
    await call.tenant.engine.retry(
        batch_id,
        scope,
        probe=body.probe,
        overrides=_overrides(body.overrides),
        merge=None if bytes(body.merge) == b"null" else bytes(body.merge),
        by=by,
    )
    return await _acted(call, batch_id, by)


def _overrides(given: dict[str, msgspec.Raw] | None) -> dict[int, bytes] | None:
    """Names of JSON objects are strings: these are indexes."""
    if given is None:
        return None
    for name in given:
        if not (name.isascii() and name.isdigit() and len(name) <= _DIGITS and str(int(name)) == name):
            raise Refusal(
                400,
                "option_error",
                f"body: overrides has {name[:100]!r}, which is no index",
                hint='like {"overrides": {"17": {"url": "…"}}}',
                field="overrides",
            )
    return {int(name): bytes(payload) for name, payload in given.items()}


async def change_batch_limits(call: Call) -> Response:
    batch_id = await call.batch_id()
    body = await call.body(ChangeBatchLimits)
    by = call.recording("limits", batch_id, f"max_concurrency {body.max_concurrency}")
    await call.tenant.engine.limit(batch_id, body.max_concurrency, by=by)
    return await _acted(call, batch_id, by)


async def delete_batch(call: Call) -> Response:
    batch_id = await call.batch_id()
    await call.tenant.engine.delete(batch_id, by=call.recording("delete", None, execution_id(batch_id, 0)))
    return Response(status_code=204)


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
    return answer(action_of(await call.tenant.actions.abort(call.path("action"), call.ticket)))


async def _acted(call: Call, batch_id: bytes, by: Recording, items: Split | None = None) -> Response:
    view = await call.tenant.engine.show(batch_id)
    batch = batch_of_view(view, call.services.paces.rate(view))
    return answer(Acted(by.action.affected, batch, action_of(by.action), items))


def _check_indexes(indexes: list[int]) -> None:
    if not 1 <= len(indexes) <= _MOST_INDEXES:
        raise Refusal(
            400,
            "option_error",
            f"body: {len(indexes)} indexes, 1 to {_MOST_INDEXES} are allowed",
            hint="leave them out for all",
            field="indexes",
        )


def scope_words(what: str, by: Narrowing) -> str:
    """For the action's record."""
    parts = [what]
    if by.group is not None:
        parts.append(f"of group {by.group[:64]}")
    for name, value in (("code", by.code), ("type", by.type), ("tag", by.tag)):
        if value is not None:
            parts.append(f"of {name} {value[:64]!r}")
    if by.keys is not None:
        parts.append(f"of {len(by.keys)} keys")
    if by.indexes is not None:
        parts.append(f"of {_named(by.indexes)}")
    if by.start or by.stop is not None:
        parts.append(f"from {by.start} to {'the end' if by.stop is None else by.stop}")
    return " ".join(parts).replace("\0", " ").encode(errors="replace").decode()


def _named(indexes: Sequence[int]) -> str:
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
