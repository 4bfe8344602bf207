"""A deployment comes: its row first, unseen; then its archive, piece by piece; then it is there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from stook.core.errors import Conflict
from stook.store.script.deployment_row import lock_deployments, save_deployments, with_apps
from stook.store.statement import Many, Now, Run

if TYPE_CHECKING:
    from stook.core.deployment import Deployment
    from stook.store.script.deployment_row import DeploymentRow
    from stook.store.statement import Script

__all__ = ["arrive", "expect", "forget"]


def expect(row: DeploymentRow, env: bytes | None) -> Script[None]:
    """Its times are set here. `Conflict` where the id is taken."""
    if (yield from lock_deployments((row.id,))):
        raise Conflict(f"there is a deployment {row.id} already", hint="leave the id out")
    row.created_at = row.updated_at = yield Now()
    yield Many("insert_hosted_deployment", [(*msgspec.structs.astuple(row), env)])
    yield Many("insert_hosted_log_end", [(row.id, 0, 0, 0, 0)])


def arrive(deployment_id: str, checksum: str, archive_sum: str, size: int) -> Script[Deployment]:
    """Its archive is durable: it may be built, and be seen."""
    row = (yield from lock_deployments((deployment_id,)))[deployment_id]
    now: int = yield Now()
    row.arrived = 1
    row.checksum, row.archive_sum, row.archive_bytes = checksum, archive_sum, size
    yield from save_deployments([row], now)
    return (yield from with_apps([row]))[0]


def forget(deployment_id: str) -> Script[None]:
    """Of one that never came whole."""
    yield Run("purge_hosted_log", (deployment_id,))
    yield Run("purge_hosted_log_end", (deployment_id,))
    yield Run("delete_hosted_deployment", (deployment_id,))
