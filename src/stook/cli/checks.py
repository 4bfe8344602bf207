"""What `stook doctor` looks at."""

from __future__ import annotations

import json
import platform
import sys
import time
from importlib import metadata
from typing import TYPE_CHECKING, Final, Literal

from stook import __version__
from stook.cli.figures import duration, one_line, plural
from stook.core.why import WORKER_GONE
from stook.engine import process
from stook.store.script.recount import reconcile, recount
from stook.store.script.worker_row import forget_worker, list_workers
from stook.wiring.open_store import open_store
from stook.wiring.store_facts import read_store_facts

if TYPE_CHECKING:
    from stook.config.settings import Settings
    from stook.wiring.session import Session
    from stook.wiring.store_facts import StoreFacts

__all__ = ["Finding", "check_opening", "check_program", "check_store"]

Verdict = Literal["ok", "warning", "wrong"]
Finding = tuple[str, Verdict, str]
"""What was looked at, how it is, in words."""

_LITTLE: Final = 2 * 2**30
_NOTHING: Final = 200 * 2**20
"""Bytes free on the disk."""
_SLOW: Final = 0.1
"""Seconds for one durable write."""
_APART: Final = 5.0
"""Seconds between two clocks."""


def check_program() -> list[Finding]:
    found: list[Finding] = [
        ("stook", "ok", f"{__version__}, Python {platform.python_version()} ({sys.executable}), {platform.platform()}")
    ]
    for library, extra, use in (("uvloop", "uvloop", "makes workers faster"), ("pyarrow", "parquet", "is for Parquet")):
        try:
            found.append((library, "ok", metadata.version(library)))
        except metadata.PackageNotFoundError:
            found.append((library, "ok", f"is not installed; it {use}: pip install 'stook[{extra}]'"))
    return found


async def check_opening(settings: Settings) -> None:
    """Raises why the store cannot be opened. A server that is away is not waited for, as every other command does."""
    store, _ = await open_store(settings, create=False, patience=0)
    await store.close()


async def check_store(session: Session, *, newest: int, repair: bool) -> list[Finding]:
    facts = await read_store_facts(session)
    found = [*_store(facts), _clocks(facts), await _write(session)]
    found += await _workers(session, facts.clock)
    found += await _counters(session, newest, repair=repair)
    found += [("waiting", "warning", one_line(reason)) for reason in await session.engine.why_nothing_runs()]
    return found


def _store(facts: StoreFacts) -> list[Finding]:
    settings = ", ".join(f"{name} {value}" for name, value in facts.settings.items())
    text = f"{facts.kind} {facts.version}, schema {facts.schema}, {_bytes(facts.size)}: {facts.place}"
    found: list[Finding] = [("store", "ok", text), ("durability", *_durability(facts, settings))]
    if facts.free is not None:
        verdict: Verdict = "wrong" if facts.free < _NOTHING else "warning" if facts.free < _LITTLE else "ok"
        found.append(("disk", verdict, f"{_bytes(facts.free)} free"))
    if facts.network is not None:
        text = f"{facts.network} is a network file system, where SQLite's locks fail: use a local disk, or PostgreSQL"
        found.append(("disk", "wrong", text))
    return found


def _durability(facts: StoreFacts, settings: str) -> tuple[Verdict, str]:
    if (
        facts.settings.get("synchronous", "full") in ("off", "normal")
        or facts.settings.get("synchronous_commit") == "off"
    ):
        return "warning", f"{settings}: a power cut may take back what was acknowledged last"
    return "ok", settings


def _clocks(facts: StoreFacts) -> Finding:
    apart = abs(facts.clock / 1_000_000 - time.time())
    if apart < _APART:
        return "clocks", "ok", "the store's and this machine's agree"
    text = (
        f"the store's and this machine's are {duration(apart)} apart; the store's decides, so only shown times differ"
    )
    return "clocks", "warning", text


async def _write(session: Session) -> Finding:
    begun = time.perf_counter()
    await session.store.write(forget_worker, "nobody")
    took = time.perf_counter() - begun
    return "write", "warning" if took > _SLOW else "ok", f"a durable write took {took * 1000:.1f} ms"


async def _workers(session: Session, now: int) -> list[Finding]:
    rows = await session.store.read(list_workers)
    found: list[Finding] = []
    for name, host, mark, tasks, _, seen_at in rows:
        words = f"{name} on {host.split('/')[0]}, pid {mark.split(':')[0]}, for {', '.join(json.loads(tasks))}"
        if host == process.host() and not process.is_alive(mark):
            text = f"{words}: its process is gone; what it held comes back when a worker starts, or its leases run out"
            found.append(("worker", "warning", text))
        elif now - seen_at >= WORKER_GONE:
            silent = duration((now - seen_at) / 1_000_000)
            found.append(("worker", "warning", f"{words}: not heard of for {silent}; its leases run out"))
        else:
            found.append(("worker", "ok", words))
    return found or [("workers", "ok", "none is running")]


async def _counters(session: Session, newest: int, *, repair: bool) -> list[Finding]:
    page = await session.engine.batches(limit=newest)
    found: list[Finding] = []
    for view in page.batches:
        counted = await session.store.read(recount, view.id)
        if not counted.differences:
            continue
        named = f"batch {view.public_id}"
        if not repair:
            text = f"{named}: {'; '.join(counted.differences)} (`stook doctor --repair` makes it right)"
            found.append(("counters", "wrong", one_line(text)))
            continue
        repaired = await session.store.write(reconcile, view.id)
        found.append(
            ("counters", "warning", one_line(f"{named}: repaired: {'; '.join(repaired) or 'nothing was left to do'}"))
        )
    return found or [("counters", "ok", f"{plural(len(page.batches), 'batch', 'batches')} counted again, all as kept")]


def _bytes(number: int) -> str:
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if number < 1024:  # noqa: PLR2004 - the next unit
            return f"{number:.0f} {unit}" if unit == "bytes" or number >= 10 else f"{number:.1f} {unit}"  # noqa: PLR2004
        number /= 1024  # type: ignore[assignment]
    return f"{number:.1f} TiB"
