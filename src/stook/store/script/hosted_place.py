"""What a batch of hosted code is of: written with the batch, never changed; and how the batch ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from stook.core.hosted import Dialect
from stook.core.states import State
from stook.store.statement import Many

if TYPE_CHECKING:
    from stook.store.statement import Script

__all__ = ["BITS", "LIVE_BATCH", "LIVE_SINGLE", "HostedPlace", "mark_of", "put_place"]

BITS: Final = {State.succeeded: 1, State.failed: 2, State.cancelled: 4, State.expired: 8}
LIVE_SINGLE: Final = 0
LIVE_BATCH: Final = 16


class HostedPlace(msgspec.Struct, frozen=True):
    """`label` is the one that was found when it was submitted, `version_id` the row that had it."""

    dialect: Dialect
    app: str
    action: str
    label: str
    version_id: str
    deployment_id: str


def put_place(batch_id: bytes, project: str, place: HostedPlace, *, single: bool) -> Script[None]:
    where = (place.dialect, place.app, place.action, place.label, place.version_id, place.deployment_id)
    yield Many("insert_hosted_batch", [(batch_id, project, *where, LIVE_SINGLE if single else LIVE_BATCH)])


def mark_of(counts: tuple[int, int, int, int], total: int, *, single: bool) -> int:
    """`hosted_batch.ended` of a batch of which so many have succeeded, failed, were cancelled, have expired."""
    if sum(counts) < total or not total:
        return LIVE_SINGLE if single else LIVE_BATCH
    return sum(bit for bit, count in zip(BITS.values(), counts, strict=True) if count)
