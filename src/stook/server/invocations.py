"""Invocations: one execution for each item, with a receipt for each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from stook.core.errors import (
    InvokeError,
    NotFound,
    OptionError,
    PayloadError,
    PayloadTooLarge,
    PayloadValidationError,
    UnknownQueue,
    UnknownTask,
)
from stook.core.ids import execution_id
from stook.core.payload import validate_many
from stook.core.periods import Debounce, Throttle
from stook.engine.invoking import Asked, Series
from stook.engine.item_errors import check_twice, raise_all
from stook.engine.item_terms import new_item
from stook.server.body import decode_body
from stook.server.call import answer
from stook.server.refusal import Refusal
from stook.server.route import Route
from stook.wire.invocation import DebounceTerms, Invoke, Invoked, InvokeItem, Receipt, ThrottleTerms

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.responses import Response

    from stook.core.invocation import Receipt as Made
    from stook.engine.catalogue import TaskView
    from stook.server.call import Call

__all__ = ["ROUTES"]

MOST: Final = 50_000
"""Items of one request."""


async def invoke(call: Call) -> Response:
    """201 with the receipts, also where nothing was created: each of them says so."""
    services, invokes = call.services, call.tenant.engine.invokes
    body = await call.body(Invoke, max(services.limits.batch_bytes, 2 * services.blobs.most))
    _check(body)
    asked = await _asked(call, body)
    services.figures.http.submitted.inc(len(asked))
    if body.series is not None:
        return await _part(call, body, asked)
    if not asked:
        return answer(Invoked([], {}), 201)
    if body.single:
        return answer(Invoked([_receipt(await invokes.one(asked[0], ticket=call.ticket))], {}), 201)
    receipts, _ = await invokes.many(asked, name=body.name, ticket=call.ticket)
    batches = {
        one.task: execution_id(made.place[0], 0)
        for one, made in zip(asked, receipts, strict=True)
        if made.created and made.place is not None
    }
    return answer(Invoked(list(map(_receipt, receipts)), batches), 201)


async def _part(call: Call, body: Invoke, asked: Sequence[Asked]) -> Response:
    invokes = call.tenant.engine.invokes
    series = Series({task: await _begun(call, task, text) for task, text in (body.series or {}).items()})
    receipts = await invokes.part(series, asked, name=body.name, ticket=call.ticket) if asked else []
    batches = series.batches
    if body.last:
        kept = set(await invokes.end(series))
        batches = {task: one for task, one in batches.items() if one in kept}
    ids = {task: execution_id(one, 0) for task, one in batches.items()}
    return answer(Invoked(list(map(_receipt, receipts)), ids), 201)


async def _begun(call: Call, task: str, text: str) -> bytes:
    batch_id = await call.tenant.owned.batch(text)
    if (await call.tenant.engine.show(batch_id)).task != task:
        raise Refusal(400, "option_error", f"series: batch {text} is not one of task {task!r}", field="series")
    return batch_id


def _check(body: Invoke) -> None:
    if len(body.items) > MOST:
        raise Refusal(
            413,
            "body_too_large",
            f"{len(body.items)} items, at most {MOST} are allowed in one request",
            hint="send them in several: `series`",
            field="items",
        )
    if body.single and (len(body.items) != 1 or body.series is not None or body.name is not None):
        raise Refusal(400, "option_error", "single: is for one item, without name and series", field="single")
    if body.last and body.series is None:
        raise Refusal(400, "option_error", "last: is the end of a series", field="last")


async def _asked(call: Call, body: Invoke) -> list[Asked]:
    """Everything that is wrong with any item is told before anything is written."""
    most = call.services.blobs.most
    kept: dict[tuple[str | None, str | None], TaskView | InvokeError] = {}
    errors: list[tuple[int, InvokeError]] = []
    seen: dict[tuple[str, str], int] = {}
    asked: list[Asked] = []
    for index, raw in enumerate(body.items):
        item = _item(bytes(raw), index)
        name = body.task if item.task is None else item.task
        key = (name, item.queue)
        if key not in kept:
            try:
                kept[key] = await _target(call, *key)
            except InvokeError as error:
                kept[key] = error
        try:
            target = kept[key]
            if isinstance(target, InvokeError):
                raise target
            payload = _payload(bytes(item.payload), most)
            new = new_item(payload, _options(item), dedupe=body.dedupe)
            check_twice(target.name, new, index, seen)
        except InvokeError as error:
            errors.append((index, error))
        else:
            asked.append(Asked(target.name, target.policy, new))
    if errors:
        raise_all(errors)
    return asked


def _item(raw: bytes, index: int) -> InvokeItem:
    try:
        return decode_body(raw, InvokeItem)
    except Refusal as refusal:
        problem = refusal.problem
        inside = "" if problem.field is None else f".{problem.field}"
        problem.index, problem.field = index, f"items[{index}]{inside}"
        raise


def _payload(raw: bytes, most: int) -> bytes:
    try:
        found = validate_many([raw])[0]
    except PayloadError as error:
        raise PayloadValidationError(error.message, hint=error.hint) from None
    if len(found) > most:
        raise PayloadTooLarge(len(found), most)
    return found


async def _target(call: Call, name: str | None, queue: str | None) -> TaskView:
    if name is None:
        raise OptionError("no task is named", hint="name one for the call, or for each item")
    try:
        found = await call.tenant.tasks.find(name)
    except NotFound as error:
        raise UnknownTask(error.message, hint=error.hint) from None
    if queue in (None, found.queue):
        return found
    queues = {"default", *(one.queue for one in await call.tenant.catalogue.list())}
    if queue in queues:
        raise UnknownTask(f"queue {queue!r} has no task {name!r}", hint=f"it lives in queue {found.queue!r}")
    raise UnknownQueue(f"no such queue: {queue!r}", hint=f"task {name!r} lives in queue {found.queue!r}")


class _Options(InvokeItem, kw_only=True):
    """With periods as the rules know them."""

    throttle: Throttle | float | None = None  # type: ignore[assignment]
    debounce: Debounce | float | None = None  # type: ignore[assignment]


def _options(item: InvokeItem) -> _Options:
    given = {name: getattr(item, name) for name in item.__struct_fields__}
    throttle, debounce = item.throttle, item.debounce
    if isinstance(throttle, ThrottleTerms):
        given["throttle"] = Throttle(throttle.seconds, throttle.key)
    if isinstance(debounce, DebounceTerms):
        given["debounce"] = Debounce(debounce.seconds, debounce.key, reset=debounce.reset, max_wait=debounce.max_wait)
    return _Options(**given)


def _receipt(made: Made) -> Receipt:
    return Receipt(
        id=None if made.place is None else execution_id(*made.place),
        created=made.created,
        reason=made.reason,
        blocked_by=None if made.blocked_by is None else execution_id(*made.blocked_by),
    )


ROUTES = [
    Route(
        method="POST",
        path="/api/v1/invocations",
        name="invoke",
        scope="submit",
        handler=invoke,
        summary="Invoke tasks: an execution for each item, and a receipt for each",
        body=Invoke,
        answers=((201, Invoked),),
        once=True,
        large=True,
    ),
]
