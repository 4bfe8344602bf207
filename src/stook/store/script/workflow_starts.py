"""What hosted code tells is kept, and webhooks hear in the same transaction of workflows that have begun."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stook.core.vellum_events import INITIATED
from stook.core.webhook_events import bit_of
from stook.store.script.hosted_events import keep_hosted_events
from stook.store.script.outbox import Origin, Outbox, subscribers
from stook.store.script.workflow_events import workflows_of, write_workflow_starts
from stook.store.statement import Now

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stook.core.hosted_event import HostedEvent
    from stook.store.script.hosted_events import Told
    from stook.store.statement import Script

__all__ = ["keep_and_tell"]


def keep_and_tell(told: Sequence[Told]) -> Script[None]:
    """As `keep_hosted_events`. An execution has begun once, whatever its later attempts say."""
    yield from keep_hosted_events(told)
    began: dict[bytes, dict[int, HostedEvent]] = {}
    for one in told:
        first = next((event for event in one.events if event.name == INITIATED), None)
        if first is not None:
            began.setdefault(one.batch_id, {})[one.index] = first
    if not began:
        return
    found = yield from workflows_of(list(began))
    heard = [batch for batch in found.values() if batch.mask & bit_of(INITIATED)]
    if not heard:
        return
    endpoints = yield from subscribers(batch.project for batch in heard)
    now: int = yield Now()
    outbox = Outbox(endpoints, now)
    for batch in sorted(heard, key=lambda one: one.batch_id):
        origin = Origin(batch.project, batch.batch_id, batch.task, batch.named)
        yield from write_workflow_starts(outbox, origin, batch, began[batch.batch_id])
    yield from outbox.write()
