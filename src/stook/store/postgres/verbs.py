"""Running verbs on the connections of one event loop, until they are committed or have failed for good.

A verb runs again when the server asks for it. Whether a transaction took place whose commit got lost on the way is not
guessed: it left a receipt, which is there or not, whatever became of connection and server. So no verb needs to be safe
to repeat, except one that changes rows by `Each` and `Run` alone (renewing leases, purging), which leaves none: those
simply run again, and may.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import secrets
import weakref
from typing import TYPE_CHECKING, Any, Final, TypeVar

from stook.core.errors import StookError, StoreUnavailable
from stook.store.postgres.errors import Cause, cause_of, translate
from stook.store.postgres.pool import Pool
from stook.store.postgres.rerun import Patience
from stook.store.postgres.run import READ, WRITE, NeedsTransaction, Transaction

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from stook.store.statement import Script

__all__ = ["Verbs"]

T = TypeVar("T")
# It waits for a transaction that is still about to end, and leaves its receipt as it is. Else it gives the slot up: a
# statement of the lost connection that the server comes to only now fails there.
_FATE: Final = (
    "insert into receipt (slot, mark) values ($1, -1) on conflict (slot) do update"
    " set mark = case when receipt.mark = $2 then $2 else -1 end, at = now() returning mark"
)


class Verbs:
    """`where` names the database in messages. Readers have connections of their own: they never wait for one that
    waits for a lock."""

    def __init__(
        self,
        connect: Callable[[], Awaitable[Any]],
        *,
        schema: str,
        clock: Callable[[], int] | None,
        where: str,
        size: int,
    ) -> None:
        self._writers = Pool(connect, size)
        self._readers = Pool(connect, max(2, size // 2))
        self._schema = schema
        self._clock = clock
        self._where = where
        self._slots: weakref.WeakKeyDictionary[Any, int] = weakref.WeakKeyDictionary()
        self._closed = False
        self._marks = itertools.count(1)
        self.at_end: object = None
        """Kept alive for as long as these are."""
        self._several: weakref.WeakSet[Callable[..., object]] = weakref.WeakSet()

    async def write(self, make: Callable[[], Script[T]]) -> tuple[T, set[str]]:
        """The verb's answer and the topics it notified, once it is durable. `StoreUnavailable` when it is closed
        before."""
        transaction: Transaction[T] = await self._run(self._writers, make, WRITE)
        return transaction.answer, transaction.topics

    async def read(self, verb: Callable[..., Script[T]], make: Callable[[], Script[T]]) -> T:
        """The verb's answer from one snapshot. A verb of one statement needs no transaction for that; which ones have
        more is learned when they ask for the second."""
        if verb not in self._several:
            try:
                return (await self._run(self._readers, make, None)).answer
            except NeedsTransaction:
                self._several.add(verb)
        return (await self._run(self._readers, make, READ)).answer

    async def close(self) -> None:
        self._closed = True
        await self._writers.close()
        await self._readers.close()

    def terminate(self) -> None:
        """`close` without waiting, for a loop that may not run any more."""
        self._closed = True
        self._writers.terminate()
        self._readers.terminate()

    async def _run(self, pool: Pool, make: Callable[[], Script[T]], begin: str | None) -> Transaction[T]:
        patience, plain, done = Patience(), False, None
        while True:
            transaction: Transaction[T] | None = None
            try:
                async with pool.connection() as connection:
                    transaction = Transaction(
                        connection,
                        schema=self._schema,
                        clock=self._clock,
                        slot=self._slots.setdefault(connection, secrets.randbits(63)),
                        mark=next(self._marks),
                        begin=begin,
                        plain=plain,
                        done=done,
                    )
                    await transaction.run(make())
                    return transaction
            except (StookError, NeedsTransaction):
                raise
            except Exception as error:  # noqa: BLE001 - `_rest` raises what is not the database's
                cause = cause_of(error)
                if cause is Cause.lost and transaction is not None and transaction.committing:
                    self._slots.pop(transaction.connection, None)  # it may live, but its slot may be given up
                    if await self._took_place(transaction, patience):
                        if transaction.unanswered is None:
                            return transaction
                        done = transaction.unanswered
                        continue
                plain = plain or cause is Cause.text
                await self._rest(error, patience, transaction)

    async def _took_place(self, transaction: Transaction[Any], patience: Patience) -> bool:
        """Asks the server, once it answers again."""
        while transaction.receipted:
            try:
                async with self._writers.connection() as connection:
                    mark: int = await connection.fetchval(_FATE, transaction.slot, transaction.mark)
            except Exception as error:  # noqa: BLE001 - as above
                await self._rest(error, patience, transaction)
            else:
                return mark == transaction.mark
        return False

    async def _rest(self, error: Exception, patience: Patience, transaction: Transaction[Any] | None) -> None:
        """Returns when the verb may run again, or raises what to tell people."""
        if self._closed:
            raise StoreUnavailable(f"the store is closed: {self._where}") from None
        cause = cause_of(error)
        delay = None if cause is None else patience.delay(cause, random.random())  # noqa: S311 - spreads callers
        if delay is not None:
            await asyncio.sleep(delay)
            return
        statement = None if transaction is None else transaction.statement
        known = translate(error, self._where, statement)
        if known is not None:
            raise known from error
        if statement is not None:
            error.add_note(f"in a verb, after statement {statement}")
        raise error
