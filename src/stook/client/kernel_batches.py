"""Batches of the Kernel dialect, in both spellings: that of its documentation, and that of its generated SDKs."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Unpack

import msgspec

from stook.client import kernel_calls as calls
from stook.client.event_stream import EventParser
from stook.client.kernel_shapes import BatchCreated, BatchJob, BatchState, InvocationResult, read_event
from stook.client.transport import SILENCE, Lost

if TYPE_CHECKING:
    import builtins
    from collections.abc import AsyncGenerator, AsyncIterator, Sequence

    from stook.client.connection import Connection
    from stook.client.kernel_calls import BatchOptions, JobFilters
    from stook.client.kernel_shapes import BatchEvent

__all__ = ["AsyncBatchJobEvents", "AsyncBatchJobs", "AsyncInvocationBatch", "AsyncInvocations"]

_decode_result = msgspec.json.Decoder(InvocationResult).decode


class AsyncInvocationBatch:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def create(
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
        body: dict[str, Any] = {"app_name": app_name, "action_name": action_name, "payloads": payloads, **options}
        return await self._connection.send(calls.create(body, idempotency_key))


class AsyncInvocations:
    def __init__(self, connection: Connection) -> None:
        self.batch = AsyncInvocationBatch(connection)
        self.create_batch = self.batch.create


class AsyncBatchJobEvents:
    def __init__(self, jobs: AsyncBatchJobs) -> None:
        self.retrieve = jobs.follow


class AsyncBatchJobs:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.stream_progress = self.follow
        self.events = AsyncBatchJobEvents(self)

    async def list(self, **filters: Unpack[JobFilters]) -> builtins.list[BatchJob]:
        """The newest first."""
        return await self._connection.send(calls.list_jobs(filters))

    async def retrieve(self, job: str) -> BatchJob:
        """With all of its invocations."""
        return await self._connection.send(calls.retrieve(job))

    async def cancel(self, job: str, *, output: str | None = None) -> BatchJob:
        """What runs and what waits ends failed, with that output. `Conflict` where it has ended."""
        return await self._connection.send(calls.cancel(job, output))

    async def retry(self, job: str) -> BatchCreated:
        """A new batch of the payloads that failed."""
        return await self._connection.send(calls.retry(job))

    async def follow(self, job: str) -> AsyncGenerator[BatchEvent]:
        """`batch_state` with the state as it is, and whenever it is another; `batch_progress` as counts change; last
        comes the `batch_state` of the end. A stream that is cut is taken up again with the state as it is then."""
        patience = self._connection.patience()
        while True:
            parser = EventParser()
            try:
                async with (
                    self._connection.stream(calls.events(job), patience, SILENCE) as stream,
                    aclosing(stream.pieces()) as pieces,
                ):
                    async for piece in pieces:
                        for one in parser.feed(piece):
                            news = read_event(one.data)
                            if news is None:
                                continue
                            patience.renew()
                            yield news
                            if isinstance(news, BatchState) and news.batch_job.finished_at is not None:
                                return
                await patience.after(Lost("the stream ended before the batch did"))
            except Lost as lost:
                await patience.after(lost)

    async def results(self, job: str) -> AsyncIterator[InvocationResult]:
        """What became of each payload, in their order, read as it is taken."""
        async for page in self.result_pages(job):
            for one in page:
                yield one

    async def result_pages(self, job: str) -> AsyncGenerator[builtins.list[InvocationResult]]:
        """A cut is taken up behind what came."""
        patience, seen = self._connection.patience(), 0
        while True:
            rest = b""
            try:
                async with (
                    self._connection.stream(calls.results(job), patience, SILENCE) as stream,
                    aclosing(stream.pieces()) as pieces,
                ):
                    async for piece in pieces:
                        *lines, rest = (rest + piece).split(b"\n")
                        found = [one for one in map(_decode_result, lines) if one.index >= seen]
                        if found:
                            seen = found[-1].index + 1
                            patience.renew()
                            yield found
            except Lost as lost:
                await patience.after(lost)
            else:
                return
