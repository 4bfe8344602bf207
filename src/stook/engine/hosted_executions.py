"""Executions of hosted code, as those see them who deployed it: asked for one at a time, found by id, listed, ended."""

from __future__ import annotations

import asyncio
import contextlib
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Literal, Required, TypedDict, Unpack

import msgspec

from stook.core.deployment import Page
from stook.core.errors import Conflict, NotFound, OptionError
from stook.core.extras import ItemExtras
from stook.core.given_output import given_result
from stook.core.ids import batch_of, execution_id, index_of, parse_id
from stook.core.states import TERMINAL, State
from stook.engine.hosted_policies import HostedPolicies
from stook.engine.hosted_shown import HOSTED, HostedExecution, shown_execution
from stook.engine.options import Options
from stook.engine.recording import write_recorded
from stook.store.script.batch_row import read_batch
from stook.store.script.external_ids import external_key, find_external
from stook.store.script.finish import finish_item
from stook.store.script.hosted_end import cancel_hosted
from stook.store.script.hosted_place import HostedPlace
from stook.store.script.read.hosted_batches import HostedFilter, find_hosted_prefix
from stook.store.script.read.hosted_pages import (
    HostedOutline,
    Place,
    count_hosted,
    hosted_outlines,
    hosted_page,
    show_hosted,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence

    from stook.core.deployment import Resolved
    from stook.core.hosted import Dialect
    from stook.engine.recording import Recording
    from stook.engine.service import Engine
    from stook.store.script.finish import Finished
    from stook.store.script.hosted_end import Stopped
    from stook.store.script.read.hosted_items import HostedItem
    from stook.store.script.ticket import Ticket

__all__ = [
    "AlreadyEnded",
    "Ended",
    "ExternalIdHeld",
    "HostedExecution",
    "HostedExecutions",
    "HostedOutline",
    "place_of",
]

_SHORTEST: Final = 4
"""Characters of an id that may stand for the whole."""
_OUTLINES: Final = 500


class HostedFilters(TypedDict, total=False):
    """Joined by and; None, as what is left out, lets everything pass. `begun` counts for those that have not ended.
    `since`: created then (microseconds) or later; `until`: before. `query`: some of the name of the app or the action,
    whatever its case, or the beginning of an id."""

    dialect: Required[Dialect]
    app: str | None
    action: str | None
    label: str | None
    deployment_id: str | None
    batch_id: str | None
    states: Collection[State] | None
    begun: bool | None
    since: int | None
    until: int | None
    query: str | None


class ExternalIdHeld(msgspec.Struct, frozen=True):
    execution_id: str
    external_id: str


class Ended(msgspec.Struct, frozen=True):
    """Because of this call; `running`: it is being stopped, and ends as soon as its worker has let go of it."""

    running: bool


class AlreadyEnded(msgspec.Struct, frozen=True):
    """Or, where `state` is cancelling, it is being cancelled, which nothing takes back."""

    state: State


class HostedExecutions:
    """`engine_of` gives a project's engine."""

    def __init__(self, engine_of: Callable[[str], Engine]) -> None:
        self._engine_of = engine_of
        self._policies = HostedPolicies()

    async def submit(
        self,
        project: str,
        resolved: Resolved,
        payload: bytes | None,
        *,
        external_id: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        actor: str | None = None,
        timeout: float | None = None,
        priority: int = 0,
        ticket: Ticket | None = None,
    ) -> str | ExternalIdHeld:
        """Its id, durable on return. `payload` is one JSON text, kept byte for byte. With a `ticket` (of an
        Idempotency-Key) the same each time, and done once."""
        engine = self._engine_of(project)
        if external_id is not None:
            external_key(external_id)
        extras = ItemExtras(
            timeout=timeout,
            metadata=dict(metadata) if metadata else None,
            external_id=external_id,
            empty=payload is None,
        )
        batch_id, index, created = await engine.submit_one(
            resolved.task,
            await self._policies.of(engine, resolved),
            b"null" if payload is None else payload,
            Options(priority=priority, metadata=asked_with(resolved, actor)),
            ticket=ticket,
            hosted=place_of(resolved),
            extras=None if extras == ItemExtras() else extras,
        )
        shown = execution_id(batch_id, index)
        return shown if created or external_id is None else ExternalIdHeld(shown, external_id)

    async def get(self, project: str, execution_id: str) -> HostedExecution | None:
        """With its failure's traceback."""
        place = _place(execution_id)
        return None if place is None else await self._show(self._engine_of(project), place)

    async def find_prefix(self, project: str, prefix: str, *, dialect: Dialect) -> Sequence[str]:
        """Ids that begin so, newest first, two at the most: with hyphens or without, any case, 4 characters or more."""
        if len(prefix) < _SHORTEST:
            return []
        found = await self._engine_of(project).store.read(find_hosted_prefix, project, dialect, prefix, 2)
        return [execution_id(*place) for place in found]

    async def by_external_id(self, project: str, external_id: str) -> HostedExecution | None:
        engine = self._engine_of(project)
        try:
            place = await engine.store.read(find_external, project, external_id)
        except OptionError:
            return None
        return None if place is None else await self._show(engine, place)

    async def list(
        self,
        project: str,
        *,
        limit: int = 20,
        offset: int = 0,
        order: Literal["newest", "oldest"] = "newest",
        **by: Unpack[HostedFilters],
    ) -> Page[HostedExecution]:
        """By id, which is by creation. Failures are without tracebacks."""
        wanted = _filter(by)
        if wanted is None:
            return Page([], more=False)
        engine, newest = self._engine_of(project), order == "newest"
        found = await engine.store.read(hosted_page, project, wanted, newest=newest, offset=offset, limit=limit)
        return Page(await shown_whole(engine, found.items), more=found.more)

    async def count(self, project: str, *, most: int | None = None, **by: Unpack[HostedFilters]) -> int:
        """Of all that `list` would give; nobody counts further than to `most`."""
        wanted = _filter(by)
        return 0 if wanted is None else await self._engine_of(project).store.read(count_hosted, project, wanted, most)

    async def every(
        self, project: str, *, order: Literal["newest", "oldest"] = "newest", **by: Unpack[HostedFilters]
    ) -> AsyncIterator[Sequence[HostedOutline]]:
        """What there is of each in few words, a few hundred at a time: neither payloads nor results are read."""
        store, newest, wanted = self._engine_of(project).store, order == "newest", _filter(by)
        behind: Place | None = None
        while wanted is not None:
            found, behind = await store.read(
                hosted_outlines, project, wanted, newest=newest, behind=behind, limit=_OUTLINES
            )
            if found:
                yield found
            if behind is None:
                return

    async def finish(
        self, project: str, execution_id: str, *, output: str | None, by: Recording | None = None
    ) -> Ended | AlreadyEnded | None:
        """It has succeeded, with this output, whatever its code comes to. None: there is no such execution. With `by`,
        what was done is recorded in the transaction that does it."""
        engine, place = self._engine_of(project), _place(execution_id)
        if place is None or await self._show(engine, place) is None:
            return None
        result, form = given_result(output)
        large = len(result) > engine.blobs.inline
        if large:
            result = await engine.blobs.put(place[0], f"g{place[1]}", result)
        act = partial(finish_item, *place, result=result, form=form, blob=large, project=project)
        done = await write_recorded(engine.store, by, act, affected=_done)
        return Ended(running=False) if done.done else AlreadyEnded(done.state)

    async def cancel(
        self,
        project: str,
        execution_id: str,
        *,
        output: str | None = None,
        reason: str = "cancelled by user",
        by: Recording | None = None,
    ) -> Ended | AlreadyEnded | None:
        """It ends cancelled, with this output: at once where it waits, else when its worker has stopped it. None: there
        is no such execution. `by` as in `finish`."""
        engine, place = self._engine_of(project), _place(execution_id)
        if place is None or await self._show(engine, place) is None:
            return None
        act = partial(cancel_hosted, *place, output=output, reason=reason, project=project)
        done = await write_recorded(engine.store, by, act, affected=_done)
        return Ended(running=done.running) if done.done else AlreadyEnded(done.state)

    async def wait_for_end(self, project: str, execution_id: str, timeout: float) -> HostedExecution | None:
        """Once it has ended, or as it is `timeout` seconds from now."""
        engine, place = self._engine_of(project), _place(execution_id)
        if place is None:
            return None
        with contextlib.suppress(NotFound):
            settled = (await engine.store.read(read_batch, place[0])).settled
            found = await self._show(engine, place)
            if found is None or found.state in TERMINAL:
                return found
            with contextlib.suppress(TimeoutError, Conflict):
                async with asyncio.timeout(timeout):
                    await engine.wait_for_item(*place, after=settled)
        return await self._show(engine, place)

    async def _show(self, engine: Engine, place: Place) -> HostedExecution | None:
        try:
            found = await engine.store.read(show_hosted, engine.project, place)
        except NotFound:
            return None
        return None if found is None else (await shown_whole(engine, [found]))[0]


def _done(act: Finished | Stopped) -> int:
    return int(act.done)


async def shown_whole(engine: Engine, found: Sequence[HostedItem]) -> list[HostedExecution]:
    """With large bodies fetched from where they lie."""
    await engine.fetch_bodies([one.row for one in found])
    return [shown_execution(one) for one in found]


def place_of(resolved: Resolved) -> HostedPlace:
    return HostedPlace(
        resolved.dialect, resolved.app, resolved.action, resolved.label, resolved.version_id, resolved.deployment_id
    )


def asked_with(resolved: Resolved, actor: str | None) -> dict[str, Any]:
    """Metadata of the batch."""
    facts = {"label": resolved.label, "version_id": resolved.version_id}
    return {HOSTED: facts if actor is None else facts | {"actor": actor}}


def _place(text: str) -> Place | None:
    try:
        raw = parse_id(text)
    except NotFound:
        return None
    return batch_of(raw), index_of(raw)


def _filter(given: HostedFilters) -> HostedFilter | None:
    """None: there can be nothing."""
    text, states = given.get("batch_id"), given.get("states")
    batch = None if text is None else _place(text)
    if text is not None and (batch is None or batch[1]):
        return None
    return HostedFilter(
        dialect=given["dialect"],
        app=given.get("app"),
        action=given.get("action"),
        label=given.get("label"),
        deployment_id=given.get("deployment_id"),
        batch_id=None if batch is None else batch[0],
        states=None if states is None else frozenset(states),
        begun=given.get("begun"),
        since=given.get("since"),
        until=given.get("until"),
        query=given.get("query"),
    )
