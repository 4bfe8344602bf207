"""Submits one batch after another over HTTP, through whichever server answers, each under its key until it is
acknowledged: `python -m soak.submitter_process --servers URL,URL --key KEY --lane N …`.

Killed in the middle of one, it goes on with the same one. At SIGTERM it ends between two batches, not before its first.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import httpx
import msgspec

from soak.journal import Journal, read_acked
from soak.lifeline import hold, ready, told_to_end
from soak.plan import plan_of, single_of
from stook.core.ids import batch_of, index_of, parse_id

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from soak.plan import Plan

__all__ = ["main"]

LIVE: Final = "open,queued,running,paused,cancelling"
SINGLE_TASKS: Final = ("soak.async", "soak.thread")
_AGAIN: Final = 0.2
_LATER: Final = (404, 408, 429, 503)
"""404: of a task whose worker has not come yet."""
Made = dict[str, Any]


class Refused(Exception):
    """An answer that no retry changes."""


class Submitter:
    def __init__(
        self, client: httpx.AsyncClient, journal: Journal, options: argparse.Namespace, told: asyncio.Event
    ) -> None:
        self._client = client
        self._journal = journal
        self._seed = options.seed
        self._servers = options.servers.split(",")
        self._tasks = tuple(options.tasks.split(","))
        self._backlog = options.backlog
        self._told = told
        self._dice = random.Random()

    async def batch(self, number: int) -> None:
        """Returns once it is sealed, by us or by who stopped it."""
        plan = plan_of(self._seed, number, self._tasks)
        way = random.Random(f"{self._seed}:{number}:way").choice((self._whole, self._lines, self._pieces, self._both))
        while True:
            try:
                made = await way(plan)
            except httpx.HTTPError:
                made = None
            if made is not None:
                self._journal.line("batch", number, parse_id(made["id"]).hex(), made["total"])
                return
            await asyncio.sleep(_AGAIN)

    async def _whole(self, plan: Plan) -> Made | None:
        body = {"items": plan.items(), **_options(plan)}
        return await self._submitted(plan, await self._post("batches", json=body, key=plan.key))

    async def _both(self, plan: Plan) -> Made | None:
        """The same at the same moment, from two senders: one batch for one key."""
        body = {"items": plan.items(), **_options(plan)}
        answers = await asyncio.gather(
            *(self._post("batches", json=body, key=plan.key, server=server) for server in (*self._servers, None)),
            return_exceptions=True,
        )
        found = [await self._submitted(plan, one) for one in answers if isinstance(one, httpx.Response)]
        made = [one for one in found if one is not None]
        if len({one["id"] for one in made}) > 1:
            raise Refused(f"{plan.key} stands for more than one batch: {made}")
        return made[0] if made else None

    async def _lines(self, plan: Plan) -> Made | None:
        options = {name: _word(value) for name, value in _options(plan).items() if value is not None}
        answer = await self._post("batches", params=options, content=_stream(plan, self._dice), key=plan.key)
        return await self._submitted(plan, answer)

    async def _pieces(self, plan: Plan) -> Made | None:
        """Opened, filled bite by bite from where the last one got to, sealed."""
        times = {name: getattr(plan, name) for name in ("delay", "expires_in")}
        opening = {name: value for name, value in _options(plan).items() if name not in times} | {"open": True}
        made = await self._submitted(plan, await self._post("batches", json=opening, key=plan.key))
        if made is None or made["sealed_at"]:
            return made
        items, at = plan.items(), made["consumed"]
        words = {name: value for name, value in times.items() if value is not None}
        while at < len(items):
            bite = items[at : at + self._dice.choice((7, 100, 700, 3000))]
            answer = await self._post(
                f"batches/{made['id']}/items", params={"offset": at, **words}, json={"items": bite}
            )
            if answer.status_code == 409:
                problem = answer.json()["error"]
                if problem["code"] == "offset_mismatch" and problem["index"] is None:
                    at = problem["expected"]
                    continue
                return await self._submitted(plan, answer)
            if not answer.is_success:
                return await self._submitted(plan, answer)
            at = answer.json()["consumed"]
        return await self._submitted(plan, await self._post(f"batches/{made['id']}/seal"))

    async def _submitted(self, plan: Plan, answer: httpx.Response) -> Made | None:
        """None: try again. What somebody stopped has what it has."""
        if answer.is_success:
            made: Made = answer.json()
            return made
        if answer.status_code in _LATER:
            return None
        code = answer.json()["error"]["code"]
        if code in ("conflict", "key_conflict"):
            found = (await self._get("batches", name=plan.name)).get("data", [])
            mine: list[Made] = [one for one in found if one["name"] == plan.name]
            if mine and mine[0]["sealed_at"] and (code == "conflict" or not plan.calm):
                return mine[0]
            if code == "conflict":
                return None
        raise Refused(f"{plan.name}: {answer.status_code} {answer.text[:500]}")

    async def singles(self, number: int) -> None:
        """A few at once, in one commit most likely."""
        dice = random.Random(f"{self._seed}:{number}:singles")
        first = number * 10
        await asyncio.gather(*(self._single(first + place, dice) for place in range(dice.randint(0, 6))))

    async def _single(self, number: int, dice: random.Random) -> None:
        task = dice.choice([one for one in SINGLE_TASKS if one in self._tasks] or self._tasks)
        body = {"task": task, "payload": single_of(self._seed, number), "priority": dice.choice((0, 0, 3))}
        while True:
            try:
                answer = await self._post("executions", json=body, key=f"single-{self._seed}-{number}")
            except httpx.HTTPError:
                await asyncio.sleep(_AGAIN)
                continue
            if answer.is_success:
                raw = parse_id(answer.json()["id"])
                self._journal.line("single", number, batch_of(raw).hex(), index_of(raw))
                return
            if answer.status_code not in (409, *_LATER):
                raise Refused(f"single {number}: {answer.status_code} {answer.text[:500]}")
            await asyncio.sleep(_AGAIN)

    async def room(self) -> None:
        """Until fewer batches than the backlog are unfinished, or there will be no more."""
        while not self._told.is_set():
            live = (await self._get("batches", state=LIVE, limit=self._backlog)).get("data")
            if live is not None and len(live) < self._backlog:
                return
            await asyncio.sleep(0.1)

    async def _get(self, path: str, **query: Any) -> Made:
        try:
            answer = await self._client.get(self._url(path), params=query)
        except httpx.HTTPError:
            return {}
        return answer.json() if answer.is_success else {}

    async def _post(
        self, path: str, *, json: Any = None, key: str | None = None, server: str | None = None, **more: Any
    ) -> httpx.Response:
        headers = {} if key is None else {"idempotency-key": key}
        if "content" in more:
            headers["content-type"] = "application/x-ndjson"
        elif json is not None:
            headers["content-type"] = "application/json"
            more["content"] = msgspec.json.encode(json)
        return await self._client.post(self._url(path, server), headers=headers, **more)

    def _url(self, path: str, server: str | None = None) -> str:
        return f"{server or self._dice.choice(self._servers)}/api/v1/{path}"


def _options(plan: Plan) -> dict[str, Any]:
    names = ("task", "name", "priority", "max_concurrency", "delay", "expires_in", "deadline")
    return {name: getattr(plan, name) for name in names} | {"metadata": {"number": plan.number}}


def _word(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


async def _stream(plan: Plan, dice: random.Random) -> AsyncIterator[bytes]:
    """Lines, cut anywhere, with a pause now and then for somebody to be killed in."""
    data = b"".join(msgspec.json.encode(item) + b"\n" for item in plan.items())
    while data:
        size = dice.choice((100, 5000, 50_000))
        yield data[:size]
        data = data[size:]
        if dice.random() < 0.2:
            await asyncio.sleep(dice.uniform(0, 0.05))


async def main(options: argparse.Namespace) -> int:
    told = told_to_end()
    folder = Path(options.folder)
    done = {one.number for one in read_acked(folder) if one.kind == "batch"}
    number = options.lane
    while number in done:
        number += options.lanes
    headers = {"authorization": f"Bearer {options.key}"}
    async with httpx.AsyncClient(headers=headers, timeout=30) as client:
        submitter = Submitter(client, Journal(folder / f"acked-{options.lane}"), options, told)
        ready()
        while True:
            await submitter.batch(number)
            await submitter.singles(number)
            number += options.lanes
            await submitter.room()
            if told.is_set():
                return 0


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m soak.submitter_process")
    parser.add_argument("--servers", required=True)
    parser.add_argument("--key", required=True)
    parser.add_argument("--folder", required=True)
    parser.add_argument("--tasks", required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--lane", type=int, default=0)
    parser.add_argument("--lanes", type=int, default=1)
    parser.add_argument("--backlog", type=int, default=8)
    return parser.parse_args()


if __name__ == "__main__":
    hold()
    sys.exit(asyncio.run(main(parse())))
