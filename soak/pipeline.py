"""The orders of `examples/pipeline.py`, worked on by a process that dies at a named point, then by one that lives."""

from __future__ import annotations

import asyncio
import importlib.util
import multiprocessing
import os
import signal
import sqlite3
import sys
import traceback
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from soak.report import Ledger
from soak.tables import open_tables
from stook.store.script.claim import claim
from stook.store.script.errands import run_errands
from stook.store.script.remember import remember
from stook.store.script.settle import settle
from stook.store.script.wake import wake_due

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from multiprocessing.connection import Connection

    from stook.store.port import Store

__all__ = ["PIPELINE_POINTS", "PipelinePoint", "run_pipeline"]

_EXAMPLE: Final = Path(__file__).parents[1] / "examples" / "pipeline.py"
_PATIENCE: Final = 30.0
_LIVED: Final = 3
_LOOK: Final = 0.02
_PAID: Final = {"A": 1250, "B": 300, "C": 0}
"""Cents by order. D and E are not paid."""
_LINES: Final = {"A": [2, 1], "B": [0, 1], "C": [3], "D": [1, 1, 1], "E": [1]}
_MOST: Final = 2
# Forked from a process that has everything imported and nothing open: a new interpreter each would take the longest.
_context: Final = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["soak.pipeline"])


class PipelinePoint(NamedTuple):
    """The process dies at the `nth` time that it is to commit `verb`, right before or right after."""

    verb: Callable[..., Any]
    nth: int


PIPELINE_POINTS: Final[dict[str, PipelinePoint]] = {
    "claim": PipelinePoint(claim, 1),
    "a later claim": PipelinePoint(claim, 4),
    "remember": PipelinePoint(remember, 1),
    "a later remember": PipelinePoint(remember, 3),
    "settle": PipelinePoint(settle, 1),
    "a second settle": PipelinePoint(settle, 2),
    "a third settle": PipelinePoint(settle, 3),
    "a fifth settle": PipelinePoint(settle, 5),
    "errand": PipelinePoint(run_errands, 1),
    "a later errand": PipelinePoint(run_errands, 3),
    "wake": PipelinePoint(wake_due, 1),
}


class _Counting:
    """A store whose `nth` verb of a kind is the last thing its process does. Verbs that had nothing to do are not
    counted: they commit nothing."""

    def __init__(self, store: Store, verb: Callable[..., Any], nth: int, *, before: bool) -> None:
        self._store = store
        self._verb = verb
        self._left = nth
        self._before = before

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def write(self, verb: Callable[..., Any], *args: Any, **options: Any) -> Any:
        if verb is not self._verb:
            return await self._store.write(verb, *args, **options)
        if self._before:
            return await self._store.write(self._until_its_end, verb, args, options)
        answer = await self._store.write(verb, *args, **options)
        self._count(answer)
        return answer

    def _until_its_end(self, verb: Callable[..., Any], args: tuple[Any, ...], options: dict[str, Any]) -> Any:
        answer = yield from verb(*args, **options)
        self._count(answer)
        return answer

    def _count(self, answer: Any) -> None:
        if _did_something(answer):
            self._left -= 1
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGKILL)


def _did_something(answer: Any) -> bool:
    """A sweep returns how much it did, a claim its slices; whoever settles or remembers has something."""
    if isinstance(answer, int):
        return answer > 0
    return bool(getattr(answer, "slices", True))


def _example(url: str, ledger: str) -> Any:
    """The example as a module of its own, on this store."""
    spec = importlib.util.spec_from_file_location("pipeline", _EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["pipeline"] = module
    spec.loader.exec_module(module)
    made: Any = module
    made.app.store, made.LEDGER = url, ledger
    return made


def _doomed(url: str, ledger: str, name: str, when: str, speak: Connection) -> None:
    from stook.wiring import session as module  # noqa: PLC0415 - of the process that dies

    session: Any = module

    point = PIPELINE_POINTS[name]
    opened = session.open_store

    async def open_store(*args: Any, **options: Any) -> Any:
        store, blobs = await opened(*args, **options)
        return _Counting(store, point.verb, point.nth, before=when == "before"), blobs

    session.open_store = open_store
    _work(url, ledger, speak)


def _work(url: str, ledger: str, speak: Connection) -> None:
    """Until every order and what came of it has ended; exits as a process does that has done its work."""
    try:
        with _example(url, ledger).app as app, app.working(concurrency=4):
            asyncio.run(asyncio.wait_for(_ended(url), _PATIENCE))
    except Exception:  # noqa: BLE001 - whatever it is, the parent wants to know
        speak.send(traceback.format_exc())
        sys.exit(1)
    speak.send("it did all it had to do, and lived")
    sys.exit(_LIVED)


async def _ended(url: str) -> None:
    async with open_tables(url) as tables:
        while (await tables.fetch("select count(*) from batch where ended is null"))[0][0]:  # noqa: ASYNC110 -- of others
            await asyncio.sleep(_LOOK)


def run_pipeline(url: str, folder: Path, name: str, *, when: str) -> Ledger:
    """`when`: before or after the commit. The store is one of its own, empty; effects are noted in `folder`."""
    checks, noted = Ledger(), str(folder / "ledger.db")
    example = _example(url, noted)
    with example.app as app:
        begun = {order.id: example.fulfil.submit(order) for order in _orders(example)}
        for order, cents in _PAID.items():
            app.sync.emit("order.paid", {"order": order, "cents": cents})
        code, words = _run(_doomed, url, noted, name, when)
        checks.expect("it died where it was meant to", code == -signal.SIGKILL, f"code {code}: {words}")
        code, words = _run(_work, url, noted)
        checks.expect("the next process did the rest", code == _LIVED, f"code {code}: {words}")
        for order, wanted in _ends().items():
            found = begun[order].result(timeout=_PATIENCE)
            checks.expect("the outcome of each order", found == wanted, f"{found}, not {wanted}")
        asyncio.run(_check_tables(url, checks))
        _check_effects(noted, checks)
    return checks


def _run(target: Callable[..., None], *args: Any) -> tuple[int | None, str]:
    """Its exit code, and what it said if it came to a word."""
    listen, speak = _context.Pipe(duplex=False)
    process = _context.Process(target=target, args=(*args, speak), daemon=True)
    process.start()
    speak.close()
    process.join(2 * _PATIENCE)
    if process.exitcode is None:
        process.kill()
        process.join()
        return None, "it hung"
    words = listen.recv() if process.exitcode >= 0 and listen.poll() else ""
    listen.close()
    return process.exitcode, words


def _orders(example: Any) -> Iterator[Any]:
    for order, lines in _LINES.items():
        patience = 600.0 if order in _PAID else 0.3
        made = [{"sku": f"{order}{at}", "pieces": pieces} for at, pieces in enumerate(lines)]
        yield example.Order(order, made, patience)


def _ends() -> dict[str, dict[str, Any]]:
    ends: dict[str, dict[str, Any]] = {}
    for order, lines in _LINES.items():
        end = {"order": order, "missing": lines.count(0)}
        if order in _PAID:
            books = f"{order} in the books" if _PAID[order] else "not in the books"
            ends[order] = end | {"state": "shipped", "books": books}
        else:
            ends[order] = end | {"state": "unpaid"}
    return ends


async def _check_tables(url: str, checks: Ledger) -> None:
    wanted = {
        "select sum(total) from batch where task = 'pick'": sum(map(len, _LINES.values())),
        "select sum(total) from batch where task = 'export'": len(_PAID),
        "select count(*) from batch where ended is null": 0,
    } | {f"select count(*) from {table}": 0 for table in ("segment", "lease", "suspension", "wait", "errand")}
    async with open_tables(url) as tables:
        for query, value in wanted.items():
            found = (await tables.fetch(query))[0][0]
            checks.expect("one child for each key, and nothing left over", found == value, f"{found}: {query}")


def _check_effects(noted: str, checks: Ledger) -> None:
    """At least once, by a key of its own: there once, tried at most once more than the crash explains."""
    with closing(sqlite3.connect(noted)) as ledger:
        found: dict[str, int] = dict(ledger.execute("select key, tries from effect").fetchall())
    picked = {key for key in found if key.startswith("pick ")}
    lines = sum(pieces > 0 for line in _LINES.values() for pieces in line)
    checks.expect("each line is picked", len(picked) == lines, f"{len(picked)} of {lines}")
    wanted = {f"reserve {order}" for order in _LINES} | {f"ship {order}" for order in _PAID}
    wanted |= {f"release {order}" for order in _LINES if order not in _PAID}
    wanted |= {f"export {order}" for order, cents in _PAID.items() if cents}
    checks.expect("each effect is there", set(found) - picked == wanted, f"{set(found) - picked ^ wanted}")
    for key, tries in found.items():
        checks.expect("an effect is tried again only after the crash", tries <= _MOST, f"{tries} times: {key}")
