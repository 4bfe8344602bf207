"""A command's way to hosted actions: those deployed in a store, or on a server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stook.core.errors import InputError
from stook.wiring.session import Session

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stook.cli.reach import Reached
    from stook.client.kernel import AsyncKernel

__all__ = ["create_batch"]


async def create_batch(
    session: Reached,
    app: str,
    action: str,
    label: str,
    payloads: Sequence[bytes],
    *,
    max_concurrency: int | None,
    timeout: int,
    priority: int,
) -> str:
    """Its id. `NotFound` says what is not deployed."""
    if not payloads:
        raise InputError("there is no payload", hint="one JSON value a line")
    if isinstance(session, Session):
        from stook.wiring.hosted_batches import create_hosted_batch

        options: dict[str, Any] = {"max_concurrency": max_concurrency, "timeout": timeout, "priority": priority}
        return await create_hosted_batch(session, "kernel", app, action, label, payloads, **options)
    remote: Any = session
    limit: dict[str, Any] = {} if max_concurrency is None else {"max_concurrency": max_concurrency}
    kernel: AsyncKernel = remote.kernel()
    async with kernel:
        made = await kernel.invocations.batch.create(
            app_name=app,
            action_name=action,
            payloads=[payload.decode() for payload in payloads],
            version=label,
            async_timeout_seconds=timeout,
            priority=priority,
            **limit,
        )
    return made.batch_job_id
