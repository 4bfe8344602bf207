"""A retry that first tries a few: when enough of them succeed, the transaction that settles the last of them lets the
rest go."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from stook.core.retry_scope import RetryScope
from stook.store.script.action import FINISHED, end_actions
from stook.store.script.reopen import reopen

if TYPE_CHECKING:
    from stook.store.script.batch_row import BatchRow
    from stook.store.statement import Script

__all__ = ["Probe", "after_probe"]


class Probe(msgspec.Struct):
    scope: RetryScope
    tried: int
    left: int
    end: int
    """The index behind the last one tried: the rest begins there."""
    failed: int = 0


def after_probe(batch: BatchRow, now: int, *, ended: int, failed: int) -> Script[None]:
    """Counts `ended` items of the probe's round. Half of the probe must succeed for the rest to follow."""
    if batch.probe is None or not ended:
        return
    probe = msgspec.json.decode(batch.probe, type=Probe)
    probe.left -= ended
    probe.failed += failed
    if probe.left > 0:
        batch.probe = msgspec.json.encode(probe).decode()
        return
    batch.probe = None
    if probe.failed * 2 > probe.tried:
        batch.reason = f"{probe.failed} of {probe.tried} tried first failed again, the rest was left as it is"
        yield from end_actions(batch, now, FINISHED)
        return
    count, _ = yield from reopen(batch, now, probe.scope, None, after=probe.end)
    yield from end_actions(batch, now, FINISHED, count)
