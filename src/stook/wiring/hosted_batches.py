"""Batches of what is deployed in a store of this process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stook.core.deployment import NotDeployed
from stook.core.errors import NotFound, PayloadTooLarge
from stook.engine.hosted_batches import HostedBatches
from stook.engine.hosted_executions import ExternalIdHeld
from stook.store.script.read.deployments import resolve

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stook.core.hosted import Dialect
    from stook.wiring.session import Session

__all__ = ["create_hosted_batch"]


async def create_hosted_batch(
    session: Session,
    dialect: Dialect,
    app: str,
    action: str,
    label: str,
    payloads: Sequence[bytes],
    *,
    max_concurrency: int | None = None,
    timeout: float | None = None,
    priority: int = 0,
) -> str:
    """Its id; of all payloads, or there is none. `NotFound` says what is not deployed."""
    project, most = session.settings.project, session.settings.kernel_payload_bytes
    for index, payload in enumerate(payloads):
        if len(payload) > most:
            raise PayloadTooLarge(len(payload), most, index=index)
    found = await session.store.read(resolve, project, dialect, app, action, label)
    if isinstance(found, NotDeployed):
        said = {"app": app, "action": f"{app}/{action}", "label": f"{app} under the label {label}"}[found.what]
        raise NotFound(f"{found.what} {said!r} is not deployed here", hint="`stook deployments` lists what is")
    made = await HostedBatches(lambda _: session.engine).create(
        project, found, payloads, max_concurrency=max_concurrency, timeout=timeout, priority=priority
    )
    assert not isinstance(made, ExternalIdHeld)
    return made.id
