"""Single submissions: those that arrive while a commit is under way share the next one, and its chunk."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from stook.core.chunk import MAX_BYTES, MAX_ITEMS
from stook.core.errors import PayloadTooLarge, QuotaExceeded, StoreError, StoreUnavailable
from stook.core.extras import ItemExtras
from stook.engine.intake import Chunker
from stook.store.script.delete import delete, drop_blobs
from stook.store.script.external_ids import ExternalIdsHeld
from stook.store.script.hosted_place import HostedPlace
from stook.store.script.single import Place, places_of, submit_ticketed
from stook.store.script.submit import NewBatch, submit
from stook.store.script.ticket import Ticket, void

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from stook.core.chunk import Chunk
    from stook.engine.blobs import Blobs
    from stook.store.port import Store
    from stook.store.script.submit import Created

__all__ = ["Single", "Singles", "put_extras"]


class Single(msgspec.Struct, frozen=True):
    """What must be equal for two submissions to share a chunk."""

    project: str
    task: str
    queue: str
    policy: str
    priority: int = 0
    run_at: int | None = None
    expires_at: int | None = None
    metadata: str | None = None
    webhooks: tuple[str, ...] = ()
    trace: str | None = None
    ticketed: bool = False
    hosted: HostedPlace | None = None


class _Waiting(msgspec.Struct):
    payload: bytes
    dedupe: str | None
    receipt: asyncio.Future[Place]
    ticket: Ticket | None = None
    lane: tuple[str, str | None] | None = None
    extras: ItemExtras | None = None
    tags: Sequence[str] = ()


class Singles:
    def __init__(self, store: Store, blobs: Blobs, ids: Callable[[], bytes]) -> None:
        self._store = store
        self._blobs = blobs
        self._ids = ids
        self._waiting: dict[Single, list[_Waiting]] = {}
        self._flushing: dict[Single, asyncio.Task[None]] = {}

    async def submit(
        self,
        single: Single,
        payload: bytes,
        dedupe: str | None = None,
        ticket: Ticket | None = None,
        lane: tuple[str, str | None] | None = None,
        *,
        extras: ItemExtras | None = None,
        tags: Sequence[str] = (),
    ) -> Place:
        """(batch, index, created), durable on return. Not created: the execution that holds the dedupe key, or the
        external id that `extras` have (they have none, or all of those that share a `single` are hosted). Those that
        are `ticketed` have a ticket, all of them: `Conflict` for one that is void. `lane`: (lane, cost), of a task with
        keys all have one."""
        if len(payload) > self._blobs.most:
            raise PayloadTooLarge(len(payload), self._blobs.most)
        receipt: asyncio.Future[Place] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(single, []).append(_Waiting(payload, dedupe, receipt, ticket, lane, extras, tags))
        if single not in self._flushing:
            self._flushing[single] = asyncio.create_task(self._flush(single))
        return await receipt

    async def _flush(self, single: Single) -> None:
        waiting: list[_Waiting] = []
        try:
            while waiting := self._waiting.pop(single, []):
                for group in _groups(waiting):
                    await self._submit(single, group)
        finally:
            del self._flushing[single]
            left = [*waiting, *self._waiting.pop(single, [])]  # none, unless this was cancelled
            _refuse(left, StoreUnavailable("the store was closed before this was submitted"))

    async def _submit(self, single: Single, group: list[_Waiting]) -> None:
        batch_id = self._ids()
        try:
            dedupe = [one.dedupe for one in group]
            chunks = await Chunker(self._blobs, batch_id).cut(
                [one.payload for one in group],
                dedupe=dedupe if any(dedupe) else None,
                tags=[one.tags for one in group] if any(one.tags for one in group) else None,
                places=None if group[0].lane is None else [one.lane or ("", None) for one in group],
            )
            put_extras(chunks, {at: one.extras for at, one in enumerate(group) if one.extras is not None})
            new = NewBatch(
                id=batch_id,
                project=single.project,
                task=single.task,
                queue=single.queue,
                name=single.task,
                policy=single.policy,
                single=True,
                priority=single.priority,
                metadata=single.metadata,
                webhooks=single.webhooks,
                trace=single.trace,
                hosted=single.hosted,
            )
            created = await self._write(new, chunks, single, group)
        except QuotaExceeded as error:
            await self._forget_blobs(batch_id, group)
            if len(group) == 1 or not error.room:
                _refuse(group, error)
                return
            # Some may fit: nobody is refused for what others brought.
            some = min(error.room, len(group) // 2 if error.limit == "max_payload_bytes" else len(group) - 1)
            await self._submit(single, group[:some])
            await self._submit(single, group[some:])
            return
        except Exception as error:  # noqa: BLE001 - each caller gets it
            _refuse(group, error)
            return
        if created is None:
            await self._forget_blobs(batch_id, group)
            if left := [one for one in group if not one.receipt.done()]:
                await self._submit(single, left)
            return
        places = places_of(created, len(group))
        for one, place in zip(group, places, strict=True):
            _answer(one, place)
        if not created.total:
            with contextlib.suppress(StoreError):
                await self._store.write(delete, batch_id)  # nothing is in it: every key was held

    async def _write(
        self, new: NewBatch, chunks: Sequence[Chunk], single: Single, group: list[_Waiting]
    ) -> Created | None:
        """None: some are not to be submitted any more, for their tickets or their external ids, and have been told."""
        times = {"run_at": single.run_at, "expires_at": single.expires_at}
        tickets = [one.ticket for one in group if one.ticket is not None]
        try:
            if not single.ticketed:
                return await self._store.write(submit, new, chunks, **times)
            created, standings = await self._store.write(submit_ticketed, new, chunks, tickets, **times)
        except ExternalIdsHeld as error:
            for one in group:
                if (holder := error.holder_of(one.extras)) is not None:
                    _answer(one, (*holder, False))
            return None
        for one, ticket, standing in zip(group, tickets, standings, strict=True):
            if standing.done is not None:
                _answer(one, msgspec.msgpack.decode(standing.done, type=Place))
            elif not standing.valid:
                _refuse([one], void(ticket))
        return created

    async def _forget_blobs(self, batch_id: bytes, group: list[_Waiting]) -> None:
        """Of a batch that came to nothing."""
        if any(len(one.payload) > self._blobs.inline for one in group):
            with contextlib.suppress(StoreError):
                await self._blobs.store.drop(batch_id)
                await self._store.write(drop_blobs, batch_id)


def put_extras(chunks: Sequence[Chunk], extras: Mapping[int, ItemExtras]) -> None:
    """By the place in all of these chunks."""
    at = 0
    for chunk in chunks if extras else ():
        found = {offset: extras[at + offset] for offset in range(chunk.count) if at + offset in extras}
        chunk.extras = found or None
        at += chunk.count


def _answer(one: _Waiting, place: Place) -> None:
    if not one.receipt.done():
        one.receipt.set_result(place)


def _refuse(waiting: list[_Waiting], error: Exception) -> None:
    for one in waiting:
        if not one.receipt.done():
            one.receipt.set_exception(error)


def _groups(waiting: list[_Waiting]) -> list[list[_Waiting]]:
    """What does not fit one chunk goes in several, each a transaction of its own; and so does what has the external id
    of another: whoever came first has it by then."""
    groups: list[list[_Waiting]] = [[]]
    size, names = 0, set[str]()
    for one in waiting:
        name = None if one.extras is None else one.extras.external_id
        if groups[-1] and (
            len(groups[-1]) == MAX_ITEMS or size + len(one.payload) > MAX_BYTES or (name is not None and name in names)
        ):
            groups.append([])
            size, names = 0, set()
        groups[-1].append(one)
        size += len(one.payload)
        if name is not None:
            names.add(name)
    return groups
