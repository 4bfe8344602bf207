"""`AsyncClient`: a stook server, for coroutines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self, Unpack

from stook.client import calls
from stook.client.address import read_address
from stook.client.async_batch import AsyncBatch
from stook.client.async_transport import AsyncTransport
from stook.client.batch_states import batch_states
from stook.client.connection import Connection
from stook.client.deployments import AsyncDeployments
from stook.client.execution import AsyncExecution
from stook.client.remote import RemoteBackend
from stook.client.remote_deployments import RemoteDeployments
from stook.client.remote_webhooks import RemoteWebhooks
from stook.client.shapes import item_row
from stook.client.single import single_request
from stook.client.submission import Submission
from stook.client.triggers import AsyncTriggers
from stook.client.webhooks import AsyncWebhooks
from stook.core.ids import index_of, parse_id
from stook.core.task_terms import change_of
from stook.core.unchanged import UNCHANGED, Unchanged
from stook.wire.limit import ChangeLimits

if TYPE_CHECKING:
    import os
    from collections.abc import AsyncIterable, AsyncIterator, Iterable, Sequence

    from stook.client.options import BatchOptions, ExecutionOptions
    from stook.core.policy import ConcurrencyLimit, RateLimit
    from stook.core.window import Window
    from stook.store.script.read.batch_view import BatchView
    from stook.wire.limit import Limit
    from stook.wire.task import Task

__all__ = ["AsyncClient"]


class AsyncClient(AsyncTriggers):
    """`Client`, for the coroutines of one event loop: the same calls, awaited.

        async with stook.AsyncClient("http://127.0.0.1:8484", key="stk_…") as client:
            batch = await client.map("orders.enrich", rows, key="order_id")
            async for result in batch.as_completed():
                ...

    It is closed by `async with`, or by `close`.
    """

    def __init__(self, server: str | None = None, *, key: str | None = None, retry_seconds: float = 60.0) -> None:
        address = read_address(server, key)
        self.server = address.url
        self._connection = Connection(AsyncTransport(address), address, patience=retry_seconds)
        self._backend = RemoteBackend(self._connection)
        self.webhooks: AsyncWebhooks = AsyncWebhooks(RemoteWebhooks(self._connection))
        self.deployments: AsyncDeployments = AsyncDeployments(RemoteDeployments(self._connection))

    def __repr__(self) -> str:
        return f"<AsyncClient {self.server}>"

    async def map(
        self,
        task: str,
        items: Iterable[Any] | AsyncIterable[Any] | str | os.PathLike[str],
        **options: Unpack[BatchOptions],
    ) -> AsyncBatch[Any]:
        """As `Client.map`, from async iterables too. A plain iterable is read on this loop."""
        batch = await Submission(self._connection, task, options).run(items)
        return self._handle(parse_id(batch.id))

    async def submit(
        self,
        task: str,
        payload: Any = None,
        *,
        wait: float | None = None,
        dedupe_key: str | None = None,
        **options: Unpack[ExecutionOptions],
    ) -> AsyncExecution[Any]:
        """As `Client.submit`."""
        detail, created = await self._connection.send(single_request(task, payload, wait, dedupe_key, options))
        row = item_row(detail)
        ended = row if detail.finished_at is not None else None
        return AsyncExecution(self._backend, self._backend, row.batch_id, row.index, created=created, ended=ended)

    async def batch(self, batch: str) -> AsyncBatch[Any]:
        """A handle of an existing batch, by id, name (the newest) or idempotency key. `NotFound` otherwise."""
        return self._handle((await self._backend.find(batch)).id)

    def execution(self, execution: str) -> AsyncExecution[Any]:
        """A handle of an execution, by its id. Whether there is one, its methods say."""
        raw = parse_id(execution)
        return AsyncExecution(self._backend, self._backend, raw[:12] + bytes(4), index_of(raw), created=False)

    async def batches(
        self, *, state: str | Iterable[str] = (), task: str | None = None, name: str | None = None
    ) -> AsyncIterator[BatchView]:
        """As `Client.batches`."""
        async for page in self._backend.batch_pages(batch_states(state), task, name):
            for view in page:
                yield view

    async def tasks(self) -> list[Task]:
        """What workers of this server can run, with policy and schema."""
        return await self._connection.send(calls.tasks())

    async def limits(self) -> list[Limit]:
        """Of the key's project first, then of its queues and tasks that have one."""
        return (await self._connection.send(calls.limits())).data

    async def limit(
        self,
        *,
        queue: str | None = None,
        task: str | None = None,
        max_concurrency: int | Unchanged | None = UNCHANGED,
        paused: bool | None = None,
        concurrency: ConcurrencyLimit | Sequence[ConcurrencyLimit] | Unchanged | None = UNCHANGED,
        rate_limit: RateLimit | Sequence[RateLimit] | Unchanged | None = UNCHANGED,
        window: Window | tuple[str, str] | Unchanged | None = UNCHANGED,
    ) -> Limit:
        """As `App.limit`: of one queue, of one task, or of the project, from the next claim on. What is not given
        stays. Returns what holds now, and what the task's definition says."""
        terms = change_of(concurrency=concurrency, rate_limit=rate_limit, window=window)
        body = ChangeLimits.of(queue, task, max_concurrency, paused=paused, terms=terms)
        return (await self._connection.send(calls.change_limits(body))).limit

    async def close(self) -> None:
        """Twice is once."""
        await self._connection.transport.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def _handle(self, batch_id: bytes) -> AsyncBatch[Any]:
        return AsyncBatch(self._backend, batch_id, waits=self._backend)
