"""A command's way to deployments: those of a store, or those of a server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stook.client.deployments import AsyncDeployments
from stook.wiring.session import Session

if TYPE_CHECKING:
    from stook.cli.reach import Reached

__all__ = ["deployments_of"]


def deployments_of(session: Reached) -> AsyncDeployments:
    if isinstance(session, Session):
        from stook.wiring.local_deployments import LocalDeployments

        return AsyncDeployments(LocalDeployments(session))
    remote: Any = session
    return AsyncDeployments(remote.deployments)
