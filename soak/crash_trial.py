"""One process killed at one point, and what the next one makes of it."""

from __future__ import annotations

import asyncio
import multiprocessing
import signal
from collections import Counter
from typing import TYPE_CHECKING, Final

from soak.crash_place import BATCH, Place
from soak.crash_points import CRASH_POINTS
from soak.crash_process import die_at
from soak.report import Ledger
from soak.tables import open_tables
from soak.verify import check_batch, events_of
from stook.config.settings import read_settings
from stook.store.script.delete import purge
from stook.wiring.session import open_session

if TYPE_CHECKING:
    from soak.crash_point import CrashPoint

__all__ = ["run_crash_point"]

_TABLES: Final = (
    *("batch", "chunk", "state", "segment", "lease", "outcome", "failure", "failure_group", "item_key", "dedupe"),
    *("event", "blob"),
)
_PATIENCE: Final = 30.0
# Forked from a process that has everything imported and nothing open: a new interpreter each would take the longest.
_context: Final = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["soak.crash_process"])


async def run_crash_point(url: str, name: str, *, when: str) -> Ledger:
    """`when`: before or after the commit. The store is one of its own, empty."""
    ledger = Ledger()
    point = CRASH_POINTS[name]
    async with open_session(read_settings(url=url)) as session:
        place = Place(session)
        await point.prepare(place)
        code, words = await _doom(url, name, when)
        ledger.expect("it died where it was meant to", code == -signal.SIGKILL, f"code {code}: {words}")
        await point.afterwards(place)
        if point.gone:
            while await session.store.write(purge) is not None:
                pass
            await _check_gone(url, ledger)
            return ledger
        await place.drain()
        async with open_tables(url) as tables:
            events = (await events_of(tables)).get(BATCH, [])
            batches = (await tables.fetch("select count(*) from batch where task = 'crash'"))[0][0]
            for query, wanted in point.tables:
                found = (await tables.fetch(query))[0][0]
                ledger.expect("what tables hold besides", found == wanted, f"{found!r}, not {wanted!r}: {query}")
            waiting = [(await tables.fetch(f"select count(*) from {table}"))[0][0] for table in ("segment", "lease")]
        ledger.expect("there is one batch", batches == 1, f"{batches}")
        ledger.expect("nothing is queued or leased any more", not any(waiting), f"segments, leases: {waiting}")
        await check_batch(session, ledger, BATCH, events, single=point.single)
        kinds = tuple(kind.removeprefix("batch.") for kind, _ in events)
        told = point.events if when == "before" or point.events_after is None else point.events_after
        ledger.expect("its events", kinds == told, f"{kinds}, not {told}")
        states = await place.states()
        ends = Counter(_wanted(point, when))
        ledger.expect("how its executions ended", states == ends, f"{dict(states)}, not {dict(ends)}")
    return ledger


def _wanted(point: CrashPoint, when: str) -> dict[str, int]:
    return point.before if when == "before" else point.after


async def _doom(url: str, name: str, when: str) -> tuple[int | None, str]:
    """Its exit code, and what it said if it came to a word."""
    listen, speak = _context.Pipe(duplex=False)
    process = _context.Process(target=die_at, args=(url, name, when, speak), daemon=True)
    process.start()
    speak.close()
    await asyncio.to_thread(process.join, _PATIENCE)
    if process.exitcode is None:
        process.kill()
        process.join()
        return None, "it hung"
    words = listen.recv() if listen.poll() and process.exitcode >= 0 else ""
    listen.close()
    return process.exitcode, words


async def _check_gone(url: str, ledger: Ledger) -> None:
    async with open_tables(url) as tables:
        for table in _TABLES:
            rows = (await tables.fetch(f"select count(*) from {table}"))[0][0]
            ledger.expect("nothing of it is left", not rows, f"{rows} rows in {table}")
