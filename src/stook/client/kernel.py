"""`Kernel` and `AsyncKernel`: what the Kernel dialect of a server has for batches, which Kernel's own SDKs lack."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final, Self, Unpack

from stook.client.address import read_address
from stook.client.async_transport import AsyncTransport
from stook.client.blocking_transport import BlockingTransport
from stook.client.connection import Connection
from stook.client.kernel_batches import AsyncBatchJobs, AsyncInvocations
from stook.client.kernel_refused import refused
from stook.client.stepping import Stepping

if TYPE_CHECKING:
    import builtins
    from collections.abc import AsyncGenerator, Iterator, Sequence

    from stook.client.address import Address
    from stook.client.kernel_calls import BatchOptions, JobFilters
    from stook.client.kernel_shapes import BatchCreated, BatchEvent, BatchJob, InvocationResult

__all__ = ["AsyncKernel", "BatchJobEvents", "BatchJobs", "InvocationBatch", "Invocations", "Kernel"]

_BASE: Final = "KERNEL_BASE_URL"
_KEY: Final = "KERNEL_API_KEY"
_SERVER: Final = "STOOK_SERVER"
_PATH: Final = "/kernel"


def _address(base_url: str | None, api_key: str | None) -> Address:
    base = base_url or os.environ.get(_BASE)
    if not base and os.environ.get(_SERVER):
        base = os.environ[_SERVER].rstrip("/") + _PATH
    return read_address(base, api_key or os.environ.get(_KEY) or None)


class AsyncKernel:
    """`Kernel`, for the coroutines of one event loop: the same calls, awaited; `follow` and `results` are iterated with
    `async for`."""

    def __init__(self, *, api_key: str | None = None, base_url: str | None = None, retry_seconds: float = 60.0) -> None:
        address = _address(base_url, api_key)
        self.base_url = address.url
        transport = AsyncTransport(address, base="")
        self._connection = Connection(transport, address, patience=retry_seconds, refused=refused)
        self.invocations: AsyncInvocations = AsyncInvocations(self._connection)
        self.batch_jobs: AsyncBatchJobs = AsyncBatchJobs(self._connection)

    def __repr__(self) -> str:
        return f"<AsyncKernel {self.base_url}>"

    async def close(self) -> None:
        """Twice is once."""
        await self._connection.transport.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


class InvocationBatch:
    def __init__(self, inner: AsyncInvocations, caller: Stepping) -> None:
        self._inner = inner
        self._caller = caller

    def create(
        self,
        *,
        app_name: str,
        action_name: str,
        payloads: Sequence[str],
        idempotency_key: str | None = None,
        **options: Unpack[BatchOptions],
    ) -> BatchCreated:
        """One invocation for each of `payloads`, texts of JSON; durable when it returns, all of them or none. It is
        sent once, or, with an `idempotency_key`, until it is answered."""
        made = self._inner.batch.create(
            app_name=app_name, action_name=action_name, payloads=payloads, idempotency_key=idempotency_key, **options
        )
        return self._caller.call(made)


class Invocations:
    def __init__(self, inner: AsyncInvocations, caller: Stepping) -> None:
        self.batch = InvocationBatch(inner, caller)
        self.create_batch = self.batch.create


class BatchJobEvents:
    def __init__(self, jobs: BatchJobs) -> None:
        self.retrieve = jobs.follow


class BatchJobs:
    def __init__(self, inner: AsyncBatchJobs, caller: Stepping) -> None:
        self._inner = inner
        self._caller = caller
        self.stream_progress = self.follow
        self.events = BatchJobEvents(self)

    def list(self, **filters: Unpack[JobFilters]) -> builtins.list[BatchJob]:
        """The newest first."""
        return self._caller.call(self._inner.list(**filters))

    def retrieve(self, job: str) -> BatchJob:
        """With all of its invocations."""
        return self._caller.call(self._inner.retrieve(job))

    def cancel(self, job: str, *, output: str | None = None) -> BatchJob:
        """What runs and what waits ends failed, with that output. `Conflict` where it has ended."""
        return self._caller.call(self._inner.cancel(job, output=output))

    def retry(self, job: str) -> BatchCreated:
        """A new batch of the payloads that failed."""
        return self._caller.call(self._inner.retry(job))

    def follow(self, job: str) -> Iterator[BatchEvent]:
        """`batch_state` with the state as it is, and whenever it is another; `batch_progress` as counts change; last
        comes the `batch_state` of the end. A stream that is cut is taken up again with the state as it is then."""
        return self._caller.iterate(_one_by_one(self._inner.follow(job)))

    def results(self, job: str) -> Iterator[InvocationResult]:
        """What became of each payload, in their order, read as it is taken."""
        return self._caller.iterate(self._inner.result_pages(job))


async def _one_by_one(events: AsyncGenerator[BatchEvent]) -> AsyncGenerator[builtins.list[BatchEvent]]:
    try:
        async for one in events:
            yield [one]
    finally:
        await events.aclose()


class Kernel:
    """Batches of apps that a server hosts, in blocking calls; any number of threads may share one. What is not given
    comes from `KERNEL_BASE_URL` and `KERNEL_API_KEY`, else from `STOOK_SERVER` and `STOOK_KEY`.

        with Kernel(base_url="http://127.0.0.1:8484/kernel", api_key="stk_…") as client:
            job = client.invocations.batch.create(app_name="shop", action_name="pay", payloads=['{"n": 1}', '{"n": 2}'])
            for event in client.batch_jobs.follow(job.batch_job_id):
                print(event.event)
    """

    def __init__(self, *, api_key: str | None = None, base_url: str | None = None, retry_seconds: float = 60.0) -> None:
        address = _address(base_url, api_key)
        self.base_url = address.url
        transport = BlockingTransport(address, base="")
        self._connection = Connection(transport, address, patience=retry_seconds, refused=refused)
        self._caller = Stepping()
        self.invocations: Invocations = Invocations(AsyncInvocations(self._connection), self._caller)
        self.batch_jobs: BatchJobs = BatchJobs(AsyncBatchJobs(self._connection), self._caller)

    def __repr__(self) -> str:
        return f"<Kernel {self.base_url}>"

    def close(self) -> None:
        """Twice is once."""
        self._caller.call(self._connection.transport.close())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
