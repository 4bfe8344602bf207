"""Crash points of what is asked for over HTTP, and of what servers send and keep."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

import msgspec

from soak.crash_place import BATCH, NEXT, OTHER, Place
from soak.crash_point import Act, CrashPoint, Ends, nothing, point
from stook.core.log import AttemptLogs, LogPart
from stook.core.retry_scope import RetryScope
from stook.core.webhook_events import TASK
from stook.engine.deliveries import Attempted, Deliveries
from stook.engine.webhooks import NewEndpoint, Webhooks
from stook.store.script.acted import Note, acted
from stook.store.script.cancel_items import cancel_where
from stook.store.script.change import NewInput, edit_item, skip_item
from stook.store.script.log import keep_logs
from stook.store.script.quota import declare_quota
from stook.store.script.read.narrowed import Narrow
from stook.store.script.request import begin_request, finish_request
from stook.store.script.retry import retry
from stook.store.script.settle import settle
from stook.store.script.single import submit_ticketed
from stook.store.script.submit import append
from stook.store.script.ticket import Ticket, act_once, hold_tickets
from stook.store.script.webhook_delivery import begin_delivery, record_attempt

if TYPE_CHECKING:
    from collections.abc import Callable

    from stook.store.statement import Script

__all__ = ["SERVED"]

_ASKED: Final = ("POST", "/", "digest")
_OWNER: Final = 7
_OK: Final = Attempted(headers={}, code=200, error=None, duration=1, answer=b"")
_cancelled: Final[Ends] = {"succeeded": 3, "cancelled": 3}
_one_failed: Final[Ends] = {"succeeded": 5, "failed": 1}
_again: Final = ("finished", "reopened", "finished")


async def _submitted(place: Place) -> None:
    await place.submitted()


async def _two_failed(place: Place) -> None:
    await place.submitted()
    await place.settle(await place.take(6), troubles=[place.failed(0), place.failed(2)])


def _asking(verb: Callable[..., Any], *args: Any, **options: Any) -> Act:
    async def act(place: Place) -> None:
        await place.again(verb, *args, **options)

    return act


def _holding(act: Act) -> Act:
    """The doomed process has three items while it asks."""

    async def both(place: Place) -> None:
        await place.take(3)
        await act(place)

    return both


# ------------------------------------------------------------------------------------------------- idempotency keys


def _ticket(place: Place, number: int = 0) -> Ticket:
    return Ticket(place.session.settings.project, f"key {number}", _OWNER)


async def _begun(place: Place, count: int = 1) -> None:
    for number in range(count):
        ticket = _ticket(place, number)
        await place.write(begin_request, ticket.project, ticket.key, *_ASKED, ticket.owner)


async def _six_begun(place: Place) -> None:
    await _begun(place, 6)


async def _submit_singles(place: Place, batch_id: bytes = BATCH) -> Any:
    new = place.new(batch_id=batch_id, single=True)
    return await place.write(submit_ticketed, new, place.chunks(), [_ticket(place, number) for number in range(6)])


async def _submit_singles_again(place: Place) -> None:
    """The id is another where the first one is there: the tickets say that they are the same."""
    rows = await place.write(_look, _ticket(place))
    _, standings = await _submit_singles(place, BATCH if rows is None else OTHER)
    if rows is not None:
        done = [msgspec.msgpack.decode(one.done) for one in standings]
        assert done == [[BATCH, index, True] for index in range(6)]


def _look(ticket: Ticket) -> Script[bytes | None]:
    ((done, _),) = yield from hold_tickets([ticket])
    return done


async def _failed_and_begun(place: Place) -> None:
    await _two_failed(place)
    await _begun(place)


async def _retry_once(place: Place) -> None:
    note = Note(OTHER, place.session.settings.project, "retry", BATCH, "all", "key", ticket=_ticket(place))
    found, action = await place.write(acted, note, partial(retry, BATCH, RetryScope()), int, None, int)
    assert (found, action.affected) == (2, 2)


async def _retry_without_note(place: Place) -> None:
    assert await place.write(act_once, _ticket(place), partial(retry, BATCH, RetryScope()), int) == 2


async def _finish(place: Place) -> None:
    await _begun(place)
    await place.write(finish_request, *_ticket(place), 200, b"answer")


# ---------------------------------------------------------------------------------------------- streams, logs, webhooks


async def _append_digests(place: Place) -> None:
    await place.again(append, BATCH, place.chunks(3, 6, dedupe=True, digests=True), at=3)


async def _append_digests_and_seal(place: Place) -> None:
    await _append_digests(place)
    await place.sealed()


async def _keep_logs(place: Place) -> None:
    slices = await place.take(6)
    part = LogPart(0, 1, 1, 1, 0, b'[{"line":1,"at":1,"source":"s","message":"m"}]')
    lost = await place.write(keep_logs, [AttemptLogs(one.token, BATCH, [part]) for one in slices])
    assert lost == []


async def _with_endpoint(place: Place) -> None:
    new = NewEndpoint(id="whe_a", url="https://a.example.com/", secret=b"sealed", secret_hint="")
    await Webhooks(place.store, place.session.settings.project).create(new)
    await place.submitted()


async def _settle_all(place: Place) -> None:
    await place.settle(await place.take(6))


async def _ended_with_endpoint(place: Place) -> None:
    await _with_endpoint(place)
    await _settle_all(place)


async def _settle_rest_and_deliver(place: Place) -> None:
    await place.drain()
    await _deliver(place, worker=NEXT)


async def _deliver(place: Place, **options: Any) -> None:
    there = Deliveries(place.store)
    slices = await place.take(6, task=TASK, **options)
    for one in slices:
        for item in msgspec.json.decode(one.payload):
            sending: Any = await there.begin(item["delivery"], item["run"])
            if sending is not None:
                await there.record(item["delivery"], item["run"], sending.attempt, _OK, 0.5)
    await place.settle(slices)


_delivered: Final = (
    ("select count(*) from webhook_event", 1),
    ("select count(*) from webhook_delivery", 1),
    ("select state from webhook_delivery", "delivered"),
    ("select count(*) from webhook_attempt", 1),
)

SERVED: Final[dict[str, CrashPoint]] = {
    "submit_ticketed": point(
        submit_ticketed,
        _six_begun,
        _submit_singles,
        _submit_singles_again,
        single=True,
        events=(),
        tables=(("select count(done) from request", 6),),
    ),
    "acted with a ticket": point(
        acted, _failed_and_begun, _retry_once, _retry_once, events=_again, tables=(("select count(*) from action", 1),)
    ),
    "act_once": point(act_once, _failed_and_begun, _retry_without_note, _retry_without_note, events=_again),
    "begin_request": point(begin_request, _submitted, _begun, _begun, tables=(("select count(*) from request", 1),)),
    "finish_request": point(
        finish_request, _submitted, _finish, _finish, tables=(("select status from request", 200),)
    ),
    "append digests": point(
        append,
        lambda place: place.opened(3, dedupe=True, digests=True),
        _append_digests,
        _append_digests_and_seal,
        tables=(("select count(*) from consumed_block", 2), ("select sum(length(digests)) from consumed_block", 96)),
    ),
    "edit_item": point(
        edit_item,
        _two_failed,
        _asking(edit_item, BATCH, NewInput(0, b"0"), again=True),
        _asking(edit_item, BATCH, NewInput(0, b"0"), again=True),
        ends=_one_failed,
        events=_again,
    ),
    "skip_item": point(
        skip_item,
        _submitted,
        _holding(_asking(skip_item, BATCH, 5, reason="for a test")),
        _asking(skip_item, BATCH, 5, reason="for a test"),
        ends={"succeeded": 5, "cancelled": 1},
        tables=(("select count(*) from item_change", 1),),
    ),
    "cancel_where": point(
        cancel_where,
        _submitted,
        _holding(_asking(cancel_where, BATCH, Narrow(indexes=(0, 1, 5)))),
        _asking(cancel_where, BATCH, Narrow(indexes=(0, 1, 5))),
        ends=_cancelled,
    ),
    "declare_quota": point(
        declare_quota,
        _submitted,
        _asking(declare_quota, "default", "crash", 2),
        _asking(declare_quota, "default", "crash", 2),
        tables=(("select max_concurrency from quota", 2),),
    ),
    "keep_logs": point(keep_logs, _submitted, _keep_logs, nothing),
    "settle to an outbox": point(settle, _with_endpoint, _settle_all, _settle_rest_and_deliver, tables=_delivered),
    "begin_delivery": point(
        begin_delivery, _ended_with_endpoint, _deliver, _settle_rest_and_deliver, tables=_delivered
    ),
    "record_attempt": point(
        record_attempt, _ended_with_endpoint, _deliver, _settle_rest_and_deliver, tables=_delivered
    ),
}
