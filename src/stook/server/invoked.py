"""Executions as those see them who invoked them: found, cancelled and retried by id or by filters."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from stook.core.errors import OptionError
from stook.core.ids import batch_of, parse_id
from stook.engine.execution_facts import facts_of
from stook.engine.invoked import Filter, InvokedExecutions, states_of
from stook.engine.invoked_acts import InvokedActs
from stook.server.call import answer
from stook.server.route import Route
from stook.server.words import check_cursor, check_reason
from stook.wire.execution import ExecutionError
from stook.wire.invocation import (
    Affected,
    CancelExecutions,
    ExecutionStatus,
    FindExecutions,
    RetryExecutions,
    StatusPage,
    Waiting,
)
from stook.wire.stamp import stamp

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from starlette.responses import Response

    from stook.engine.execution_facts import Facts
    from stook.engine.recording import Recording
    from stook.server.call import Call

__all__ = ["ROUTES"]


async def find_executions(call: Call) -> Response:
    query = call.query(FindExecutions)
    by = await _filter(call, query, None if query.state is None else query.state.split(","))
    found = InvokedExecutions(call.tenant.engine)
    page = await found.page(by, after=check_cursor(query.after), limit=query.limit)
    shown = [_status(facts_of(one)) for one in page]
    return answer(StatusPage(shown, shown[-1].id if len(shown) == query.limit else None))


async def show_status(call: Call) -> Response:
    found = InvokedExecutions(call.tenant.engine)
    return answer(_status(facts_of(await found.get(call.path("execution")))))


async def cancel_executions(call: Call) -> Response:
    """What waits ends now, what runs is asked to stop; what has ended stays as it is."""
    body = await call.body(CancelExecutions)
    reason, children = check_reason(body.reason), body.cancel_children
    by = await _filter(call, body, body.state)
    acts = InvokedActs(call.tenant.engine)
    if by.task is not None and by.dedupe_key is not None and by == Filter(task=by.task, dedupe_key=by.dedupe_key):
        if body.ids is not None:
            raise _both()
        note = call.recording("cancel", None, f"execution of {by.task} by dedupe key"[:200], if_any=True)
        done = await acts.cancel_holder(by.task, by.dedupe_key, reason=reason, children=children, note=note)
        return answer(Affected(int(done)))
    ids = await _owned(call, body.ids)
    return answer(
        Affected(await acts.cancel(ids, by, reason=reason, children=children, noted=_noted(call, "cancel", ids)))
    )


async def retry_executions(call: Call) -> Response:
    """Of those that failed, were cancelled or expired; others stay as they are."""
    body = await call.body(RetryExecutions)
    by = await _filter(call, body, body.state)
    ids = await _owned(call, body.ids)
    acts = InvokedActs(call.tenant.engine)
    return answer(Affected(await acts.retry(ids, by, noted=_noted(call, "retry", ids))))


def _both() -> OptionError:
    return OptionError("give ids, or at least one filter", hint="not both")


async def _owned(call: Call, ids: Sequence[str] | None) -> Sequence[str] | None:
    for one in ids or ():
        await call.tenant.owned.batch(one)
    return ids


async def _filter(call: Call, asked: FindExecutions | RetryExecutions, states: Sequence[str] | None) -> Filter:
    return Filter(
        task=asked.task,
        queue=asked.queue,
        states=states_of(states),
        tag=asked.tag,
        batch_id=None if asked.batch_id is None else await call.tenant.owned.batch(asked.batch_id),
        dedupe_key=asked.dedupe_key,
    )


def _noted(call: Call, kind: str, ids: Sequence[str] | None) -> Callable[[bytes], Recording]:
    """What one transaction does is done once under an Idempotency-Key; several are so only once they were answered."""
    whole = ids is not None and len({batch_of(parse_id(one)) for one in ids}) == 1

    def noted(batch_id: bytes) -> Recording:
        scope = "executions by filter" if ids is None else f"{len(ids)} executions by id"
        made = call.recording(kind, batch_id, scope, if_any=True)
        if not whole:
            made.note = made.note._replace(ticket=None)
        return made

    return noted


def _status(facts: Facts) -> ExecutionStatus:
    given = msgspec.structs.asdict(facts)
    error = facts.error
    given["state"] = facts.state.name
    given["error"] = None if error is None else ExecutionError(**msgspec.structs.asdict(error))
    given["result"] = msgspec.Raw(b"null" if facts.result is None else facts.result)
    for name in ("run_at", "created_at", "started_at", "finished_at"):
        given[name] = stamp(given[name])
    given["tags"] = list(facts.tags)
    given["waiting_on"] = [
        Waiting(
            key=one.key,
            kind=one.kind,
            at=stamp(one.at),
            due_at=stamp(one.due_at),
            child_id=one.child_id,
            event=one.event,
        )
        for one in facts.waiting_on
    ]
    return ExecutionStatus(**given)


ROUTES = [
    Route(
        method="GET",
        path="/api/v1/executions",
        name="find_executions",
        scope="read",
        handler=find_executions,
        summary="Executions of the project, the oldest first",
        query=FindExecutions,
        answers=((200, StatusPage),),
    ),
    Route(
        method="GET",
        path="/api/v1/executions/{execution}/status",
        name="show_status",
        scope="read",
        handler=show_status,
        summary="One execution, with why it waits",
        answers=((200, ExecutionStatus),),
    ),
    Route(
        method="POST",
        path="/api/v1/executions/cancel",
        name="cancel_executions",
        scope="operate",
        handler=cancel_executions,
        summary="Cancel executions by id, or all that filters let pass",
        body=CancelExecutions,
        answers=((200, Affected),),
        once=True,
    ),
    Route(
        method="POST",
        path="/api/v1/executions/retry",
        name="retry_executions",
        scope="operate",
        handler=retry_executions,
        summary="Retry executions by id, or all that filters let pass",
        body=RetryExecutions,
        answers=((200, Affected),),
        once=True,
    ),
]
