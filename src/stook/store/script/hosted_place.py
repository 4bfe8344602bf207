"""What a batch of hosted code is of: written with the batch, never changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from stook.core.hosted import Dialect
from stook.store.statement import Many

if TYPE_CHECKING:
    from stook.store.statement import Script

__all__ = ["HostedPlace", "put_place"]


class HostedPlace(msgspec.Struct, frozen=True):
    """`label` is the one that was found when it was submitted, `version_id` the row that had it."""

    dialect: Dialect
    app: str
    action: str
    label: str
    version_id: str
    deployment_id: str


def put_place(batch_id: bytes, project: str, place: HostedPlace) -> Script[None]:
    where = (place.dialect, place.app, place.action, place.label, place.version_id, place.deployment_id)
    yield Many("insert_hosted_batch", [(batch_id, project, *where)])
