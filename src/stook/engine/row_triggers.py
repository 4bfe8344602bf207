"""Triggers on the user's tables, put there and taken off without standing in anybody's way for long."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from stook.core.errors import StoreUnavailable
from stook.core.payload import decode
from stook.core.when import Condition
from stook.store.script.row_watch import Watched, unwatch_rows, watch_rows

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence

    from stook.store.port import Store

__all__ = ["install_triggers", "remove_triggers", "watched_by"]

log = logging.getLogger("stook.engine")

TRIES: Final = 10
PAUSE: Final = 0.5
"""Seconds for those who queue behind a try, which itself waits 2 s for the table."""


async def install_triggers(
    store: Store, tables: Iterable[Watched], *, pause: Callable[[float], Awaitable[object]] = asyncio.sleep
) -> None:
    """Each of its own accord: what is there already is not touched. `ConfigError` for a table or column that is not;
    `UnsupportedByBackend` on SQLite; `StoreUnavailable` for a table that others keep locked."""
    for one in tables:
        for left in reversed(range(TRIES)):
            if await store.write(watch_rows, one):
                break
            await _wait(one.source, left, pause)


def watched_by(subscriptions: Iterable[Sequence[str | None]]) -> list[Watched]:
    """What subscriptions (kind, source, ops, condition, fields) to rows ask of tables; others are passed over."""
    found: dict[str, set[str]] = {}
    for kind, source, _, condition, fields in subscriptions:
        if kind == "row" and source is not None:
            wanted = set() if condition is None else set(Condition.decode(condition).names())
            found.setdefault(source, set()).update(wanted, () if fields is None else decode(fields.encode()))
    return [Watched(source, tuple(sorted(columns))) for source, columns in sorted(found.items())]


async def remove_triggers(store: Store, *, pause: Callable[[float], Awaitable[object]] = asyncio.sleep) -> list[str]:
    """Of all tables, `schema.table` each. What they told of before is still done."""
    removed: list[str] = []
    left = TRIES
    while (found := await store.write(unwatch_rows)) is not None:
        source, gone = found
        if gone:
            removed.append(source)
            left = TRIES
        else:
            left -= 1
            await _wait(source, left, pause)
    return removed


async def _wait(source: str, left: int, pause: Callable[[float], Awaitable[object]]) -> None:
    if not left:
        raise StoreUnavailable(
            f"the table {source} is locked by others, {TRIES} tries of 2 s did not get it",
            hint="end what holds it, a long transaction or a dump, then start again",
        )
    log.warning("the table %s is locked by others, its trigger is tried again", source)
    await pause(PAUSE)
