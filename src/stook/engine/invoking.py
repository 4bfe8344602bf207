"""Invoking: what was checked becomes groups of items, one for each task, and goes to the store in one transaction.

What only asks whether its key is held shares its commit with others that arrive at the same moment (`singles`).
"""

from __future__ import annotations

import contextlib
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from stook.core.errors import NotFound, PayloadTooLarge, StoreError
from stook.core.extras import ItemExtras
from stook.core.ids import execution_id
from stook.core.invocation import NewItem, Receipt
from stook.core.lanes import Laner
from stook.core.policy import TaskPolicy
from stook.engine.names import check_name, check_task
from stook.engine.singles import Single
from stook.store.script.clock import read_clock
from stook.store.script.delete import drop_blobs
from stook.store.script.invoke import Group, invoke
from stook.store.script.submit import NewBatch, seal
from stook.store.script.ticket import act_once

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from stook.engine.service import Engine
    from stook.store.script.ticket import Ticket
    from stook.store.statement import Script

    _Tell = Callable[[bool], None]

__all__ = ["Asked", "Invokes", "Series"]


_MOST_TERMS: Final = 1000
ABANDONED: Final = 3600 * 1_000_000
"""Microseconds without another part, after which a call in several commits is taken for over."""


class Asked(msgspec.Struct, gc=False):
    """One item, checked: of which task, under which policy. Its payload is JSON."""

    task: str
    policy: TaskPolicy
    item: NewItem


class Series(msgspec.Struct):
    """A call that is written in several commits: the batches it has begun, by task."""

    batches: dict[str, bytes] = msgspec.field(default_factory=dict)


class _Terms(NamedTuple):
    policy: TaskPolicy
    """Kept, so that its identity stays its own."""
    text: str
    laner: Laner


class Invokes:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._terms: dict[int, _Terms] = {}

    async def one(self, asked: Asked, *, ticket: Ticket | None = None) -> Receipt:
        """With a `ticket` the same each time, and done once."""
        item = asked.item
        if not item.simple:
            return (await self.many([asked], single=True, ticket=ticket))[0][0]
        self._check_size(item)
        check_task(asked.task)
        engine, terms = self._engine, self._terms_of(asked.policy)
        await engine.quotas.declare(asked.task, asked.policy.max_concurrency)
        due, ends, extras = item.run_at, None, item.extras
        if item.delay is not None or item.expires_in is not None:
            now = await engine.store.read(read_clock)
            due, ends = item.due(now), item.expires(now)
        if due is not None:
            extras = msgspec.structs.replace(extras or ItemExtras(), run_at=due)
        lane = None if terms.laner.idle else terms.laner.places([item.payload])[0]
        single = Single(
            engine.project,
            asked.task,
            asked.policy.queue,
            terms.text,
            item.priority,
            run_at=due,
            expires_at=ends,
            ticketed=ticket is not None,
        )
        with contextlib.ExitStack() as publishing:
            published = None
            if engine.publishing is not None:
                published = publishing.enter_context(engine.publishing(asked.task))
            if published is not None:
                single = msgspec.structs.replace(single, trace=published.trace)
            batch_id, index, created = await engine.singles.submit(
                single, item.payload, item.dedupe, ticket, lane, extras=extras, tags=item.tags
            )
            if published is not None:
                published.stored(execution_id(batch_id, index), 1)
        receipt = Receipt((batch_id, index), created, None if created else "duplicate")
        self._count([asked], [receipt])
        return receipt

    def _count(self, asked: Sequence[Asked], receipts: Sequence[Receipt]) -> None:
        tally = self._engine.tally
        if tally is not None:
            tally.invoked(
                (one.task, one.policy.queue, receipt.reason) for one, receipt in zip(asked, receipts, strict=True)
            )

    def _terms_of(self, policy: TaskPolicy) -> _Terms:
        """A program has few policies, and asks for each often."""
        found = self._terms.get(id(policy))
        if found is None:
            if len(self._terms) >= _MOST_TERMS:
                self._terms.clear()
            found = self._terms[id(policy)] = _Terms(policy, msgspec.json.encode(policy).decode(), Laner(policy))
        return found

    async def many(
        self,
        asked: Sequence[Asked],
        *,
        name: str | None = None,
        single: bool = False,
        ticket: Ticket | None = None,
    ) -> tuple[list[Receipt], list[bytes]]:
        """Receipts in order, and the batches that came to be. One transaction; with a `ticket` the same each time, and
        done once."""
        with contextlib.ExitStack() as publishing:
            groups = await self.plan(asked, name=name, single=single)
            told = [self._published(group, publishing) for group in groups]
            try:
                if ticket is None:
                    receipts = await self._engine.store.write(invoke, groups)
                else:
                    act = partial(invoke, groups)
                    receipts = await self._engine.store.write(act_once, ticket, act, list[Receipt])
            except BaseException:
                await self._forget_blobs(groups)
                raise
            made = {one.place[0] for one in receipts if one.created and one.place is not None}
            for group, tell in zip(groups, told, strict=True):
                tell(group.new.id in made)
        await self._forget_blobs([group for group in groups if group.new.id not in made])
        self._count(asked, receipts)
        return receipts, sorted(made)

    async def part(
        self, series: Series, asked: Sequence[Asked], *, name: str | None = None, ticket: Ticket | None = None
    ) -> list[Receipt]:
        """The next items of a call that is written in several commits, each of which counts. Its batches are open until
        `end`, or until nothing has come for an hour."""
        groups = await self.plan(asked, name=name, begun=series.batches)
        until = await self._engine.store.read(read_clock) + ABANDONED
        for group in groups:
            group.whole, group.sealed = False, False
            group.begun = group.new.task in series.batches
            group.new.open_until = until
        act = partial(_invoke_part, groups)
        if ticket is None:
            receipts, batches = await self._engine.store.write(act)
        else:
            kind = tuple[list[Receipt], dict[str, bytes]]
            receipts, batches = await self._engine.store.write(act_once, ticket, act, kind)
            await self._forget_blobs([group for group in groups if group.new.id not in batches.values()])
        series.batches.update(batches)
        self._count(asked, receipts)
        return receipts

    async def end(self, series: Series) -> list[bytes]:
        """Nothing more comes; what was written stays. Those batches that anything is in."""
        kept = []
        for batch_id in series.batches.values():
            try:
                await self._engine.store.write(seal, batch_id)
            except NotFound:
                continue  # it was empty, and ended before
            if (await self._engine.show(batch_id)).counters.total:
                kept.append(batch_id)
            else:
                await self._engine.delete(batch_id)
        return kept

    async def plan(
        self,
        asked: Sequence[Asked],
        *,
        name: str | None = None,
        single: bool = False,
        begun: Mapping[str, bytes] | None = None,
        inline: bool = False,
    ) -> list[Group]:
        """For the verb `invoke`. Large payloads are put aside, unless they are to stay `inline`."""
        of_task: dict[str, list[int]] = {}
        for place, one in enumerate(asked):
            self._check_size(one.item, place)
            of_task.setdefault(one.task, []).append(place)
        groups = []
        for task, places in of_task.items():
            policy = asked[places[0]].policy
            check_task(task)
            items = [asked[place].item for place in places]
            laner = self._terms_of(policy).laner
            if not laner.idle:
                for item, (lane, cost) in zip(items, laner.places([item.payload for item in items]), strict=True):
                    item.lane, item.cost = lane, cost
            await self._engine.quotas.declare(task, policy.max_concurrency)
            new = self._new_batch(task, policy, name, single=single)
            if begun is not None and task in begun:
                new.id = begun[task]
            groups.append(Group(new, items if inline else await self._put_aside(new.id, items, places), places))
        return groups

    def _new_batch(self, task: str, policy: TaskPolicy, name: str | None, *, single: bool) -> NewBatch:
        if name is not None:
            check_name("name", name)
        return NewBatch(
            id=self._engine.new_id(),
            project=self._engine.project,
            task=task,
            queue=policy.queue,
            name=name or task,
            policy=self._terms_of(policy).text,
            single=single,
        )

    def _check_size(self, item: NewItem, place: int | None = None) -> None:
        if len(item.payload) > self._engine.blobs.most:
            raise PayloadTooLarge(len(item.payload), self._engine.blobs.most, index=place)

    async def _put_aside(self, batch_id: bytes, items: Sequence[NewItem], places: Sequence[int]) -> Sequence[NewItem]:
        """What may go over another execution stays as it is: that one is in another batch."""
        blobs, found = self._engine.blobs, items
        for at, item in enumerate(items):
            if len(item.payload) > blobs.inline and item.debounce is None and item.mode != "replace":
                found = list(items) if found is items else found
                body = await blobs.put(batch_id, f"p{places[at]}", item.payload, index=places[at])
                found[at] = msgspec.structs.replace(item, payload=body, blob=True)  # type: ignore[index]
        return found

    async def _forget_blobs(self, groups: Sequence[Group]) -> None:
        """Of batches that came to nothing."""
        for group in groups:
            if any(item.blob for item in group.items):
                with contextlib.suppress(StoreError):
                    await self._engine.blobs.store.drop(group.new.id)
                    await self._engine.store.write(drop_blobs, group.new.id)

    def _published(self, group: Group, stack: contextlib.ExitStack) -> _Tell:
        publishing = self._engine.publishing
        published = None if publishing is None else stack.enter_context(publishing(group.new.task))
        if published is None:
            return _nobody
        group.new.trace = published.trace

        def tell(made: bool) -> None:  # noqa: FBT001 - a callback
            if made:
                published.stored(execution_id(group.new.id, 0), len(group.items))

        return tell


def _invoke_part(groups: Sequence[Group]) -> Script[tuple[list[Receipt], dict[str, bytes]]]:
    """And in which batches, by task."""
    receipts = yield from invoke(groups)
    return receipts, {group.new.task: group.new.id for group in groups}


def _nobody(_: bool) -> None:  # noqa: FBT001 - a callback
    """Nobody traces."""
