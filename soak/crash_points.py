"""Every verb that writes, and a moment to die in it: what is there before, what the doomed process does, what anybody
does afterwards who had no answer, and how it must end, whether the verb was durable or not.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from soak.crash_durable import DURABLE
from soak.crash_place import BATCH, OTHER, Place
from soak.crash_point import Act, CrashPoint, Ends, point
from soak.crash_point import everything as _all
from soak.crash_point import nothing as _nothing
from soak.crash_served import SERVED
from stook.core.policy import FailurePolicy
from stook.core.retry_scope import RetryScope
from stook.store.script.cancel_items import cancel_items
from stook.store.script.claim import claim
from stook.store.script.delete import delete, purge
from stook.store.script.pause import pause, resume
from stook.store.script.quota import set_batch_limit, set_quota
from stook.store.script.recount import reconcile
from stook.store.script.renew import renew
from stook.store.script.retry import retry
from stook.store.script.settle import settle
from stook.store.script.stop import cancel, give_up
from stook.store.script.submit import append, create_batch, seal, submit
from stook.store.script.sweep import end_overdue, expire_leases, expire_waiting, lose_workers, promote_due
from stook.store.script.worker_row import see_worker

if TYPE_CHECKING:
    from collections.abc import Callable

    from stook.core.outcome import Trouble

__all__ = ["CRASH_POINTS", "CrashPoint"]


async def _submitted(place: Place) -> None:
    await place.submitted()


async def _ended(place: Place) -> None:
    await place.submitted()
    await place.drain()


async def _two_failed(place: Place) -> None:
    await place.submitted()
    slices = await place.take(6)
    await place.settle(slices, troubles=[_failed(0), _failed(2)])


async def _deleted(place: Place) -> None:
    await _ended(place)
    await place.write(delete, BATCH)


async def _append_rest(place: Place) -> None:
    await place.again(append, BATCH, place.chunks(3, 6), at=3)


async def _append_keyed(place: Place) -> None:
    await place.again(append, BATCH, place.chunks(3, 6, keyed=True), at=3)


async def _append_dedupe(place: Place) -> None:
    await place.again(append, BATCH, place.chunks(3, 6, dedupe=True))


def _then_seal(act: Act) -> Act:
    async def both(place: Place) -> None:
        await act(place)
        await place.sealed()

    return both


async def _create(place: Place) -> None:
    await place.write(create_batch, place.new(key="once"))


async def _create_again(place: Place) -> None:
    created = await place.write(create_batch, place.new(key="once", batch_id=BATCH))
    assert created.id == BATCH
    await place.write(append, BATCH, place.chunks(), at=created.total)
    await place.sealed()


async def _submit(place: Place) -> None:
    await place.submitted(key="once")


async def _submit_again(place: Place) -> None:
    """A new process would choose another id: the key says that it is the same batch."""
    there = await place.session.engine.batches()
    batch_id = OTHER if there.batches else BATCH
    created = await place.write(submit, place.new(key="once", batch_id=batch_id), place.chunks())
    assert created.id == BATCH


def _settling(*troubles: Trouble, items: int = 3, most: int = 100) -> Act:
    async def act(place: Place) -> None:
        await place.settle(await place.take(items), troubles=troubles, most=most)

    return act


_trouble = Place.trouble
_failed = Place.failed


def _with_three_held(verb: Callable[..., Any], *args: Any, **options: Any) -> tuple[Act, Act]:
    """The doomed process holds three items while it asks; afterwards the same is asked again."""

    async def act(place: Place) -> None:
        await place.take(3)
        await place.write(verb, BATCH, *args, **options)

    return act, _asking(verb, *args, **options)


def _asking(verb: Callable[..., Any], *args: Any, **options: Any) -> Act:
    async def act(place: Place) -> None:
        await place.again(verb, BATCH, *args, **options)

    return act


def _sweeping(verb: Callable[..., Any], *args: Any) -> Act:
    async def act(place: Place) -> None:
        await place.write(verb, *args)

    return act


def _prepared(**options: Any) -> Act:
    async def prepare(place: Place) -> None:
        times = {name: place.now(after) for name, after in options.items()}
        await place.submitted(**times)
        await asyncio.sleep(max(0, *options.values()) / 1_000_000)

    return prepare


async def _abandoned(place: Place) -> None:
    await place.opened(6, open_until=place.now(-1))


async def _renewing(place: Place) -> None:
    slices = await place.take(3)
    await place.write(renew, [one.token for one in slices], lambda at: at + 60_000_000)


async def _lapsing(place: Place) -> None:
    await place.take(3, lease=-1)
    await place.write(expire_leases)


async def _losing(place: Place) -> None:
    await place.take(3)
    await place.write(lose_workers, ["doomed"])


async def _paused(place: Place) -> None:
    await place.submitted()
    await place.write(pause, BATCH, reason="for a test")


async def _pause_and_resume(place: Place) -> None:
    await place.again(pause, BATCH, reason="for a test")
    await place.write(resume, BATCH)


async def _limited(place: Place) -> None:
    await place.submitted()
    await place.write(set_batch_limit, BATCH, 1)


async def _brittle(place: Place) -> None:
    await place.submitted(failures=FailurePolicy(max_failed=1))


_one_failed: Final[Ends] = {"succeeded": 5, "failed": 1}
_three_cancelled: Final[Ends] = {"succeeded": 3, "cancelled": 3}
_again: Final = ("finished", "reopened", "finished")
_held_back: Final = ("paused", "resumed", "finished")

CRASH_POINTS: Final[dict[str, CrashPoint]] = (
    {
        "create_batch": point(create_batch, _nothing, _create, _create_again),
        "append": point(append, lambda place: place.opened(3), _append_rest, _then_seal(_append_rest)),
        "append keyed": point(
            append, lambda place: place.opened(3, keyed=True), _append_keyed, _then_seal(_append_keyed)
        ),
        "append dedupe": point(
            append, lambda place: place.opened(3, dedupe=True), _append_dedupe, _then_seal(_append_dedupe)
        ),
        "seal": point(seal, lambda place: place.opened(6), _asking(seal), _asking(seal)),
        "submit": point(submit, _nothing, _submit, _submit_again),
        "give_up": point(
            give_up,
            lambda place: place.opened(6, key="once"),
            _asking(give_up, reason="for a test"),
            _asking(give_up, reason="for a test"),
            ends=_all("cancelled"),
        ),
        "claim": point(claim, _submitted, lambda place: place.take(4)),
        "renew": point(renew, _submitted, _renewing),
        "settle some": point(settle, _submitted, _settling(most=2)),
        "settle all": point(settle, _submitted, _settling(items=6)),
        "settle failed": point(settle, _submitted, _settling(_failed(1)), after=_one_failed),
        "settle to its end": point(settle, _submitted, _settling(_failed(1), items=6), after=_one_failed),
        "settle to retry": point(settle, _submitted, _settling(_trouble("failed", 1))),
        "settle released": point(settle, _submitted, _settling(_trouble("released", 0))),
        "settle lost": point(settle, _submitted, _settling(_trouble("lost", 0))),
        "settle bisected": point(
            settle, _submitted, _settling(*(_trouble("bisected", offset, halves=offset // 2) for offset in range(3)))
        ),
        "settle to a pause": point(
            settle,
            _brittle,
            _settling(_failed(1)),
            _asking(resume, ramp=False),
            after=_one_failed,
            events_after=_held_back,
        ),
        "cancel": point(
            cancel,
            _submitted,
            *_with_three_held(cancel, hard=False, reason="for a test"),
            ends=_all("cancelled"),
        ),
        "cancel hard": point(
            cancel,
            _submitted,
            *_with_three_held(cancel, hard=True, reason="for a test"),
            ends=_all("cancelled"),
        ),
        "cancel_items": point(
            cancel_items, _submitted, *_with_three_held(cancel_items, [0, 1, 5]), ends=_three_cancelled
        ),
        "pause": point(pause, _submitted, _asking(pause, reason="for a test"), _pause_and_resume, events=_held_back),
        "resume": point(resume, _paused, _asking(resume), _asking(resume, ramp=False), events=_held_back),
        "retry": point(retry, _two_failed, _asking(retry, RetryScope()), _asking(retry, RetryScope()), events=_again),
        "retry probe": point(
            retry,
            _two_failed,
            _asking(retry, RetryScope(), probe=1),
            _asking(retry, RetryScope(), probe=1),
            events=("finished", "reopened", "reopened", "finished"),
        ),
        "promote_due": point(promote_due, _prepared(run_at=500_000), _sweeping(promote_due)),
        "expire_leases": point(expire_leases, _submitted, _lapsing),
        "lose_workers": point(lose_workers, _submitted, _losing),
        "expire_waiting": point(
            expire_waiting, _prepared(expires_at=-1), _sweeping(expire_waiting), ends=_all("expired")
        ),
        "end_overdue": point(end_overdue, _prepared(deadline_at=-1), _sweeping(end_overdue), ends=_all("expired")),
        "end_overdue open": point(end_overdue, _abandoned, _sweeping(end_overdue), ends=_all("cancelled")),
        "reconcile": point(reconcile, _submitted, _asking(reconcile)),
        "set_batch_limit": point(
            set_batch_limit, _limited, _asking(set_batch_limit, None), _asking(set_batch_limit, None)
        ),
        "set_quota": point(set_quota, _submitted, _sweeping(set_quota, "task", "default", "crash", 2)),
        "see_worker": point(see_worker, _submitted, _sweeping(see_worker, "doomed", "host", "1:1", "[]")),
        "delete": point(delete, _ended, _asking(delete), _asking(delete), gone=True),
        "purge": point(purge, _deleted, _sweeping(purge, 2), gone=True),
    }
    | SERVED
    | DURABLE
)
