"""T4: followers that are cut a thousand times, by themselves at any byte and by their server's death, and go on with
Last-Event-ID at either of two servers: no gap, no duplicate.

workers ──▶ store ◀── server ──SSE──▶ follower ✂ ──▶ the other server …
                       ☠ now and then
"""

from __future__ import annotations

import asyncio
import random
import time
from typing import TYPE_CHECKING, Final

from soak.crew import Crew
from soak.follower import BatchFollower
from soak.plan import Item
from soak.report import Ledger
from soak.servers import ROLE, Servers, make_keys
from soak.tasks import app
from soak.verify import outcomes_of
from stook.config.settings import read_settings
from stook.core.ids import execution_id
from stook.core.payload import encode_many
from stook.engine.service import Options
from stook.wiring.session import open_session

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from soak.databases import Database
    from stook.wiring.session import Session

__all__ = ["cut_followers", "run_cuts"]

TASK: Final = "soak.async"
BATCHES: Final = 4
FOLLOWERS: Final = 8
ROUND_SECONDS: Final = 120.0
"""Within which a follower is through with a batch, however often it is cut."""


async def run_cuts(
    database: Database, folder: Path, *, seed: int, cuts: int, items: int
) -> tuple[dict[str, int], Ledger]:
    """Until so many cuts were made, and everybody has heard everything. Each batch has so many items."""
    ledger = Ledger()
    settings = read_settings(url=database.url, project=f"soak-cuts-{seed}-{int(time.time())}")
    async with open_session(settings) as session:
        (secret,) = await make_keys(session, "read")
        with Crew(folder, settings.project) as crew:
            servers = Servers(crew, database.url, 2)
            for _ in range(2):
                crew.post(
                    "worker",
                    *("soak.worker_process", "--url", database.url, "--project", settings.project),
                    *("--folder", str(folder), "--serial", "{serial}", "--tasks", TASK, "--concurrency", "4"),
                )
            await servers.ready()
            batches = [await _submit(session, items, number) for number in range(BATCHES)]
            killing = asyncio.create_task(_kill(crew, random.Random(f"{seed}:breaker")), name="soak breaker")
            try:
                happened = await cut_followers(
                    ledger, session, servers.urls, secret, batches, seed=seed, cuts=cuts, followers=FOLLOWERS
                )
            finally:
                killing.cancel()
                await asyncio.gather(killing, return_exceptions=True)
            await servers.ready()
            await crew.end(("worker", ROLE), 30.0)
            crew.told(ledger)
    return {f"{role}s killed": count for role, count in crew.killed.items()} | happened, ledger


async def cut_followers(
    ledger: Ledger,
    session: Session,
    urls: Sequence[str],
    secret: str,
    batches: Sequence[bytes],
    *,
    seed: int,
    cuts: int,
    followers: int,
) -> dict[str, int]:
    """Followers of these batches begin again from 0 until so many cuts were made. What each heard is compared with
    what the store remembers."""
    made: list[BatchFollower] = []

    async def follow(number: int) -> None:
        dice = random.Random(f"{seed}:{number}")
        while sum(one.cuts for one in made) < cuts:
            id_ = dice.choice(batches)
            one = BatchFollower(ledger, urls, secret, execution_id(id_, 0), dice, results=dice.random() < 0.3)
            made.append(one)
            until = time.monotonic() + ROUND_SECONDS
            while not one.ended and time.monotonic() < until:
                await one.follow(int(10 ** dice.uniform(0, 5.7)))
            ledger.expect("every follower hears of the end", one.ended, f"{one.batch}: still at {one.cursor}")
            one.check(await outcomes_of(session, id_))

    async with asyncio.TaskGroup() as group:
        for number in range(followers):
            group.create_task(follow(number))
    return {
        "followers": len(made),
        "cuts": sum(one.cuts for one in made),
        "switches to another server": sum(one.switches for one in made),
        "outcomes heard": sum(len(one.heard) for one in made),
    }


async def _submit(session: Session, items: int, number: int) -> bytes:
    """Items that end one by one, so that there is something to follow for a while."""
    dice = random.Random(number)
    engine = session.engine
    created = await engine.open_batch(TASK, app.tasks[TASK].policy, Options(name=f"cuts-{number}"))
    intake = await engine.intake(created, Options())
    made = [Item(n, "slow" if dice.random() < 0.2 else "ok", seconds=dice.uniform(0, 0.02)) for n in range(items)]
    await intake.add(encode_many(made))
    await intake.finish()
    await engine.seal(created.id)
    return created.id


async def _kill(crew: Crew, dice: random.Random) -> None:
    """One server after the other, followers and all."""
    servers = [one for one in crew.posts if one.role == ROLE]
    while True:
        await asyncio.sleep(dice.uniform(2, 5))
        crew.look()
        post = dice.choice(servers)
        crew.kill(post)
        crew.fill(post)
