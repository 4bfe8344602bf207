"""What an invocation came to: a receipt, and the handle of its execution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

from stook.core.errors import Throttled
from stook.core.ids import execution_id
from stook.wiring.executing import CANCELLED
from stook.wiring.way import Awaited, Blocked, finished

if TYPE_CHECKING:
    from collections.abc import Callable

    from stook.core.invocation import Reason, Receipt
    from stook.core.moments import Duration
    from stook.wiring.execution_info import ExecutionInfo
    from stook.wiring.invoking import Invoking
    from stook.wiring.way import Way

__all__ = ["BlockingInvocation", "BlockingInvocations", "Invocation", "Invocations"]

R = TypeVar("R")


class Invocation(Generic[R]):
    """`id` is the execution's, None for one that was throttled, by the execution `blocked_by`. `created`: this call
    made it; else `reason` says why not: `duplicate` (it holds the dedupe key), `throttled`, `debounced` or `replaced`
    (it has the new payload), `folded` (a later item of the call stands for this one). `superseded` was made in the
    place of another. True when there is an execution; `str()` is its id. `sync` has the methods, blocking."""

    __slots__ = ("_app", "_prunes", "_read", "_receipt", "created", "reason")

    def __init__(self, app: Invoking, receipt: Receipt, read: Callable[[bytes], R], *, prunes: bool = False) -> None:
        self._app = app
        self._read = read
        self._prunes = prunes
        self._receipt = receipt
        self.created = receipt.created
        self.reason: Reason | None = receipt.reason

    @property
    def id(self) -> str | None:
        return None if self._receipt.place is None else execution_id(*self._receipt.place)

    @property
    def blocked_by(self) -> str | None:
        return None if self._receipt.blocked_by is None else execution_id(*self._receipt.blocked_by)

    def __bool__(self) -> bool:
        return self._receipt.place is not None

    def __str__(self) -> str:
        return "" if self.id is None else self.id

    def __repr__(self) -> str:
        return f"<Invocation {self.id or 'none'}{'' if self.reason is None else f', {self.reason}'}>"

    @property
    def sync(self) -> BlockingInvocation[R]:
        return BlockingInvocation(self)

    async def result(self, timeout: Duration | None = None) -> R:
        """What the handler returned, as soon as it has. Raises `ExecutionFailed`, `ExecutionCancelled`,
        `ExecutionExpired`; `ResultTimeout` after `timeout`; `ResultPruned` if nothing was kept."""
        return await self._result(Awaited(*self._app.opened()), timeout)

    async def status(self) -> ExecutionInfo:
        return await self._app.get(self._there())

    async def cancel(self, reason: str | None = None) -> bool:
        """As `App.cancel`."""
        return await self._app.cancel(self._there(), reason=CANCELLED if reason is None else reason)

    async def retry(self) -> None:
        """Runs it again, after it has failed, was cancelled or has expired; else `Conflict`."""
        await self._retry(Awaited(*self._app.opened()))

    def _there(self) -> str:
        if self.id is None:
            by = "" if self.blocked_by is None else f", by execution {self.blocked_by}"
            raise Throttled(f"the invocation was throttled{by}: there is no execution", hint="look at `if invocation:`")
        return self.id

    async def _result(self, way: Way, timeout: Duration | None) -> R:
        found: R = await self._app._result_of(way, self._there(), timeout, self._read, prunes=self._prunes)  # noqa: SLF001
        return found

    async def _retry(self, way: Way) -> None:
        await self._app._retry_one(way, self._there())  # noqa: SLF001 - a part of it


class BlockingInvocation(Generic[R]):
    """`Invocation.sync`."""

    def __init__(self, invocation: Invocation[R]) -> None:
        self._one = invocation

    def result(self, timeout: Duration | None = None) -> R:
        """`Invocation.result`, blocking."""
        one = self._one
        return finished(one._result(Blocked(*one._app.opened()), timeout))  # noqa: SLF001 - its twin

    def status(self) -> ExecutionInfo:
        """`Invocation.status`, blocking."""
        one = self._one
        return finished(one._app._get(Blocked(*one._app.opened()), one._there()))  # noqa: SLF001 - its twin

    def cancel(self, reason: str | None = None) -> bool:
        """`Invocation.cancel`, blocking."""
        one = self._one
        said, way = CANCELLED if reason is None else reason, Blocked(*one._app.opened())  # noqa: SLF001 - its twin
        return finished(one._app._cancel(way, one._there(), None, said, None, children=True))  # noqa: SLF001

    def retry(self) -> None:
        """`Invocation.retry`, blocking."""
        finished(self._one._retry(Blocked(*self._one._app.opened())))  # noqa: SLF001 - its twin


class Invocations(Sequence[Invocation[R]]):
    """Receipts in the order of the items. `batch_ids` are the batches that were created, by task: one of each task
    named in the call; `batch_id` is the first of them, None if nothing was created. `created` counts the executions
    made."""

    def __init__(self, receipts: Sequence[Invocation[R]], batch_ids: dict[str, str]) -> None:
        self._receipts = list(receipts)
        self.batch_ids = batch_ids
        self.created = sum(one.created for one in self._receipts)

    @property
    def batch_id(self) -> str | None:
        return next(iter(self.batch_ids.values()), None)

    @property
    def sync(self) -> BlockingInvocations[R]:
        return BlockingInvocations(self)

    def __len__(self) -> int:
        return len(self._receipts)

    @overload
    def __getitem__(self, index: int) -> Invocation[R]: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Invocation[R]]: ...

    def __getitem__(self, index: int | slice) -> Invocation[R] | Sequence[Invocation[R]]:
        return self._receipts[index]

    def __repr__(self) -> str:
        return f"<Invocations: {len(self)}, {self.created} created>"

    async def results(self, timeout: Duration | None = None, *, return_exceptions: bool = False) -> list[R | Exception]:
        """What the handlers returned, in the order of the items, once all have ended. The first error is raised;
        with `return_exceptions` it stands in its item's place. `timeout` is for all together."""
        return await self._results(lambda app: Awaited(*app.opened()), timeout, return_exceptions=return_exceptions)

    async def _results(
        self, way_of: Callable[[Any], Way], timeout: Duration | None, *, return_exceptions: bool
    ) -> list[R | Exception]:
        if not self._receipts:
            return []
        app = self._receipts[0]._app  # noqa: SLF001 - its parts
        wanted = [(one._there() if not return_exceptions else one.id, one._read, one._prunes) for one in self._receipts]  # noqa: SLF001
        found: list[R | Exception] = await app._results_of(  # noqa: SLF001
            way_of(app), wanted, timeout, return_exceptions=return_exceptions
        )
        return found


class BlockingInvocations(Generic[R]):
    """`Invocations.sync`."""

    def __init__(self, invocations: Invocations[R]) -> None:
        self._all = invocations

    def results(self, timeout: Duration | None = None, *, return_exceptions: bool = False) -> list[R | Exception]:
        """`Invocations.results`, blocking."""
        coroutine = self._all._results(  # noqa: SLF001 - its twin
            lambda app: Blocked(*app.opened()), timeout, return_exceptions=return_exceptions
        )
        return finished(coroutine)
