"""Who deploys and asks, over Kernel's routes: everything again, under its key, until it is acknowledged.

deploy ──▶ 201 · batch, single ──▶ 202 ──▶ now and then the same once more: the same answer
"""

from __future__ import annotations

import asyncio
import itertools
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import httpx
import msgspec

from soak.hosted_app import ACTION, APP, archive

if TYPE_CHECKING:
    import random
    from collections.abc import Mapping, Sequence

    from soak.report import Ledger

__all__ = ["Asked", "Owner"]

ANSWERED: Final = "what is asked for is acknowledged or cut off, never refused"
SAME: Final = "the same key has the same answer"
_AGAIN: Final = 0.1
_BACKLOG: Final = 300
"""Items that one lane lets wait."""


class Asked(NamedTuple):
    """`id` of a batch job, or of an invocation; `numbers` of its payloads."""

    id: str
    numbers: range
    single: bool


class Owner:
    """On one loop. `asked` and `deployed` are what was acknowledged, in order."""

    def __init__(
        self,
        ledger: Ledger,
        urls: Sequence[str],
        secret: str,
        dice: random.Random,
        *,
        env: Mapping[str, str],
    ) -> None:
        self.asked: list[Asked] = []
        self.deployed: list[str] = []
        self.repeats = 0
        self._ledger = ledger
        self._urls = urls
        self._dice = dice
        self._env = dict(env)
        self._next = itertools.count()
        self._version = 0
        self._number = 0
        self._told = asyncio.Event()
        self.client = httpx.AsyncClient(headers={"authorization": f"Bearer {secret}"}, timeout=60)

    @property
    def version(self) -> int:
        """That was deployed last."""
        return self._version

    def no_more(self) -> None:
        self._told.set()

    async def deploy(self) -> str:
        """Its id. One whose answer is cut off may be there, and is sent again: then it is there twice."""
        self._version += 1
        form = {"entrypoint_rel_path": "main.py", **{f"env_vars[{name}]": text for name, text in self._env.items()}}
        files = {"file": ("app.zip", archive(self._version), "application/zip")}
        made = await self._until("/deployments", 201, data=form, files=files)
        self.deployed.append(made["id"])
        return str(made["id"])

    async def ask(self) -> None:
        """One thing after the other, until there shall be no more."""
        while not self._told.is_set():
            if self._dice.random() < 0.5:
                await self._batch()
            else:
                await asyncio.gather(*(self._single() for _ in range(self._dice.randint(1, 6))))

    async def built(self, deployment: str) -> None:
        """Or not going to be."""
        while True:
            if (await self.show(f"/deployments/{deployment}"))["status"] not in ("queued", "in_progress"):
                return
            await asyncio.sleep(_AGAIN)

    async def deployments(self) -> list[dict[str, Any]]:
        return [await self.show(f"/deployments/{one}") for one in self.deployed]

    async def show(self, path: str) -> Any:
        return await self._until(path, 200, method="GET")

    async def invoke(self) -> Any:
        """Waits for its end."""
        body = msgspec.json.encode({"app_name": APP, "action_name": ACTION, "payload": self._payload(0)})
        return await self._until("/invocations", 200, content=body, headers=self._headers())

    async def _batch(self) -> None:
        numbers = self._numbers(self._dice.choice((20, 100, 300)))
        body: dict[str, Any] = {"app_name": APP, "action_name": ACTION, "payloads": list(map(self._payload, numbers))}
        if self._dice.random() < 0.3:
            body["max_concurrency"] = self._dice.randint(1, 3)
        made = await self._once("/invocations/batch", body, "batch_job_id")
        self.asked.append(Asked(made, numbers, single=False))
        left = len(numbers)
        while left > _BACKLOG // 10 and not self._told.is_set():
            job = await self.show(f"/batch_jobs/{made}")
            left = job["total_count"] - job["succeeded_count"] - job["failed_count"]
            await asyncio.sleep(0.2)

    async def _single(self) -> None:
        numbers = self._numbers(1)
        body = {"app_name": APP, "action_name": ACTION, "payload": self._payload(numbers[0]), "async": True}
        self.asked.append(Asked(await self._once("/invocations", body, "id"), numbers, single=True))

    async def _once(self, path: str, body: dict[str, Any], name: str) -> str:
        how: dict[str, Any] = {"content": msgspec.json.encode(body), "headers": self._headers()}
        made = (await self._until(path, 202, **how))[name]
        if self._dice.random() < 0.2:
            self.repeats += 1
            again = (await self._until(path, 202, **how))[name]
            self._ledger.expect(SAME, again == made, f"{path}: {made}, then {again}")
        return str(made)

    async def _until(self, path: str, status: int, *, method: str = "POST", **how: Any) -> Any:
        while True:
            url = f"{self._dice.choice(self._urls)}/kernel{path}"
            try:
                answer = await self.client.request(method, url, **how)
            except httpx.HTTPError:
                await asyncio.sleep(_AGAIN)
                continue
            later = answer.status_code in (500, 503)
            fine = later or answer.status_code == status
            self._ledger.expect(ANSWERED, fine, f"{method} {path}: {answer.status_code} {answer.text[:300]}")
            if not later:
                answer.raise_for_status()
                return answer.json()
            await asyncio.sleep(_AGAIN)

    def _headers(self) -> dict[str, str]:
        return {"content-type": "application/json", "idempotency-key": f"soak-{next(self._next)}"}

    def _numbers(self, count: int) -> range:
        found = range(self._number, self._number + count)
        self._number += count
        return found

    def _payload(self, number: int) -> str:
        seconds = self._dice.uniform(0.2, 0.8) if self._dice.random() < 0.03 else 0.0
        return msgspec.json.encode({"n": number, "seconds": seconds}).decode()
