"""T3: two processes want the same item at the same moment, thousands of times. One winner each, and both know who.

settle  against cancel of the item       items held by one, every one of them cancelled by the other
drain   against cancel of the item       the same while they are being claimed
drain   against cancel of the batch      soft and hard
settle  against the lease's end          a late worker, and the successor that inherits from it
"""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from soak.journal import now
from soak.race_process import Answer, Request
from soak.report import Ledger
from soak.tables import open_tables
from soak.verify import check_batch, events_of
from stook.config.settings import read_settings
from stook.core.policy import TaskPolicy
from stook.core.states import State
from stook.engine.service import Options
from stook.wiring.session import open_session

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from soak.databases import Database
    from stook.wiring.session import Session

__all__ = ["run_races"]

ITEMS: Final = 20
KINDS: Final = (("held", 40), ("claiming", 30), ("soft", 5), ("hard", 5), ("late", 20))
START: Final = 2_000
"""Microseconds until both have read what they are to do."""
_WHAT: Final = {
    "held": "completion against cancel of a running item",
    "claiming": "completion against cancel of an item being claimed",
    "soft": "completion against soft cancel of the batch",
    "hard": "completion against hard cancel of the batch",
    "late": "a late worker against its successor",
}


class _Racer:
    """A child that does one request at a time."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def ask(self, request: Request) -> dict[int, str]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(msgspec.json.encode(request) + b"\n")
        await self._process.stdin.drain()
        line = await self._process.stdout.readline()
        if not line:
            raise RuntimeError("a racer ended in the middle of a race; it said why on standard error")
        return msgspec.json.decode(line, type=Answer).items


@asynccontextmanager
async def _racer(database: Database, project: str, name: str) -> AsyncIterator[_Racer]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "soak.race_process", "--url", database.url, "--project", project, "--name", name),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parent.parent,
    )
    try:
        yield _Racer(process)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), 5.0)
        except TimeoutError:
            process.kill()
            await process.wait()


class Races:
    def __init__(self, session: Session, first: _Racer, second: _Racer, *, ledger: Ledger, seed: int) -> None:
        self._session = session
        self._first = first
        self._second = second
        self._ledger = ledger
        self._dice = random.Random(f"{seed}:races")
        self._task = session.settings.project
        self.wins: dict[str, int] = {}

    async def run(self, rounds: int) -> list[bytes]:
        """One round is one item that both want; returns the batches they were in."""
        batches = []
        for _ in range(0, rounds, ITEMS):
            kind = self._dice.choices([kind for kind, _ in KINDS], [weight for _, weight in KINDS])[0]
            batches.append(await self._race(kind))
        return batches

    async def _race(self, kind: str) -> bytes:
        batch_id = await self._submit()
        items = list(range(ITEMS))
        pace = self._dice.choice((1500, 4000, 7000))
        jitter = self._dice.choice((0, 300, 3000))
        lease = self._dice.choice((0.002, 0.01, 0.03)) if kind == "late" else 60.0

        def request(do: str, **options: object) -> Request:
            given = {
                "do": do,
                "task": self._task,
                "batch": batch_id.hex(),
                "items": items,
                "pace": pace,
                "jitter": jitter,
            }
            return msgspec.convert(given | options, Request)

        one, other = "drain", {"soft": "stop", "hard": "stop", "late": "inherit"}.get(kind, "cancel")
        if kind in ("held", "late"):
            one = "settle"
            held = await self._first.ask(request("hold", lease=lease))
            assert len(held) == ITEMS, "nobody else claims this task"
        at = now() + START
        said, answered = await asyncio.gather(
            self._first.ask(request(one, at=at)),
            self._second.ask(request(other, at=at + self._late(kind), hard=kind == "hard")),
        )
        if kind in ("soft", "hard"):
            answered |= await self._first.ask(request("drain"))
        await self._judge(kind, batch_id, said, answered)
        return batch_id

    def _late(self, kind: str) -> int:
        """A batch is stopped somewhere in the middle."""
        return self._dice.randrange(20_000) if kind in ("soft", "hard") else 0

    async def _submit(self) -> bytes:
        engine = self._session.engine
        policy = TaskPolicy()
        created = await engine.open_batch(self._task, policy, Options(name="race"))
        intake = await engine.intake(created, Options())
        await intake.add([b"%d" % index for index in range(ITEMS)])
        await intake.finish()
        await engine.seal(created.id)
        return created.id

    async def _judge(self, kind: str, batch_id: bytes, said: dict[int, str], answered: dict[int, str]) -> None:
        """What both were told, beside how each item ended."""
        what = f"one winner: {_WHAT[kind]}"
        stopped = answered.pop(-1, None)
        async for rows in self._session.engine.results(batch_id):
            for row in rows:
                mine, theirs = said.get(row.index), answered.get(row.index)
                by = None if row.result is None else msgspec.json.decode(row.result)["by"]
                seen = (mine, stopped or theirs, row.state.name, by)
                self._ledger.expect(what, seen in _ALLOWED[kind], f"{row.id}: {seen}")
                winner = f"{kind}: {row.state.name if by is None else by}"
                self.wins[winner] = self.wins.get(winner, 0) + 1


_SUCCEEDED: Final = State.succeeded.name
_CANCELLED: Final = State.cancelled.name
_ALLOWED: Final[dict[str, set[tuple[str | None, str | None, str, str | None]]]] = {
    # (told the one, told the other, how it ended, whose result it has)
    "held": {("accepted", "passed", _SUCCEEDED, "first"), ("accepted", "asked", _CANCELLED, None)},
    "claiming": {
        ("accepted", "passed", _SUCCEEDED, "first"),
        ("accepted", "asked", _CANCELLED, None),
        (None, "ended", _CANCELLED, None),
    },
    "soft": {
        ("accepted", "stopped", _SUCCEEDED, "first"),
        ("accepted", "over", _SUCCEEDED, "first"),
        (None, "stopped", _CANCELLED, None),
    },
    "hard": {
        ("accepted", "stopped", _SUCCEEDED, "first"),
        ("accepted", "over", _SUCCEEDED, "first"),
        ("accepted", "stopped", _CANCELLED, None),
        (None, "stopped", _CANCELLED, None),
    },
    "late": {("accepted", None, _SUCCEEDED, "first"), ("lost", "accepted", _SUCCEEDED, "second")},
}


async def run_races(database: Database, *, seed: int, rounds: int) -> tuple[dict[str, int], Ledger]:
    ledger = Ledger()
    project = f"soak-race-{seed}-{now()}"
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(open_session(read_settings(url=database.url, project=project)))
        first = await stack.enter_async_context(_racer(database, project, "first"))
        second = await stack.enter_async_context(_racer(database, project, "second"))
        races = Races(session, first, second, ledger=ledger, seed=seed)
        batches = await races.run(rounds)
        async with open_tables(database.url) as tables:
            events = await events_of(tables)
        for batch_id in batches:
            await check_batch(session, ledger, batch_id, events.get(batch_id, []))
    return {"rounds": sum(races.wins.values())} | dict(sorted(races.wins.items())), ledger
