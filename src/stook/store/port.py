"""The port: what the engine may rely on, whichever database is behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING, ParamSpec, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from stook.store.statement import Script

__all__ = ["Store"]

P = ParamSpec("P")
T = TypeVar("T")


class Store(Protocol):
    """Runs verbs (`stook.store.script`), each whole or not at all.

    `write` returns once the change is durable. A verb may run twice when the database asks for it (deadlock, lost
    connection before the commit): verbs hold no state of their own. Errors are `StoreError`s; any other exception is
    the verb's own and rolled it back.
    """

    url: str

    async def write(self, verb: Callable[P, Script[T]], *args: P.args, **kwargs: P.kwargs) -> T: ...

    async def read(self, verb: Callable[P, Script[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        """One consistent view of committed data; never waits for writers."""
        ...

    def write_blocking(self, verb: Callable[P, Script[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        """`write` from a thread that runs no loop, on a path of its own: it works while the loop is blocked."""
        ...

    def mark(self) -> int:
        """Where the stream of notifications is now. Taken before a look, nothing between look and wait is missed."""
        ...

    async def wait(self, topics: tuple[str, ...], timeout: float, since: int | None = None) -> bool:
        """True soon after a committed verb notified one of `topics`, or at once if that was after the mark `since`;
        False after `timeout` seconds. It may be True for nothing.

        Notifications can be lost (another process, a reconnect): callers look again after the timeout.
        """
        ...

    async def close(self) -> None: ...
