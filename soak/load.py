"""T1 and T2: everything at once for a while, and something breaking all the time; then it settles, and is looked at.

producers ──submit──▶ store ◀──claim, settle── workers        the breaker: kills processes (T1),
operator ──cancel, pause, resume, retry, …──▶                               restarts the server (T2)
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from typing import TYPE_CHECKING, Final

from soak.crew import Crew
from soak.report import Ledger
from soak.verify import Verifier
from stook.config.settings import read_settings
from stook.core.errors import Conflict, NotFound, StoreUnavailable
from stook.core.states import BatchState
from stook.store.script.recount import recount
from stook.wiring.session import open_session

if TYPE_CHECKING:
    from pathlib import Path

    from soak.databases import Database, Outage
    from stook.wiring.session import Session

__all__ = ["Load", "break_processes", "break_server", "run_load", "settle", "watch"]

LANES: Final = 2
WORKERS: Final = 3
SETTLE_SECONDS: Final = 180.0
"""Without anything new or broken, everything must have ended by then."""
LIVE: Final = frozenset(state for state in BatchState if not state.terminal)
OUTAGES: Final[tuple[Outage, ...]] = ("restart", "crash", "kill")
DONE: Final[dict[str, str]] = {"restart": "restarted", "crash": "crashed", "kill": "killed"}


class Load:
    """The processes on one database, and who may break what."""

    def __init__(self, database: Database, crew: Crew, *, seed: int, project: str, tasks: tuple[str, ...]) -> None:
        self.database = database
        self.crew = crew
        self.dice = random.Random(f"{seed}:breaker")
        self.outages: dict[str, int] = {}
        common = ("--url", database.url, "--project", project)
        names = ",".join(tasks)
        for place in range(WORKERS):
            processes = 2 if place == 0 and "soak.process" in tasks else 0
            crew.post(
                "worker",
                *("soak.worker_process", *common, "--folder", str(crew.folder), "--serial", "{serial}"),
                *("--tasks", names, "--lease", f"{self.dice.uniform(2, 5):.2f}", "--processes", str(processes)),
                *("--concurrency", str(self.dice.choice((4, 8, 24)))),
            )
        for lane in range(LANES):
            crew.post(
                "producer",
                *("soak.producer_process", *common, "--folder", str(crew.folder), "--tasks", names),
                *("--seed", str(seed), "--lane", str(lane), "--lanes", str(LANES)),
            )
        crew.post("operator", "soak.operator_process", *common)


async def break_processes(load: Load, seconds: float) -> None:
    """SIGKILL to somebody every second or so, workers mostly, at any moment of their lives."""
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        await asyncio.sleep(min(left, load.dice.uniform(0.5, 2.5)))
        load.crew.look()
        role = load.dice.choices(("worker", "producer", "operator"), (6, 2, 2))[0]
        post = load.dice.choice([one for one in load.crew.posts if one.role == role])
        load.crew.kill(post)
        load.crew.fill(post)


async def break_server(load: Load, seconds: float, *, every: float = 20.0) -> None:
    """Restarts of every kind, one after the other, each at least once. Nobody but the server is touched: all others
    must bear it."""
    until = time.monotonic() + seconds
    turn = 0
    while time.monotonic() < until or turn < len(OUTAGES):
        await asyncio.sleep(every * load.dice.uniform(0.7, 1.0))
        outage = OUTAGES[turn % len(OUTAGES)]
        turn += 1
        await asyncio.to_thread(load.database.take_down, outage)
        load.outages[outage] = load.outages.get(outage, 0) + 1
        load.crew.look()


async def run_load(
    database: Database,
    folder: Path,
    *,
    seed: int,
    seconds: float,
    tasks: tuple[str, ...],
    server_every: float | None = None,
) -> tuple[dict[str, int], Ledger]:
    """`server_every`: the server is restarted about every so many seconds; None: processes are killed instead."""
    ledger = Ledger()
    project = f"soak-{seed}-{int(time.time())}"
    async with open_session(read_settings(url=database.url, project=project)):
        pass  # its schema is there before twenty want it at once: that is another test
    with Crew(folder, project) as crew:
        load = Load(database, crew, seed=seed, project=project, tasks=tasks)
        async with open_session(read_settings(url=database.url, project=project)) as session:
            watching = asyncio.create_task(watch(session, ledger), name="soak watch")
            if server_every is None:
                await break_processes(load, seconds)
            else:
                await crew.ready()  # a store is not opened while its server is away
                await break_server(load, seconds, every=server_every)
            crew.look()
            await crew.end(("producer",), 60.0)
            await crew.end(("operator",), 30.0)
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
            began = time.monotonic()
            await settle(session, ledger)
            settled = time.monotonic() - began
            await crew.end(("worker",), 30.0)
            crew.told(ledger)
            left = await crew.gone()
            ledger.expect("no process is left behind", not left, f"{len(left)} still run: {left[:5]}")
            found = await Verifier(session, folder, ledger, seed=seed, project=project, tasks=tasks).run()
    happened = {f"{role}s killed": count for role, count in crew.killed.items()}
    happened |= {f"times the server was {DONE[outage]}": count for outage, count in load.outages.items()}
    return happened | found | {"seconds to settle": round(settled)}, ledger


async def watch(session: Session, ledger: Ledger) -> None:
    """Counts live batches again while everything is going on: counters are true at every moment."""
    what = "counters equal a recount, in the middle of it"
    dice = random.Random()
    while True:
        await asyncio.sleep(0.1)
        with contextlib.suppress(NotFound, StoreUnavailable):
            live = (await session.engine.batches(states=LIVE, limit=100)).batches
            if live:
                one = dice.choice(live)
                found = await session.store.read(recount, one.id)
                name = f"batch {one.public_id} ({one.name})"
                ledger.expect(what, not found.differences, f"{name}: {'; '.join(found.differences)}")


async def settle(session: Session, ledger: Ledger) -> None:
    """Lets go on what was left paused or throttled, and waits for the end of everything."""
    what = "every batch ends"
    until = time.monotonic() + SETTLE_SECONDS
    while True:
        try:
            live = (await session.engine.batches(states=LIVE, limit=500)).batches
            for one in live:
                if one.max_concurrency is not None:
                    await session.engine.limit(one.id, None)
                if one.state is BatchState.paused:
                    await session.engine.resume(one.id, ramp=False)
        except (Conflict, StoreUnavailable):
            continue
        if not live or time.monotonic() > until:
            break
        await asyncio.sleep(0.1)
    for one in live:
        why = "; ".join(await session.engine.why(one.id))
        ledger.wrong(what, f"batch {one.public_id} ({one.name}, {one.counters}) is {one.state.value}: {why}")
