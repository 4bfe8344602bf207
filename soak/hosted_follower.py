"""Followers of Kernel's streams of a batch job: each stream begins anew, none goes back behind another."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, Final

import httpx

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

    from soak.report import Ledger

__all__ = ["JobFollower"]

COUNTS: Final = "Kernel's followers hear of no count that decreases, and of the end once, as the last"
_AGAIN: Final = 0.1


class JobFollower:
    """`last` is the job as it ended."""

    def __init__(self, ledger: Ledger, urls: Sequence[str], secret: str, job: str, dice: random.Random) -> None:
        self.cuts = 0
        self.last: dict[str, Any] | None = None
        self._ledger = ledger
        self._urls = urls
        self._headers = {"authorization": f"Bearer {secret}"}
        self._job = job
        self._dice = dice
        self._counts = (0, 0)

    async def follow(self) -> None:
        """To the end, whoever dies meanwhile."""
        async with httpx.AsyncClient(headers=self._headers, timeout=30) as client:
            while self.last is None:
                try:
                    await self._stream(client)
                except httpx.HTTPError:
                    await asyncio.sleep(_AGAIN)
                self.cuts += self.last is None

    async def _stream(self, client: httpx.AsyncClient) -> None:
        url = f"{self._dice.choice(self._urls)}/kernel/batch_jobs/{self._job}/events"
        most = self._dice.choice((1, 3, 10, 10**9, 10**9))
        async with client.stream("GET", url) as answer:
            if answer.status_code >= 500:
                await asyncio.sleep(_AGAIN)
                return
            answer.raise_for_status()
            async for line in answer.aiter_lines():
                if line.startswith("data: "):
                    self._hear(json.loads(line[6:]))
                    most -= 1
                if most == 0 and self.last is None:
                    return

    def _hear(self, event: dict[str, Any]) -> None:
        self._ledger.expect(COUNTS, self.last is None, f"{self._job}: {event} behind the end")
        if event["event"] not in ("batch_state", "batch_progress"):
            return
        job = event.get("batch_job", event)
        counts = job["succeeded_count"], job["failed_count"]
        behind = counts[0] < self._counts[0] or counts[1] < self._counts[1]
        self._ledger.expect(COUNTS, not behind, f"{self._job}: {self._counts}, then {counts}")
        self._counts = counts
        if event["event"] == "batch_state" and job["status"] not in ("queued", "running"):
            self.last = job
