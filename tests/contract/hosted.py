"""Short words for tests of hosted executions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stook.core.deployment import Resolved
from stook.core.hosted import hosted_task
from stook.engine.blobs import Blobs
from stook.engine.hosted_batches import HostedBatches
from stook.engine.hosted_executions import HostedExecutions
from stook.engine.service import Engine
from stook.store.blob_rows import BlobRows
from tests.contract.batches import claim_all, take

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stook.core.work import Slice
    from tests.contract.checked_store import CheckedStore

__all__ = ["FIRST", "PROJECT", "SECOND_ONE", "Hosting", "resolved"]

PROJECT = "default"
FIRST = "0192f0c1-7b7e-4000-8a2b-3c4d00000001"
SECOND_ONE = "0192f0c1-7b7e-4000-8a2b-3c4d00000002"


def resolved(
    action: str = "pay", *, app: str = "shop", label: str = "latest", of: str = FIRST, **other: Any
) -> Resolved:
    words = {"dialect": "kernel", "task": hosted_task(of, app, action), "version_id": f"v-{label}"}
    return Resolved(deployment_id=of, app=app, action=action, label=label, **(words | other))


class Hosting:
    """Of one store, on which all projects are."""

    def __init__(self, store: CheckedStore) -> None:
        self.store = store
        self.blobs = Blobs(BlobRows(store), inline=50_000)
        self._engines: dict[str, Engine] = {}
        self.executions = HostedExecutions(self.engine_of)
        self.batches = HostedBatches(self.engine_of)

    def engine_of(self, project: str) -> Engine:
        if project not in self._engines:
            self._engines[project] = Engine(self.store, self.blobs, project=project)
        return self._engines[project]

    async def submit(self, payload: bytes | None = b"{}", of: Resolved | None = None, **options: Any) -> str:
        made = await self.executions.submit(PROJECT, of or resolved(), payload, **options)
        assert isinstance(made, str), made
        return made

    async def get(self, execution_id: str) -> Any:
        return await self.executions.get(PROJECT, execution_id)

    async def ids(self, **by: Any) -> Sequence[str]:
        found = await self.executions.list(PROJECT, **({"dialect": "kernel", "limit": 1000} | by))
        return [one.id for one in found.items]

    async def take_one(self, of: Resolved | None = None, items: int = 1) -> Slice:
        claimed = await take(self.store, items, tasks=((of or resolved()).task,), slices=1)
        (one,) = claimed.slices
        return one

    async def take_all(self, *of: Resolved) -> list[Slice]:
        return await claim_all(self.store, tasks=[one.task for one in of or (resolved(),)])
