"""A worker that writes down what it claims, beside the store or, with --server, far from it:
`python -m soak.worker_process --url URL --serial N …`, until SIGTERM.

Exits with 1 when the worker could not go on.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from soak.journal import Journal, offsets_text
from soak.lifeline import hold, ready, told_to_end
from soak.tasks import FOLDER, LOAD, SERIAL, app
from stook.client.remote_source import RemoteSource
from stook.config.settings import read_settings
from stook.core.errors import StoreUnavailable
from stook.wiring import remote_work
from stook.wiring.session import open_session

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from stook.wiring.remote_work import RemoteWorker
    from stook.worker.definition import TaskDefinition
    from stook.worker.runtime import WorkerRuntime
    from stook.worker.source import Claim, Claimed, Renewed, Settled, Settlement, Source

__all__ = ["WrittenDown", "main"]

_AGAIN = 0.3


class WrittenDown:
    """A source that notes what passes through it. A claim is noted before anything of it can start."""

    def __init__(self, inner: Source, journal: Journal) -> None:
        self._inner = inner
        self._journal = journal

    async def claim(self, claim: Claim) -> Claimed:
        claimed = await self._inner.claim(claim)
        _note_claimed(self._journal, claim, claimed)
        return claimed

    async def settle(self, settlements: Sequence[Settlement]) -> Settled:
        settled = await self._inner.settle(settlements)
        _note_settled(self._journal, settlements, settled)
        return settled

    def renew(self, worker: str, tokens: Sequence[int], lease: float) -> Renewed:
        return self._inner.renew(worker, tokens, lease)

    async def wait(self, tasks: Sequence[str], timeout: float) -> bool:
        return await self._inner.wait(tasks, timeout)


class WrittenDownAfar(RemoteSource):
    """The same, of one that has its work over HTTP."""

    def __init__(self, server: str, key: str, journal: Journal) -> None:
        super().__init__(server, key)
        self._journal = journal

    async def claim(self, claim: Claim) -> Claimed:
        claimed = await super().claim(claim)
        _note_claimed(self._journal, claim, claimed)
        return claimed

    async def settle(self, settlements: Sequence[Settlement]) -> Settled:
        settled = await super().settle(settlements)
        _note_settled(self._journal, settlements, settled)
        return settled


def _note_claimed(journal: Journal, claim: Claim, claimed: Claimed) -> None:
    lease = round(claim.lease * 1_000_000)
    for one in claimed.slices:
        at, offsets = one.lease_until - lease, offsets_text(one.offsets)
        journal.line("C", one.token, one.batch_id.hex(), one.first, one.attempt, one.round, at, offsets)


def _note_settled(journal: Journal, settlements: Sequence[Settlement], settled: Settled) -> None:
    if not settled.stale:
        for one in settlements:
            if one.offsets and one.token not in settled.lost:
                journal.line("S", one.token, offsets_text(one.offsets))


@contextlib.asynccontextmanager
async def _beside(
    options: argparse.Namespace, tasks: Mapping[str, TaskDefinition], journal: Journal
) -> AsyncIterator[WorkerRuntime]:
    settings = read_settings(url=options.url, project=options.project, lease_seconds=options.lease)
    async with open_session(settings) as session:
        source = WrittenDown(session.new_source(), journal)
        session.new_source = lambda: source  # type: ignore[method-assign,assignment,return-value]
        async with session.working(
            tasks, concurrency=options.concurrency, processes=options.processes or None, grace=options.grace
        ) as runtime:
            yield runtime


@contextlib.asynccontextmanager
async def _afar(
    options: argparse.Namespace, tasks: Mapping[str, TaskDefinition], journal: Journal, told: asyncio.Event
) -> AsyncIterator[RemoteWorker | None]:
    """None if it was told to end while no server answered."""
    remote_work.open_source = lambda server, key: WrittenDownAfar(server, key, journal)
    async with contextlib.AsyncExitStack() as leaving:
        worker = None
        while worker is None and not told.is_set():
            with contextlib.suppress(StoreUnavailable):
                worker = await leaving.enter_async_context(
                    remote_work.working_from_afar(
                        options.server,
                        options.key,
                        tasks,
                        concurrency=options.concurrency,
                        processes=options.processes or None,
                        lease=options.lease,
                        grace=options.grace,
                    )
                )
                break
            await asyncio.sleep(_AGAIN)
        yield worker


async def main(options: argparse.Namespace) -> int:
    folder = Path(options.folder)
    os.environ[FOLDER], os.environ[SERIAL] = options.folder, options.serial
    told = told_to_end()
    tasks = {}
    for name in options.tasks.split(","):
        processes = name.endswith(".process")
        if not processes or options.processes:
            tasks[name] = app.tasks[name].definition(processes=processes)
    journal = Journal(folder / f"claims-{options.serial}")
    working = _afar(options, tasks, journal, told) if options.server else _beside(options, tasks, journal)
    async with working as worker:
        ready()
        while worker is not None and worker.failure is None and not told.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(told.wait(), 0.2)
    if worker is not None and worker.failure is not None:
        print(f"the worker failed: {worker.failure!r}", file=sys.stderr)
        return 1
    return 0


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m soak.worker_process")
    parser.add_argument("--url")
    parser.add_argument("--project")
    parser.add_argument("--server")
    parser.add_argument("--key")
    parser.add_argument("--serial", required=True)
    parser.add_argument("--folder", required=True)
    parser.add_argument("--tasks", default=",".join(LOAD))
    parser.add_argument("--lease", type=float, default=3.0)
    parser.add_argument("--concurrency", type=int, default=8)
    parser.add_argument("--processes", type=int, default=0)
    parser.add_argument("--grace", type=float, default=5.0)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    hold()
    sys.exit(asyncio.run(main(parse())))
