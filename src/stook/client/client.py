"""`Client`: a stook server, for threads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self, Unpack

from stook.client import calls
from stook.client.address import read_address
from stook.client.batch import Batch
from stook.client.batch_states import batch_states
from stook.client.blocking_transport import BlockingTransport
from stook.client.connection import Connection
from stook.client.deployments import Deployments
from stook.client.execution import AsyncExecution, Execution
from stook.client.remote import RemoteBackend
from stook.client.remote_deployments import RemoteDeployments
from stook.client.remote_webhooks import RemoteWebhooks
from stook.client.shapes import item_row
from stook.client.single import single_request
from stook.client.stepping import Stepping
from stook.client.submission import Submission
from stook.client.triggers import BlockingTriggers
from stook.client.webhooks import Webhooks
from stook.core.errors import InputError
from stook.core.ids import index_of, parse_id
from stook.core.task_terms import change_of
from stook.core.unchanged import UNCHANGED, Unchanged
from stook.wire.limit import ChangeLimits

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Iterator, Sequence

    from stook.client.options import BatchOptions, ExecutionOptions
    from stook.core.policy import ConcurrencyLimit, RateLimit
    from stook.core.window import Window
    from stook.store.script.read.batch_view import BatchView
    from stook.wire.limit import Limit
    from stook.wire.task import Task

__all__ = ["Client"]


class Client(BlockingTriggers):
    """Batches of a server, in blocking calls; any number of threads may share one. It needs no event loop and no thread
    of its own. What is not given comes from `STOOK_SERVER` and `STOOK_KEY`; `retry_seconds` is how long a request is
    tried again while the server is not there, busy or starting.

        with stook.Client("http://127.0.0.1:8484", key="stk_…") as client:
            batch = client.map("orders.enrich", rows, key="order_id", max_concurrency=50)
            for result in batch.as_completed():
                ...
    """

    def __init__(self, server: str | None = None, *, key: str | None = None, retry_seconds: float = 60.0) -> None:
        address = read_address(server, key)
        self.server = address.url
        self._connection = Connection(BlockingTransport(address), address, patience=retry_seconds)
        self._backend = RemoteBackend(self._connection)
        self._caller = Stepping()
        self.webhooks: Webhooks = Webhooks(RemoteWebhooks(self._connection), self._caller)
        self.deployments: Deployments = Deployments(RemoteDeployments(self._connection), self._caller)

    def __repr__(self) -> str:
        return f"<Client {self.server}>"

    def map(
        self, task: str, items: Iterable[Any] | str | os.PathLike[str], **options: Unpack[BatchOptions]
    ) -> Batch[Any]:
        """One batch, one execution per item, of any number; durable when it returns. `items` is any iterable, a pandas
        or polars DataFrame (a dict for each row), or the path of a .jsonl, .csv or .parquet file, which is sent as it
        is. A connection that breaks on the way is taken up where it broke, each item once. A bad item raises with its
        index, and what was submitted before is cancelled."""
        if hasattr(items, "__aiter__"):
            raise InputError("an async iterable needs an event loop", hint="use stook.AsyncClient")
        batch = self._caller.call(Submission(self._connection, task, options).run(items))
        return self._handle(parse_id(batch.id))

    def submit(
        self,
        task: str,
        payload: Any = None,
        *,
        wait: float | None = None,
        dedupe_key: str | None = None,
        **options: Unpack[ExecutionOptions],
    ) -> Execution[Any]:
        """One execution, durable when it returns. With `wait` the server answers when it has ended, or after so many
        seconds (60 at most). While an unfinished execution of the task holds `dedupe_key`, that one is returned, with
        `created` False."""
        request = single_request(task, payload, wait, dedupe_key, options)
        detail, created = self._caller.call(self._connection.send(request))
        row = item_row(detail)
        ended = row if detail.finished_at is not None else None
        inner: AsyncExecution[Any] = AsyncExecution(
            self._backend, self._backend, row.batch_id, row.index, created=created, ended=ended
        )
        return Execution(inner, self._caller)

    def batch(self, batch: str) -> Batch[Any]:
        """A handle of an existing batch, by id, name (the newest) or idempotency key. `NotFound` otherwise."""
        return self._handle(self._caller.call(self._backend.find(batch)).id)

    def execution(self, execution: str) -> Execution[Any]:
        """A handle of an execution, by its id. Whether there is one, its methods say."""
        raw = parse_id(execution)
        inner: AsyncExecution[Any] = AsyncExecution(
            self._backend, self._backend, raw[:12] + bytes(4), index_of(raw), created=False
        )
        return Execution(inner, self._caller)

    def batches(
        self, *, state: str | Iterable[str] = (), task: str | None = None, name: str | None = None
    ) -> Iterator[BatchView]:
        """Newest first, read as they are taken: in one of the states, of the task, with `name` somewhere in theirs."""
        return self._caller.iterate(self._backend.batch_pages(batch_states(state), task, name))

    def tasks(self) -> list[Task]:
        """What workers of this server can run, with policy and schema."""
        return self._caller.call(self._connection.send(calls.tasks()))

    def limits(self) -> list[Limit]:
        """Of the key's project first, then of its queues and tasks that have one."""
        return (self._caller.call(self._connection.send(calls.limits()))).data

    def limit(
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
        return (self._caller.call(self._connection.send(calls.change_limits(body)))).limit

    def close(self) -> None:
        """Twice is once."""
        self._caller.call(self._connection.transport.close())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _handle(self, batch_id: bytes) -> Batch[Any]:
        return Batch(self._backend, batch_id, self._caller, waits=self._backend)
