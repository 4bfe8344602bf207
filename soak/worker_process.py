"""A worker that writes down what it claims: `python -m soak.worker_process --url URL --serial N …`, until SIGTERM.

Exits with 1 when the worker could not go on.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from soak.journal import Journal, offsets_text
from soak.lifeline import hold, ready, told_to_end
from soak.tasks import FOLDER, LOAD, SERIAL, app
from stook.config.settings import read_settings
from stook.wiring.session import open_session

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stook.worker.source import Claim, Claimed, Renewed, Settled, Settlement, Source

__all__ = ["WrittenDown", "main"]


class WrittenDown:
    """A source that notes what passes through it. A claim is noted before anything of it can start."""

    def __init__(self, inner: Source, journal: Journal) -> None:
        self._inner = inner
        self._journal = journal

    async def claim(self, claim: Claim) -> Claimed:
        claimed = await self._inner.claim(claim)
        lease = round(claim.lease * 1_000_000)
        for one in claimed.slices:
            self._journal.line(
                "C",
                one.token,
                one.batch_id.hex(),
                one.first,
                one.attempt,
                one.round,
                one.lease_until - lease,
                offsets_text(one.offsets),
            )
        return claimed

    async def settle(self, settlements: Sequence[Settlement]) -> Settled:
        settled = await self._inner.settle(settlements)
        if not settled.stale:
            for one in settlements:
                if one.offsets and one.token not in settled.lost:
                    self._journal.line("S", one.token, offsets_text(one.offsets))
        return settled

    def renew(self, worker: str, tokens: Sequence[int], lease: float) -> Renewed:
        return self._inner.renew(worker, tokens, lease)

    async def wait(self, tasks: Sequence[str], timeout: float) -> bool:
        return await self._inner.wait(tasks, timeout)


async def main(options: argparse.Namespace) -> int:
    folder = Path(options.folder)
    os.environ[FOLDER], os.environ[SERIAL] = options.folder, options.serial
    told = told_to_end()
    settings = read_settings(url=options.url, project=options.project, lease_seconds=options.lease)
    tasks = {}
    for name in options.tasks.split(","):
        processes = name.endswith(".process")
        if not processes or options.processes:
            tasks[name] = app.tasks[name].definition(processes=processes)
    async with open_session(settings) as session:
        source = WrittenDown(session.new_source(), Journal(folder / f"claims-{options.serial}"))
        session.new_source = lambda: source  # type: ignore[method-assign,assignment,return-value]
        async with session.working(
            tasks, concurrency=options.concurrency, processes=options.processes or None, grace=options.grace
        ) as runtime:
            ready()
            while runtime.failure is None and not told.is_set():
                try:
                    await asyncio.wait_for(told.wait(), 0.2)
                except TimeoutError:
                    continue
        if runtime.failure is not None:
            print(f"the worker failed: {runtime.failure!r}", file=sys.stderr)
            return 1
    return 0


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m soak.worker_process")
    parser.add_argument("--url", required=True)
    parser.add_argument("--project", required=True)
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
