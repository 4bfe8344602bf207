"""T1S: as T1, with servers between: whoever submits and follows speaks HTTP, some workers too, and servers are killed
like everybody else.

submitters ──HTTP, keys──▶ servers ◀──HTTP── workers       followers ──SSE, ✂ now and then──▶ servers
                              │
operator ──▶ store ◀──────────┴──────────── workers beside it       the breaker: kills all but the followers
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections import Counter
from typing import TYPE_CHECKING, Final

import httpx
import msgspec

from soak.crew import Crew
from soak.follower import BatchFollower, EventFollower
from soak.load import LIVE, settle, watch
from soak.plan import Item
from soak.report import Ledger
from soak.servers import ROLE, Servers, make_keys
from soak.tables import open_tables
from soak.verify import Verifier, outcomes_of
from stook.cli.checks import check_store
from stook.config.settings import read_settings
from stook.core.ids import execution_id
from stook.wiring.session import open_session

if TYPE_CHECKING:
    from pathlib import Path

    from soak.databases import Database
    from stook.wiring.session import Session

__all__ = ["run_served_load"]

LANES: Final = 2
FOLLOWERS: Final = 6
CATCH_UP_SECONDS: Final = 120.0
"""After the last batch has ended, within which every follower has heard of all."""


async def run_served_load(
    database: Database, folder: Path, *, seed: int, seconds: float, tasks: tuple[str, ...]
) -> tuple[dict[str, int], Ledger]:
    """On PostgreSQL two servers, two workers beside the store and one far from it; on SQLite one server, all workers
    far from it."""
    ledger = Ledger()
    settings = read_settings(url=database.url, project=f"soak-{seed}-{int(time.time())}")
    many = database.kind == "postgres"
    async with open_session(settings) as session:
        admin, worker = await make_keys(session, "admin", "worker")
        with Crew(folder, settings.project) as crew:
            servers = Servers(crew, database.url, 2 if many else 1)
            await servers.ready()
            dice = random.Random(f"{seed}:breaker")
            _employ(crew, session, servers.urls, (admin, worker), seed=seed, tasks=tasks, near=2 if many else 0)
            following = Following(ledger, session, servers.urls, admin, seed)
            watching = asyncio.create_task(watch(session, ledger), name="soak watch")
            followed = asyncio.create_task(following.run(), name="soak followers")
            await _break(crew, dice, seconds)
            crew.look()
            await servers.ready()
            await crew.end(("submitter",), 90.0)
            await crew.end(("operator",), 30.0)
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
            began = time.monotonic()
            await settle(session, ledger)
            settled = time.monotonic() - began
            following.no_more()
            await followed
            await _recounted_by_servers(ledger, session, servers.urls, admin)
            await crew.end(("worker",), 30.0)
            await crew.end((ROLE,), 30.0)
            crew.told(ledger)
            left = await crew.gone()
            ledger.expect("no process is left behind", not left, f"{len(left)} still run: {left[:5]}")
        found = await Verifier(session, folder, ledger, seed=seed, project=settings.project, tasks=tasks).run()
        for name, verdict, text in await check_store(session, newest=100_000, repair=False):
            ledger.expect("doctor finds nothing wrong", verdict != "wrong", f"{name}: {text}")
        again = await _submitted_again(session)
    happened = {f"{role}s killed": count for role, count in crew.killed.items()}
    happened |= following.happened() | found
    return happened | {"singles submitted again": again, "seconds to settle": round(settled)}, ledger


def _employ(
    crew: Crew,
    session: Session,
    urls: list[str],
    keys: tuple[str, str],
    *,
    seed: int,
    tasks: tuple[str, ...],
    near: int,
) -> None:
    dice = random.Random(f"{seed}:crew")
    store = ("--url", session.settings.url, "--project", session.settings.project)
    names = ",".join(tasks)
    admin, worker = keys
    for place in range(3):
        processes = 2 if place == 0 and "soak.process" in tasks else 0
        where = store if place < near else ("--server", dice.choice(urls), "--key", worker)
        crew.post(
            "worker",
            *("soak.worker_process", *where, "--folder", str(crew.folder), "--serial", "{serial}"),
            *("--tasks", names, "--lease", f"{dice.uniform(2, 5):.2f}", "--processes", str(processes)),
            *("--concurrency", str(dice.choice((4, 8, 24)))),
        )
    for lane in range(LANES):
        crew.post(
            "submitter",
            *("soak.submitter_process", "--servers", ",".join(urls), "--key", admin, "--folder", str(crew.folder)),
            *("--tasks", names, "--seed", str(seed), "--lane", str(lane), "--lanes", str(LANES)),
        )
    crew.post("operator", "soak.operator_process", *store)


async def _break(crew: Crew, dice: random.Random, seconds: float) -> None:
    """SIGKILL to somebody every second or so, at any moment of their lives; all servers at once now and then. The first
    is a server, so that one dies in the shortest run."""
    until = time.monotonic() + seconds
    role = ROLE
    while (left := until - time.monotonic()) > 0:
        await asyncio.sleep(min(left, dice.uniform(0.5, 2.5)))
        crew.look()
        those = [one for one in crew.posts if one.role == role]
        for post in those if role == ROLE and dice.random() < 0.15 else [dice.choice(those)]:
            crew.kill(post)
            crew.fill(post)
        role = dice.choices((ROLE, "worker", "submitter", "operator"), (4, 4, 2, 1))[0]


async def _submitted_again(session: Session) -> int:
    """Single executions that are there more than once: their server died between the commit and the answer, and the key
    of a request that nobody has answered is free again after a while."""
    numbers: Counter[int] = Counter()
    async with open_tables(session.settings.url) as tables:
        query = f"select id from batch where single = 1 and project = '{session.settings.project}'"
        batches = [bytes(row[0]) for row in await tables.fetch(query)]
    for one in batches:
        async for rows in session.engine.results(one):
            numbers.update(msgspec.json.decode(row.input, type=Item).n for row in rows)
    return numbers.total() - len(numbers)


async def _recounted_by_servers(ledger: Ledger, session: Session, urls: list[str], secret: str) -> None:
    """Every server tells the same of every batch, and what the store tells."""
    what = "every server tells what the store remembers"
    headers = {"authorization": f"Bearer {secret}"}
    views = (await session.engine.batches(limit=1000)).batches
    for url in urls:
        async with httpx.AsyncClient(base_url=f"{url}/api/v1/", headers=headers, timeout=30) as client:
            told = (await client.get("batches", params={"limit": 1000})).json()["data"]
        shown = {one["id"]: (one["state"], one["total"], one["settled"], one["counters"]["succeeded"]) for one in told}
        for view in views:
            mine = (view.state.value, view.counters.total, view.settled, view.counters.succeeded)
            other = shown.get(view.public_id)
            ledger.expect(what, other == mine, f"{view.public_id}: {other} at {url}, {mine} in the store")


class Following:
    """A few batches are followed at a time, each to its end; and the project's events all the time. When there will be
    no more, everything is followed to its last outcome: what was retried after it had ended is taken up again."""

    def __init__(self, ledger: Ledger, session: Session, urls: list[str], secret: str, seed: int) -> None:
        self._ledger = ledger
        self._session = session
        self._urls = urls
        self._secret = secret
        self._dice = random.Random(f"{seed}:followers")
        self._events = EventFollower(ledger, urls, secret, self._dice)
        self._followers: dict[bytes, BatchFollower] = {}
        self._last = asyncio.Event()

    def no_more(self) -> None:
        self._last.set()

    def happened(self) -> dict[str, int]:
        all_ = [*self._followers.values(), self._events]
        return {
            "followers": len(all_),
            "cuts": sum(one.cuts for one in all_),
            "switches to another server": sum(one.switches for one in all_),
        }

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(FOLLOWERS):
                group.create_task(self._batches())
            group.create_task(self._all_events())
        until = time.monotonic() + CATCH_UP_SECONDS
        for id_, one in self._followers.items():
            await self._catch_up(id_, one, until)
            one.check(await outcomes_of(self._session, id_))

    async def _batches(self) -> None:
        while not self._last.is_set():
            one = await self._next()
            if one is None:
                await asyncio.sleep(0.1)
                continue
            while not (one.ended or self._last.is_set()):
                await one.follow(self._most())

    async def _catch_up(self, id_: bytes, one: BatchFollower, until: float) -> None:
        settled = (await self._session.engine.show(id_)).settled
        while not one.ended or one.cursor < settled:
            if time.monotonic() > until:
                self._ledger.wrong("every follower hears of the end", f"{one.batch}: at {one.cursor} of {settled}")
                break
            one.ended = False
            await one.follow(None)
        self._ledger.looked("every follower hears of the end")

    async def _next(self) -> BatchFollower | None:
        """Of the newest batches one that nobody follows yet."""
        page = await self._session.engine.batches(states=LIVE, limit=20)
        fresh = [one.id for one in page.batches if one.id not in self._followers]
        if not fresh:
            return None
        id_ = self._dice.choice(fresh)
        results = self._dice.random() < 0.3
        made = BatchFollower(self._ledger, self._urls, self._secret, execution_id(id_, 0), self._dice, results=results)
        self._followers[id_] = made
        return made

    async def _all_events(self) -> None:
        while not self._last.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._dice.uniform(0.5, 8)):
                    await self._events.follow(self._most())
        numbers = await self._numbers()
        until = time.monotonic() + CATCH_UP_SECONDS
        while numbers and self._events.cursor < numbers[-1] and time.monotonic() < until:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(2):
                    await self._events.follow(None)
        self._events.check(numbers)

    async def _numbers(self) -> list[int]:
        project = self._session.settings.project
        async with open_tables(self._session.settings.url) as tables:
            query = (
                "select event.id from event join batch on batch.id = event.batch_id"
                f" where batch.project = '{project}' order by event.id"
            )
            return [row[0] for row in await tables.fetch(query)]

    def _most(self) -> int | None:
        return None if self._dice.random() < 0.2 else int(10 ** self._dice.uniform(0, 5.5))
