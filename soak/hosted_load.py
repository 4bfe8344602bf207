"""T7: as T1S, with hosted code: servers build and run an app for Kernel; they, the keepers below them and the processes
of the app are killed at any moment, while it is deployed again and again.

owner ──Kernel's routes, keys──▶ servers ──▶ keepers ──▶ processes of the app ──▶ effects, line by line
followers ──SSE, ✂──▶ servers                          the killer: all but owner and followers
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from typing import TYPE_CHECKING, Final

from soak.crew import Crew
from soak.follower import BatchFollower
from soak.hosted_app import read_pids
from soak.hosted_follower import JobFollower
from soak.hosted_killer import Killer, running
from soak.hosted_owner import Owner
from soak.hosted_verify import check_deployments, check_hosted
from soak.load import settle
from soak.report import Ledger
from soak.servers import ROLE, Servers, make_keys
from soak.tables import open_tables
from soak.verify import outcomes_of
from stook.config.settings import read_settings
from stook.core.ids import batch_of, parse_id
from stook.wiring.session import open_session

if TYPE_CHECKING:
    from pathlib import Path

    from soak.databases import Database
    from stook.wiring.session import Session

__all__ = ["run_hosted_load"]

LANES: Final = 2
DEPLOY_SECONDS: Final = 6.0
SETTLE_SECONDS: Final = 240.0
BUILT_SECONDS: Final = 300.0
"""For the first build, which may have to install what the app needs."""
_LOOK: Final = 0.1


async def run_hosted_load(
    database: Database, folder: Path, *, seed: int, seconds: float, hosting: Path
) -> tuple[dict[str, int], Ledger]:
    """On PostgreSQL two servers, both hosting; on SQLite one. `hosting`: where environments are kept."""
    ledger, dice = Ledger(), random.Random(f"{seed}:hosted")
    settings = read_settings(url=database.url, project=f"soak-{seed}-{int(time.time())}")
    sleep = f"1000.{random.randrange(10**9):09}"
    environment = {"STOOK_HOSTING_FOLDER": str(hosting), "STOOK_HOSTING_REPLICAS": "3"}
    effects = folder / "effects"
    async with open_session(settings) as session:
        (secret,) = await make_keys(session, "admin")
        with Crew(folder, settings.project, environment) as crew:
            servers = Servers(crew, database.url, 2 if database.kind == "postgres" else 1, "--hosting")
            await servers.ready()
            env = {"EFFECTS": str(effects), "SLEEP": sleep}
            owner = Owner(ledger, servers.urls, secret, dice, env=env)
            killer = Killer(crew, servers, database.url, random.Random(f"{seed}:killer"))
            following = Following(ledger, session, servers.urls, secret, owner, dice)
            began = await _load(owner, killer, following, seconds)
            crew.look()
            await servers.ready()
            await _settled(session, ledger)
            settled = time.monotonic() - began
            await following.to_the_end()
            await check_deployments(ledger, owner)
            struck = killer.killed["keepers"] + killer.killed["replicas"]
            found = await check_hosted(session, ledger, owner, effects, struck=struck)
            await crew.end((ROLE,), 60.0)
            crew.told(ledger)
            left = [*await crew.gone(), *running(sleep), *running("kernel_python.py", read_pids(effects))]
            ledger.expect("no process outlives its host", not left, f"{len(left)} still run: {left[:5]}")
            await owner.client.aclose()
            builds = await killer.builds_lost()
    happened = {f"{role}s killed": count for role, count in crew.killed.items()}
    happened |= {f"{kind} killed": count for kind, count in killer.killed.items()}
    happened |= {"deployments": len(owner.deployed), "builds begun again": builds, "seconds to settle": round(settled)}
    return happened | following.happened() | found, ledger


async def _load(owner: Owner, killer: Killer, following: Following, seconds: float) -> float:
    """When the load ended. The first build is killed too."""
    first = await owner.deploy()
    await killer.kill("server")
    async with asyncio.timeout(BUILT_SECONDS):
        await owner.built(first)
    asking = [asyncio.create_task(owner.ask(), name="soak owner") for _ in range(LANES)]
    asking.append(asyncio.create_task(following.run(), name="soak followers"))
    deploying = asyncio.create_task(_deploy(owner), name="soak deployments")
    await killer.kill_for(seconds)
    owner.no_more()
    deploying.cancel()
    await asyncio.gather(deploying, return_exceptions=True)
    began = time.monotonic()
    following.no_more()
    await asyncio.gather(*asking)
    return began


async def _deploy(owner: Owner) -> None:
    while True:
        await asyncio.sleep(DEPLOY_SECONDS)
        await owner.deploy()


async def _settled(session: Session, ledger: Ledger) -> None:
    """All batches, single invocations and builds."""
    await settle(session, ledger)
    until = time.monotonic() + SETTLE_SECONDS
    project = session.settings.project
    there = f"where project = '{project}' and"
    queries = (
        f"select count(*) from batch {there} phase not in ('closed', 'deleted')",
        f"select count(*) from hosted_deployment {there} state in ('queued', 'building') and arrived = 1",
    )
    async with open_tables(session.settings.url) as tables:
        while time.monotonic() < until:
            if not sum([(await tables.fetch(query))[0][0] for query in queries]):
                return
            await asyncio.sleep(_LOOK)
    ledger.wrong("every batch ends", f"some did not in {SETTLE_SECONDS:g} seconds")


class Following:
    """Each batch is followed by one that hears of every item, and by one that speaks Kernel's."""

    def __init__(
        self, ledger: Ledger, session: Session, urls: list[str], secret: str, owner: Owner, dice: random.Random
    ) -> None:
        self._ledger = ledger
        self._session = session
        self._urls = urls
        self._secret = secret
        self._owner = owner
        self._dice = dice
        self._items: dict[str, BatchFollower] = {}
        self._jobs: dict[str, JobFollower] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._last = asyncio.Event()

    def no_more(self) -> None:
        self._last.set()

    def happened(self) -> dict[str, int]:
        cuts = sum(one.cuts for one in self._items.values()) + sum(one.cuts for one in self._jobs.values())
        return {"followers": len(self._items) + len(self._jobs), "cuts": cuts}

    async def run(self) -> None:
        while not self._last.is_set():
            self._follow_new()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._last.wait(), _LOOK)
        self._follow_new()

    async def to_the_end(self) -> None:
        """Every follower has heard of the end, and of all before it."""
        self._follow_new()
        done, pending = await asyncio.wait(self._tasks, timeout=SETTLE_SECONDS)
        for task in pending:
            task.cancel()
        what = "every follower hears of the end"
        self._ledger.expect(what, not pending, f"{len(pending)} of {len(done) + len(pending)} did not")
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for task in done:
            if (error := task.exception()) is not None:
                self._ledger.wrong(what, repr(error))
        for id_, one in self._items.items():
            one.check(await outcomes_of(self._session, batch_of(parse_id(id_))))
        for id_, job in self._jobs.items():
            shown = await self._owner.show(f"/batch_jobs/{id_}")
            shown.pop("invocations")
            self._ledger.expect("Kernel's followers end with what is shown", job.last == shown, f"{job.last}: {shown}")

    def _follow_new(self) -> None:
        for one in self._owner.asked:
            if not one.single and one.id not in self._items:
                ledger, urls, secret, dice = self._ledger, self._urls, self._secret, self._dice
                self._items[one.id] = BatchFollower(ledger, urls, secret, one.id, dice, results=False)
                self._jobs[one.id] = JobFollower(ledger, urls, secret, one.id, dice)
                self._tasks.append(asyncio.create_task(self._to_its_end(self._items[one.id])))
                self._tasks.append(asyncio.create_task(self._jobs[one.id].follow()))

    async def _to_its_end(self, one: BatchFollower) -> None:
        while not one.ended:
            await one.follow(None if self._dice.random() < 0.3 else int(10 ** self._dice.uniform(0, 5)))
