"""Batches of hosted code: many payloads for one action of one deployment."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import msgspec

from stook.core.deployment import Page, Resolved
from stook.core.errors import KeyConflict, NotFound, OptionError
from stook.core.extras import ItemExtras
from stook.core.ids import batch_of, execution_id, index_of, parse_id
from stook.core.states import State
from stook.engine.hosted_executions import (
    AlreadyEnded,
    Ended,
    ExternalIdHeld,
    HostedExecution,
    asked_with,
    place_of,
    shown_whole,
)
from stook.engine.hosted_policies import HostedPolicies
from stook.engine.hosted_shown import HostedBatch, shown_batch
from stook.engine.intake import BITE_ITEMS
from stook.engine.options import Block, Options
from stook.engine.recording import write_recorded
from stook.store.script.batch_row import decode_policy
from stook.store.script.external_ids import ExternalIdsHeld, external_key
from stook.store.script.hosted_end import cancel_hosted_batch
from stook.store.script.needs_code import needs_code
from stook.store.script.read.hosted_batches import HostedFilter
from stook.store.script.read.hosted_jobs import HostedJob, list_hosted_jobs, show_hosted_job
from stook.store.script.read.hosted_pages import hosted_items_from
from stook.store.script.read.keyed import keyed_batch

if TYPE_CHECKING:
    from stook.core.hosted import Dialect
    from stook.core.policy import TaskPolicy
    from stook.engine.recording import Recording
    from stook.engine.service import Engine
    from stook.store.script.hosted_end import CancelledBatch
    from stook.store.script.submit import Created
    from stook.store.statement import Script

__all__ = ["HostedBatch", "HostedBatches"]

_PAGE: Final = 200
_ITEMS: Final = 512
_BAD: Final = frozenset({State.failed, State.cancelled, State.expired})


class HostedBatches:
    """`engine_of` gives a project's engine."""

    def __init__(self, engine_of: Callable[[str], Engine]) -> None:
        self._engine_of = engine_of
        self._policies = HostedPolicies()

    async def create(
        self,
        project: str,
        resolved: Resolved,
        payloads: Sequence[bytes],
        *,
        max_concurrency: int | None = None,
        timeout: float | None = None,
        priority: int = 0,
        item_ids: Sequence[str] | None = None,
        external_ids: Sequence[str | None] | None = None,
        metadatas: Sequence[Mapping[str, Any] | None] | None = None,
        actor: str | None = None,
        key: str | None = None,
        digest: str | None = None,
        webhooks: Sequence[str] = (),
    ) -> HostedBatch | ExternalIdHeld:
        """There and whole on return, or not there at all. Each of `payloads` is one JSON text, kept byte for byte;
        `timeout` (seconds of running time) is each one's. `key` and `digest` are those of any batch: an earlier batch
        under the key is the answer, `KeyConflict` if it has another digest. `DuplicateKeys` for item ids that are not
        each another, `OptionError` for external ids."""
        policy = await self._policies.of(self._engine_of(project), resolved)
        if timeout is not None:
            policy = msgspec.structs.replace(policy, timeout=timeout)
        options = Options(
            name=f"{resolved.app}/{resolved.action}"[:128],
            key=key,
            digest=digest,
            priority=priority,
            max_concurrency=max_concurrency,
            metadata=asked_with(resolved, actor),
            webhooks=webhooks,
        )
        extras = _extras(external_ids, metadatas)
        return await self._create(project, resolved, policy, _blocks(payloads, item_ids), options, extras)

    async def under_key(self, project: str, key: str, digest: str) -> HostedBatch | None:
        """What was created under it, also when its deployment has gone since. `KeyConflict` as of `create`."""
        found = await self._engine_of(project).store.read(keyed_batch, project, key)
        if found is None or not found.sealed:
            return None
        if found.digest != digest:
            raise KeyConflict(
                f"key {key!r} already stands for a batch with other content",
                hint="use another key, or the same content",
            )
        return await self.get(project, execution_id(found.id, 0))

    async def get(self, project: str, batch_id: str) -> HostedBatch | None:
        found = await self._find(project, batch_id)
        return None if found is None else shown_batch(found.of, found.view, found.first_claim)

    async def list(
        self,
        project: str,
        *,
        dialect: Dialect,
        app: str | None = None,
        action: str | None = None,
        shown: Callable[[HostedBatch], bool] | None = None,
        limit: int = 50,
        offset: int = 0,
    ) -> Page[HostedBatch]:
        """Newest first, of those alone for which `shown` is true."""
        store = self._engine_of(project).store
        by = HostedFilter(dialect=dialect, app=app, action=action, singles=False)
        found: list[HostedBatch] = []
        behind: bytes | None = None
        while len(found) <= offset + limit:
            bite = _PAGE if shown is not None else min(_PAGE, offset + limit + 1)
            jobs, behind = await store.read(list_hosted_jobs, project, by, behind=behind, limit=bite)
            batches = (shown_batch(one.of, one.view, one.first_claim) for one in jobs)
            found += (one for one in batches if shown is None or shown(one))
            if behind is None:
                break
        return Page(found[offset : offset + limit], more=len(found) > offset + limit)

    async def items(
        self, project: str, batch_id: str, *, states: Collection[State] | None = None
    ) -> AsyncIterator[Sequence[HostedExecution]]:
        """All of them, or those in one of `states`, in the order of their payloads, a few hundred at a time. Nothing of
        a batch that is not there."""
        engine, found = self._engine_of(project), await self._find(project, batch_id)
        at: int | None = None if found is None else 0
        wanted = None if states is None else frozenset(states)
        while found is not None and at is not None:
            try:
                items, at = await engine.store.read(hosted_items_from, found.of, at, wanted, _ITEMS)
            except NotFound:
                return  # deleted meanwhile
            if items:
                yield await shown_whole(engine, items)

    async def retry_failed(
        self, project: str, batch_id: str, *, resolved: Resolved | None = None, by: Recording | None = None
    ) -> HostedBatch | ExternalIdHeld | None:
        """A new batch of the payloads of those that ended and did not succeed, under the same terms, on the same
        deployment if no other is given, which may have stopped; `Conflict` where it was deleted, or its code is not
        kept any more. External ids stay with the first ones. None: there is no such batch, or nothing to do. `by`:
        that it was asked for is recorded before the batch is made."""
        found = await self._find(project, batch_id)
        if found is None:
            return None
        payloads, ids, metadatas = [], list[str | None](), list[Mapping[str, Any] | None]()
        async for items in self.items(project, batch_id, states=_BAD):
            payloads += [b"null" if one.payload is None else one.payload for one in items]
            ids += [one.item_id for one in items]
            metadatas += [one.metadata or None for one in items]
        if not payloads:
            return None
        view = found.view
        act = partial(_wanted, view.task if resolved is None else None, len(payloads))
        await write_recorded(self._engine_of(project).store, by, act, affected=int)
        again = resolved or _resolved(found)
        options = Options(
            name=view.name,
            priority=view.priority,
            max_concurrency=view.max_concurrency,
            metadata=asked_with(again, shown_batch(found.of, view, None).actor),
        )
        named = [one for one in ids if one is not None]
        blocks = _blocks(payloads, named if len(named) == len(ids) else None)
        extras = _extras(None, metadatas)
        return await self._create(project, again, decode_policy(found.policy), blocks, options, extras)

    async def cancel(
        self,
        project: str,
        batch_id: str,
        *,
        output: str | None = None,
        reason: str = "cancelled by user",
        by: Recording | None = None,
    ) -> Ended | AlreadyEnded | None:
        """Nothing more starts, what runs is stopped; all of that ends cancelled, with this output. Again meanwhile:
        nothing happens. None: there is no such batch. With `by`, what was done is recorded in the transaction that does
        it, with how many executions it ended or stops."""
        found = await self._find(project, batch_id)
        if found is None:
            return None
        act = partial(cancel_hosted_batch, found.of.batch_id, output=output, reason=reason, project=project)
        done = await write_recorded(self._engine_of(project).store, by, act, affected=_affected)
        return AlreadyEnded(State.cancelled) if done is None else Ended(running=done.running)

    async def _create(
        self,
        project: str,
        resolved: Resolved,
        policy: TaskPolicy,
        blocks: Sequence[Block],
        options: Options,
        extras: Mapping[int, ItemExtras],
    ) -> HostedBatch | ExternalIdHeld:
        engine = self._engine_of(project)
        try:
            created: Created = await engine.submit_whole(
                resolved.task, policy, blocks, options, hosted=place_of(resolved), extras=extras
            )
        except ExternalIdsHeld as error:
            for one in extras.values():
                place = error.holder_of(one)
                if place is not None and one.external_id is not None:
                    return ExternalIdHeld(execution_id(*place), one.external_id)
            raise
        made = await self.get(project, execution_id(created.id, 0))
        assert made is not None
        return made

    async def _find(self, project: str, text: str) -> HostedJob | None:
        try:
            raw = parse_id(text)
            if index_of(raw):
                return None
            return await self._engine_of(project).store.read(show_hosted_job, project, batch_of(raw))
        except NotFound:
            return None


def _wanted(task: str | None, count: int) -> Script[int]:
    """Of the retried; None: their task is there."""
    if task is not None:
        yield from needs_code(task)
    return count


def _affected(done: CancelledBatch | None) -> int:
    return 0 if done is None else done.count


def _resolved(found: HostedJob) -> Resolved:
    of = found.of
    return Resolved(
        deployment_id=of.deployment_id,
        dialect=of.dialect,
        app=of.app,
        action=of.action,
        label=of.label,
        task=found.view.task,
        version_id=of.version_id,
    )


def _blocks(payloads: Sequence[bytes], item_ids: Sequence[str] | None) -> list[Block]:
    return [
        Block(payloads[at : at + BITE_ITEMS], None if item_ids is None else item_ids[at : at + BITE_ITEMS])
        for at in range(0, len(payloads), BITE_ITEMS)
    ]


def _extras(
    external_ids: Sequence[str | None] | None, metadatas: Sequence[Mapping[str, Any] | None] | None
) -> dict[int, ItemExtras]:
    """Of items that have any. `OptionError` for an external id that two have."""
    found: dict[int, ItemExtras] = {}
    seen: dict[str, int] = {}
    for index, name in enumerate(external_ids or ()):
        if name is None:
            continue
        earlier = seen.setdefault(external_key(name), index)
        if earlier != index:
            raise OptionError(
                f"external_id {name!r} is item {earlier}'s already", index=index, hint="give each another"
            )
        found[index] = ItemExtras(external_id=name)
    for index, metadata in enumerate(metadatas or ()):
        if metadata:
            found[index] = msgspec.structs.replace(found.get(index, ItemExtras()), metadata=dict(metadata))
    return found
