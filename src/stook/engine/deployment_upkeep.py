"""What happens to deployments by itself: what waits for code that is gone ends; archives that nothing needs go, and
with them the keys that the code was given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from stook.core.hosted import read_key_name
from stook.core.hosted_reason import DEPLOYMENT_DELETED
from stook.engine.deployment_archive import Archives
from stook.store.script.deployment_arrival import forget
from stook.store.script.deployment_end import drop_deployment, end_pinned, spent, stranded
from stook.store.script.key import list_keys, revoke_key

if TYPE_CHECKING:
    from stook.engine.blobs import Blobs
    from stook.store.port import Store
    from stook.store.script.deployment_row import DeploymentRow

__all__ = ["tidy_deployments"]

_ARRIVING: Final = 3600 * 1_000_000
"""Microseconds that an archive may take to come."""
_RESTING: Final = 7 * 86_400 * 1_000_000
"""Microseconds for which the code of what has stopped is kept, so that its executions may be retried."""

_NOT_KEPT: Final = "the code of its deployment is not kept any more"


async def tidy_deployments(store: Store, blobs: Blobs) -> int:
    """Ends what waits for code that is not to be run any more, and drops archives that nothing needs; returns how much
    that was. Several at once do no harm."""
    done = 0
    for row in await store.read(stranded):
        reason = DEPLOYMENT_DELETED if row.deleted else _NOT_KEPT
        while ended := await store.write(end_pinned, row.id, reason):
            done += ended
    archives = Archives(store, blobs)
    for row in await store.read(spent, _ARRIVING, _RESTING):
        await _revoke_keys(store, row)
        await archives.drop(row.id)
        await store.write(drop_deployment if row.arrived else forget, row.id)
        done += 1
    return done


async def _revoke_keys(store: Store, row: DeploymentRow) -> None:
    """A host revokes those that it made, unless it was killed; nobody knows of older ones whose they were."""
    for key in await store.read(list_keys, row.project):
        named = read_key_name(key.name)
        if key.revoked_at is None and named is not None and named.deployment_id == row.id:
            await store.write(revoke_key, row.project, key.id)
