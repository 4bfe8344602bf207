"""Invoking many: each item is created, answered by an execution that is there, or throttled, all in one transaction.

    gates ─▶ look at keys ─▶ decide ─▶ take keys ─▶ cancel, overwrite ─▶ create ─▶ start periods
                 ▲               (pure)        │
                 └── somebody was faster ──────┘   from the beginning, where that asks for a lock out of order

Lock order: gates, batches of those that are overwritten or superseded, dedupe keys, then what `submit` locks. Keys are
taken with conflict clauses: no statement fails because another transaction was faster.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from stook.core.errors import BadItem, DuplicateKey
from stook.core.ids import execution_id
from stook.core.invocation import Act, Holder, Key, NewItem, Place, Receipt, Standing, decide, fold
from stook.core.invoked_chunks import chunks_of
from stook.store.script.batch_row import BatchRow, lock_batches, row_there
from stook.store.script.cancel_executions import cancel_executions
from stook.store.script.debounce import Period, keep_periods, open_periods, read_periods
from stook.store.script.dedupe import DEDUPE_KEYS, RESTING_KEYS
from stook.store.script.invoke_gates import hold_gates
from stook.store.script.replace import Overwrite, Unstarted, find_unstarted, overwrite
from stook.store.script.submit import PIECEMEAL, NewBatch, append, create_batch, seal, submit
from stook.store.script.throttle import read_throttles, start_periods
from stook.store.statement import Each, LookAgain, Many, Now

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from stook.core.invocation import Verdict
    from stook.store.statement import Row, Script

__all__ = ["SUPERSEDED", "Group", "invoke"]

SUPERSEDED = "superseded by reinvoke"


class Group(msgspec.Struct):
    """What a call asks of one task. `places` are the items' in the call. Without `whole` the batch goes on behind this:
    it is there already where it has `begun`, and takes no more once it is `sealed`."""

    new: NewBatch
    items: Sequence[NewItem]
    places: Sequence[int]
    whole: bool = True
    begun: bool = False
    sealed: bool = True


class _Found(msgspec.Struct):
    """What is known of the keys, and held."""

    standing: Standing
    batches: dict[bytes, BatchRow]
    unstarted: dict[Place, Unstarted]
    periods: dict[Key, Period]


def invoke(groups: Sequence[Group]) -> Script[list[Receipt]]:
    """One receipt for each item, in the order of the call. Nothing is written where it raises: `DuplicateKey` lists
    every item that is to be rejected, `QuotaExceeded` says what there is room for. A batch comes into being only where
    something is created in it (or it is not `whole`)."""
    if all(group.whole and not any(item.asks for item in group.items) for group in groups):
        return (yield from _invoke_unasked(groups))
    project = groups[0].new.project
    count = sum(len(group.items) for group in groups)
    asked: list[tuple[str, NewItem]] = [("", NewItem(payload=b""))] * count
    for group in groups:
        for place, item in zip(group.places, group.items, strict=True):
            asked[place] = (group.new.task, item)
    stands = fold(asked)
    ones = [one for place, one in enumerate(asked) if stands[place] == place]
    yield from hold_gates(project, ones)
    now: int = yield Now()
    begun = {group.new.id for group in groups if group.begun}
    taken: dict[Key, Place] = {}
    held: set[bytes] = set()
    while True:
        found = yield from _look(project, ones, now, taken, held, begun)
        bases = {batch_id: row_there(found.batches.get(batch_id), batch_id).total for batch_id in begun}
        verdict = decide(asked, stands, found.standing)
        _check_rejected(verdict)
        created = _places(groups, verdict, bases)
        if (yield from _take(project, asked, created, verdict, taken, now)):
            break
    receipts = yield from _carry_out(project, asked, verdict, created, found, now)
    for group in groups:
        yield from _create(group, created, now)
    made = [(*asked[place], receipt.place) for place, receipt in receipts.items() if receipt.created and receipt.place]
    yield from start_periods(project, made, now)
    yield from open_periods(project, made, now)
    return [receipts[place] if stand == place else _folded(receipts[stand]) for place, stand in enumerate(stands)]


def _invoke_unasked(groups: Sequence[Group]) -> Script[list[Receipt]]:
    """Nothing stands in the way of any of them."""
    timed = any(item.delay is not None or item.expires_in is not None for group in groups for item in group.items)
    now: int = (yield Now()) if timed else 0
    places: dict[int, Place] = {}
    for group in groups:
        places |= {place: (group.new.id, index) for index, place in enumerate(group.places)}
        yield from submit(group.new, chunks_of(group.items, now))
    return [Receipt(places[place], created=True) for place in range(len(places))]


def _look(
    project: str,
    ones: Sequence[tuple[str, NewItem]],
    now: int,
    taken: Mapping[Key, Place],
    locked: set[bytes],
    begun: Collection[bytes],
) -> Script[_Found]:
    """Until every execution that may have to be changed is in a batch whose row is held, those `begun` among them.
    Adds to `locked`, which were held before; `LookAgain` where that would be out of order."""
    throttled = yield from read_throttles(project, ones, now)
    periods = yield from read_periods(project, ones)
    wanted = {task_key for task_key in _keys(ones) if task_key not in taken}
    touching = {(task, item.dedupe) for task, item in ones if item.mode in ("replace", "supersede")}
    batches: dict[bytes, BatchRow] = {}
    gone: set[bytes] = set()
    while True:
        rows: list[Row] = (yield Each("look_dedupe", [(project, *key) for key in sorted(wanted)])) if wanted else []
        held = {
            (task, key): Holder((batch_id, index), rested=free_at is not None)
            for task, key, batch_id, index, free_at in rows
            if free_at is None or free_at > now
        }
        places = {one.place for key, one in held.items() if key in touching and not one.rested}
        places.update(one.place for one in periods.values())
        missing = ({place[0] for place in places} | set(begun)) - batches.keys() - gone
        if not missing:
            break
        if (fresh := missing - locked) and (taken or (locked and min(fresh) < max(locked))):
            raise LookAgain("a key that is invoked under has changed hands")
        locked |= fresh
        batches |= yield from lock_batches(missing)
        gone |= missing - batches.keys()
    replacing = held.keys() & {(task, item.dedupe) for task, item in ones if item.mode == "replace"}
    may_be = {one.place for one in periods.values()} | {held[key].place for key in replacing}
    unstarted = yield from find_unstarted(batches, may_be)
    for key, one in held.items():
        if one.place in unstarted:
            held[key] = msgspec.structs.replace(one, fresh=True)
    pending = {key: Holder(one.place, fresh=True) for key, one in periods.items() if one.place in unstarted}
    return _Found(Standing(throttled, pending, held), batches, unstarted, periods)


def _keys(ones: Iterable[tuple[str, NewItem]]) -> set[Key]:
    return {(task, item.dedupe) for task, item in ones if item.dedupe is not None}


def _check_rejected(verdict: Verdict) -> None:
    rejected = {place: act.other for place, act in verdict.items() if act.kind == "rejected"}
    if not rejected:
        return
    ids = {place: execution_id(*other) for place, other in rejected.items() if other is not None}
    place = min(ids)
    error = DuplicateKey(
        f"execution {ids[place]} holds the dedupe key", existing_id=ids[place], index=place, hint="it has not ended"
    )
    error.errors = [BadItem(one, error.code, "", f"execution {ids[one]} holds the dedupe key") for one in sorted(ids)]
    raise error


def _places(groups: Sequence[Group], verdict: Verdict, bases: Mapping[bytes, int]) -> dict[int, Place]:
    """Where those are to be that are created, by their place in the call."""
    created: dict[int, Place] = {}
    for group in groups:
        index = bases.get(group.new.id, 0)
        for place in group.places:
            act = verdict.get(place)
            if act is not None and act.kind in ("create", "supersede"):
                created[place] = (group.new.id, index)
                index += 1
    return created


def _take(
    project: str,
    asked: Sequence[tuple[str, NewItem]],
    created: Mapping[int, Place],
    verdict: Verdict,
    taken: dict[Key, Place],
    now: int,
) -> Script[bool]:
    """The keys of what is created; False: somebody else has one of them now. What is superseded gives its key up later,
    by whoever holds its batch."""
    wanted: dict[Key, tuple[Place, int | None]] = {}
    for place, there in created.items():
        task, item = asked[place]
        if item.dedupe is not None and verdict[place].kind == "create":
            wanted[task, item.dedupe] = (there, item.ttl)
    fresh = sorted(key for key in wanted if key not in taken)
    rows = [(project, *key, *wanted[key][0], wanted[key][1], now) for key in fresh]
    got: list[Row] = (yield Each("take_dedupe", rows)) if rows else []
    moved = [key for key, there in taken.items() if key in wanted and wanted[key][0] != there]
    dropped = [key for key in taken if key not in wanted]
    taken.update({(task, key): wanted[task, key][0] for task, key in got})
    if len(got) < len(fresh):
        return False
    if moved:
        yield Many("put_dedupe", [(project, *key, *wanted[key][0], wanted[key][1]) for key in sorted(moved)])
    if dropped:
        yield Many("drop_dedupe", [(project, *key) for key in sorted(dropped)])
    return True


def _carry_out(
    project: str,
    asked: Sequence[tuple[str, NewItem]],
    verdict: Verdict,
    created: Mapping[int, Place],
    found: _Found,
    now: int,
) -> Script[dict[int, Receipt]]:
    """All but the creating. Overwritten first: cancelling reads the batches' rows anew."""
    changes: list[Overwrite] = []
    kept: list[tuple[Key, Period]] = []
    receipts = {}
    for place, act in verdict.items():
        task, item = asked[place]
        receipts[place] = _receipt(act, created.get(place), created)
        if act.kind == "replace" and act.other is not None:
            changes.append(Overwrite(found.unstarted[act.other], task, item, item.due(now), whole=True))
        if act.kind == "debounce" and item.debounce is not None:
            period = found.periods[task, item.debounce.key]
            due = item.debounce.due(now, period.opened_at, period.due_at)
            changes.append(Overwrite(found.unstarted[period.place], task, item, due, whole=False))
            kept.append(((task, item.debounce.key), msgspec.structs.replace(period, due_at=due)))
    yield from overwrite(project, found.batches, changes, now)
    yield from keep_periods(project, kept)
    over = [(place, act.other) for place, act in verdict.items() if act.kind == "supersede" and act.other is not None]
    of_batch: dict[bytes, list[int]] = {}
    for _, (batch_id, index) in over:
        if batch_id in found.batches:
            of_batch.setdefault(batch_id, []).append(index)
    for batch_id, indexes in sorted(of_batch.items()):
        yield from cancel_executions(batch_id, indexes, reason=SUPERSEDED)
    seized = []
    for place, _ in over:
        task, item = asked[place]
        seized.append((project, task, item.dedupe, *created[place], item.ttl))
    if seized:
        yield Many("put_dedupe", seized)
    return receipts


def _receipt(act: Act, place: Place | None, created: Mapping[int, Place]) -> Receipt:
    match act.kind:
        case "create":
            return Receipt(place, created=True)
        case "supersede":
            return Receipt(place, created=True, reason="superseded")
        case "replace":
            return Receipt(act.other, created=False, reason="replaced")
        case "debounce":
            return Receipt(act.other, created=False, reason="debounced")
        case "throttled":
            blocker = act.other if act.blocker is None else created.get(act.blocker)
            return Receipt(None, created=False, reason="throttled", blocked_by=blocker)
        case _:
            return Receipt(act.other, created=False, reason="duplicate")


def _folded(last: Receipt) -> Receipt:
    if last.place is None or last.reason == "duplicate":
        return last
    return Receipt(last.place, created=False, reason="folded")


def _create(group: Group, created: Mapping[int, Place], now: int) -> Script[None]:
    items = [item for place, item in zip(group.places, group.items, strict=True) if place in created]
    keyed = 0
    for item in items:
        if item.dedupe is not None:
            keyed |= DEDUPE_KEYS | (RESTING_KEYS if item.ttl is not None else 0)
    chunks = chunks_of(items, now)
    if group.whole:
        if chunks:
            group.new.keyed = keyed
            yield from submit(group.new, chunks)
        return
    if not group.begun:
        group.new.keyed = PIECEMEAL
        yield from create_batch(group.new)
    if chunks:
        yield from append(group.new.id, chunks, keyed=keyed, open_until=group.new.open_until)
    if group.sealed:
        yield from seal(group.new.id)
