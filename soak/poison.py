"""T5: one item among many takes down the process that runs it, again and again, until it is quarantined. Nothing else
may fail.

    worker process ──dies──▶ the supervisor starts the next          soak.poison.async, soak.poison.thread
    child process ──dies──▶ its worker goes on                       soak.poison.process
"""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING, Final

from soak.crew import Crew
from soak.journal import BatchJournal, read_journals
from soak.plan import Do, Item
from soak.report import Ledger
from soak.tables import open_tables
from soak.tasks import POISON, app
from soak.verify import check_batch, events_of
from stook.client.batch import AsyncBatch
from stook.config.settings import read_settings
from stook.core.payload import encode_many
from stook.core.states import State
from stook.engine.service import Options
from stook.wiring.session import open_session

if TYPE_CHECKING:
    from pathlib import Path

    from soak.databases import Database
    from stook.store.script.read.batch_view import BatchView
    from stook.wiring.session import Session

__all__ = ["run_poison"]

LOSSES: Final = 3
"""Of its own, before it is quarantined: the default `max_losses`."""
MOST_STARTS: Final = 40
"""Halving takes as many deaths as a slice has bits, and each death may find the item in another slice."""
PATIENCE: Final = 120.0


async def run_poison(
    database: Database,
    folder: Path,
    *,
    seed: int,
    items: int,
    tasks: tuple[str, ...] = POISON,
) -> tuple[dict[str, int], Ledger]:
    ledger = Ledger()
    happened: dict[str, int] = {}
    dice = random.Random(f"{seed}:poison")
    for task in tasks:
        place = folder / task
        place.mkdir()
        project = f"soak-poison-{seed}-{int(time.time())}"
        doing: Do = dice.choice(("exit", "kill"))
        poisoned = dice.randrange(items)
        with Crew(place, f"{project}-{task}") as crew:
            async with open_session(read_settings(url=database.url, project=project)) as session:
                batch_id = await _submit(session, task, items, poisoned, doing)
                view = await _survive(session, crew, task, batch_id)
                await crew.end(("worker",), 30.0)
                await _judge(session, ledger, place, view, poisoned=poisoned)
                left = await crew.gone()
                ledger.expect("no process is left behind", not left, f"{len(left)} still run: {left[:5]}")
            happened[f"deaths of {task} by {doing}"] = crew.ended_by_themselves or view.losses
    return happened, ledger


async def _submit(session: Session, task: str, items: int, poisoned: int, doing: Do) -> bytes:
    engine = session.engine
    created = await engine.open_batch(task, app.tasks[task].policy, Options(name=task))
    intake = await engine.intake(created, Options())
    await intake.add(encode_many([Item(n, doing if n == poisoned else "ok") for n in range(items)]))
    await intake.finish()
    await engine.seal(created.id)
    return created.id


async def _survive(session: Session, crew: Crew, task: str, batch_id: bytes) -> BatchView:
    """A worker is there all the time, until the batch has ended."""
    processes = "2" if task.endswith(".process") else "0"
    crew.post(
        "worker",
        *("soak.worker_process", "--url", session.settings.url, "--project", session.settings.project),
        *("--serial", "{serial}", "--folder", str(crew.folder), "--tasks", task),
        *("--lease", "2", "--concurrency", "8", "--processes", processes),
    )
    until = time.monotonic() + PATIENCE
    while True:
        view = await session.engine.show(batch_id)
        if view.state.terminal or time.monotonic() > until:
            return view
        crew.look()
        await session.engine.wait_for_change(batch_id, 0.05)


async def _judge(session: Session, ledger: Ledger, folder: Path, view: BatchView, *, poisoned: int) -> None:
    name = view.task
    what = "all but the poisoned item succeed, each with its own result"
    batch: AsyncBatch[dict[str, int]] = AsyncBatch(session.engine, view.id)
    async for one in batch.results():
        if one.index != poisoned:
            ledger.expect(what, one.ok and one.value == {"n": one.index}, f"{name}: item {one.index} is {one.state}")
            ledger.expect("others lose no attempt", one.attempts == 1, f"{name}: item {one.index} took {one.attempts}")
            continue
        code = None if one.error is None else one.error.code
        quarantined = one.state == State.failed.name and code == "worker_lost"
        ledger.expect("the poisoned item is quarantined: worker_lost", quarantined, f"{name}: {one.state}, {code}")
    async with open_tables(session.settings.url) as tables:
        events = (await events_of(tables)).get(view.id, [])
        query = "select batch_id, nth from failure where final = 1"
        losses = [nth for batch_id, nth in await tables.fetch(query) if bytes(batch_id) == view.id]
    ledger.expect(f"after {LOSSES} losses of its own", losses == [LOSSES], f"{name}: after {losses}")
    journals, _ = read_journals(folder)
    starts = _starts(journals.get(view.id, BatchJournal()), poisoned)
    within = LOSSES <= starts <= MOST_STARTS
    ledger.expect(f"it is started {LOSSES} to {MOST_STARTS} times", within, f"{name}: {starts} times")
    await check_batch(session, ledger, view.id, events)


def _starts(journal: BatchJournal, index: int) -> int:
    return sum(1 for place in range(0, len(journal.starts), 4) if journal.starts[place] == index)
