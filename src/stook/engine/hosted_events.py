"""What hosted code tells while it runs: kept by hosts, followed by whoever watches."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stook.core.ids import batch_of, index_of, parse_id
from stook.engine.listening import LOOK, listening
from stook.store.script.hosted_events import Told, hosted_topic, last_told, read_hosted_events
from stook.store.script.workflow_starts import keep_and_tell

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from stook.core.hosted_event import HostedEvent, KeptEvent
    from stook.store.port import Store

__all__ = ["HostedEvents"]

_PAGE = 200


class HostedEvents:
    """Executions are named by their ids; whose they are is the caller's to know."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def keep(self, told: Mapping[str, Sequence[HostedEvent]]) -> None:
        """By execution, in the order told. Who follows one is rung up."""
        made = []
        for execution, events in told.items():
            raw = parse_id(execution)
            made.append(Told(batch_of(raw), index_of(raw), events))
        await self._store.write(keep_and_tell, made)

    async def read(self, execution: str, after: int = 0, most: int = _PAGE) -> list[KeptEvent]:
        """Behind the number `after`; an event that was sent twice may come twice, with one id."""
        raw = parse_id(execution)
        return await self._store.read(read_hosted_events, batch_of(raw), index_of(raw), after, most)

    async def every(self, execution: str) -> AsyncIterator[KeptEvent]:
        """All there are now, each id once."""
        seen: set[str] = set()
        after = 0
        while page := await self.read(execution, after):
            for one in page:
                if one.id not in seen:
                    seen.add(one.id)
                    yield one
            after = page[-1].number

    async def last(self, executions: Sequence[str], name: str) -> dict[str, HostedEvent]:
        """The last event of this name, of those that have told one."""
        by_place = {(batch_of(raw), index_of(raw)): text for text in executions for raw in (parse_id(text),)}
        found = await self._store.read(last_told, list(by_place), name)
        return {by_place[place]: event for place, event in found.items()}

    def topic(self, execution: str) -> str:
        raw = parse_id(execution)
        return hosted_topic(batch_of(raw), index_of(raw))

    async def wait(self, topics: tuple[str, ...], since: int, timeout: float = LOOK) -> bool:
        async with listening(self._store, *topics, timeout=timeout, since=since) as heard:
            return await heard

    def mark(self) -> int:
        return self._store.mark()
