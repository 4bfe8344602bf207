"""A store under test: audited after every transaction it writes; its clock, ids, tokens and dice repeat themselves."""

from __future__ import annotations

import random
from collections import Counter
from typing import TYPE_CHECKING, Any

from stook.core.ids import BatchIds
from stook.store.script.plain_claim import Plain
from tests.contract.audit import Audit

if TYPE_CHECKING:
    from collections.abc import Callable

    from stook.store.port import Store
    from stook.store.statement import Script
    from tests.contract.moving_clock import MovingClock
    from tests.contract.raw_tables import RawTables

__all__ = ["CheckedStore"]


class CheckedStore:
    """`statements` counts what the last `write` asked of the database, by name of the statement."""

    def __init__(self, store: Store, tables: RawTables, clock: MovingClock, kind: str) -> None:
        self.store = store
        self.tables = tables
        self.clock = clock
        self.kind = kind
        dice = random.Random(1)
        self.ids = BatchIds(lambda: clock.now // 1000, dice.getrandbits)
        self.tokens = lambda: dice.getrandbits(62)
        self.draw: Callable[[], float] = lambda: 0.5
        self.audit = Audit(tables)
        self.audited = True
        self.plain: Plain | None = Plain()
        self.statements: Counter[str] = Counter()

    async def write(self, verb: Callable[..., Script[Any]], *args: Any, **options: Any) -> Any:
        counted: list[Counter[str]] = []

        def counting() -> Script[Any]:
            counter: Counter[str] = Counter()
            counted[:] = [counter]  # a verb may run twice
            return _counting(verb(*args, **options), counter)

        try:
            return await self.store.write(counting)
        finally:
            self.statements = counted[0] if counted else Counter()
            if self.audited:
                await self.audit()

    async def read(self, verb: Callable[..., Script[Any]], *args: Any, **options: Any) -> Any:
        return await self.store.read(verb, *args, **options)

    async def close(self) -> None:
        await self.store.close()
        await self.tables.close()


def _counting(script: Script[Any], counter: Counter[str]) -> Script[Any]:
    answer = None
    try:
        while True:
            statement = script.send(answer)
            counter[getattr(statement, "name", type(statement).__name__)] += 1
            answer = yield statement
    except StopIteration as stop:
        return stop.value
    finally:
        script.close()
