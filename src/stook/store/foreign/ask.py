"""What is asked of somebody else's PostgreSQL connection, and how that is carried out, blocking or awaited.

Which statements a verb needs is a generator of `Ask`s (`on_postgres`); it is sent an `Answer` for each, or thrown what
the driver raised. So savepoints, settings and errors are thought of once, for every library.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any, Protocol, TypeVar

import msgspec

__all__ = ["Answer", "Ask", "Asking", "AwaitedPort", "BlockingPort", "ask_awaited", "ask_blocking"]

T = TypeVar("T")


class Ask(msgspec.Struct, gc=False):
    """`counted`: what matters is how many rows it changes, not its rows."""

    sql: str
    params: Sequence[Any] = ()
    counted: bool = False


class Answer(msgspec.Struct, gc=False):
    rows: Sequence[Sequence[Any]] = ()
    count: int = 0


Asking = Generator[Ask, Answer, T]


class BlockingPort(Protocol):
    """A connection of one library. `alone` says whether each statement would commit by itself now."""

    def alone(self) -> bool: ...

    def ask(self, ask: Ask) -> Answer: ...


class AwaitedPort(Protocol):
    def alone(self) -> bool: ...

    async def ask(self, ask: Ask) -> Answer: ...


def ask_blocking(asking: Asking[T], port: BlockingPort) -> T:
    try:
        ask = next(asking)
        while True:
            try:
                answer = port.ask(ask)
            except BaseException as error:  # noqa: BLE001 - who interrupts wants the savepoint rolled back, too
                ask = asking.throw(error)
            else:
                ask = asking.send(answer)
    except StopIteration as done:
        found: T = done.value
        return found
    finally:
        asking.close()


async def ask_awaited(asking: Asking[T], port: AwaitedPort) -> T:
    try:
        ask = next(asking)
        while True:
            try:
                answer = await port.ask(ask)
            except BaseException as error:  # noqa: BLE001 - as above, and who cancels
                ask = asking.throw(error)
            else:
                ask = asking.send(answer)
    except StopIteration as done:
        found: T = done.value
        return found
    finally:
        asking.close()
