"""One of two that want the same: `python -m soak.race_process --url URL …` does what each line on its input says.

Request in, Answer out, a JSON object a line. Ends with its input.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
from typing import TYPE_CHECKING, Literal, assert_never

import msgspec

from soak.journal import now
from stook.config.settings import read_settings
from stook.core.errors import Conflict
from stook.core.outcome import Settlement
from stook.core.work import Claim
from stook.store.script.sweep import expire_leases
from stook.wiring.session import open_session

if TYPE_CHECKING:
    from stook.core.work import Slice
    from stook.wiring.session import Session

__all__ = ["Answer", "Request", "main"]

BITE = 4


class Request(msgspec.Struct, kw_only=True):
    """The first item at `at` (the machine's clock), the next `pace` later, and so on, each up to `jitter` late; all in
    microseconds. So both are at the same item at the same time, again and again.

    hold      claims `items` and keeps them          settle    each of those, alone
    drain     claims a few and settles them, until nothing is left
    cancel    each of `items`, alone                 stop      cancels the batch, once
    inherit   takes back lapsed leases, claims what they held and settles it, until the batch has ended
    """

    do: Literal["hold", "settle", "drain", "cancel", "stop", "inherit"]
    task: str
    batch: str
    items: list[int]
    at: int = 0
    pace: int = 0
    jitter: int = 0
    lease: float = 60.0
    hard: bool = False


class Answer(msgspec.Struct):
    """By item: held, accepted, lost, stale, ended, asked or passed; of `stop` under -1: stopped or over."""

    items: dict[int, str] = msgspec.field(default_factory=dict)


class Racer:
    def __init__(self, session: Session, name: str) -> None:
        self._session = session
        self._source = session.new_source()
        self._name = name
        self._held: list[Slice] = []
        self._dice = random.Random()
        self._turn = 0

    async def act(self, request: Request) -> Answer:
        answer = Answer()
        self._turn = 0
        match request.do:
            case "hold":
                await self._hold(request, answer)
            case "settle":
                await self._settle(request, answer)
            case "drain":
                await self._drain(request, answer)
            case "cancel":
                await self._cancel(request, answer)
            case "stop":
                await self._stop(request, answer)
            case "inherit":
                await self._inherit(request, answer)
            case _:
                assert_never(request.do)
        return answer

    async def _claim(self, request: Request, items: int) -> list[Slice]:
        claimed = await self._source.claim(
            Claim(worker=self._name, tasks=[request.task], items=items, idle=True, lease=request.lease)
        )
        return claimed.slices

    async def _hold(self, request: Request, answer: Answer) -> None:
        self._held = await self._claim(request, len(request.items))
        answer.items.update((one.first + offset, "held") for one in self._held for offset in one.offsets)

    async def _settle(self, request: Request, answer: Answer) -> None:
        for one in self._held:
            for offset in one.offsets:
                await self._pause(request)
                result = b'{"by":"%s"}' % self._name.encode()
                settled = await self._source.settle([Settlement(one.token, one.batch_id, [offset], [result], [1])])
                word = "lost" if settled.lost else "stale" if settled.stale else "accepted"
                answer.items[one.first + offset] = word
        self._held = []

    async def _drain(self, request: Request, answer: Answer) -> None:
        while True:
            self._held = await self._claim(request, BITE)
            if not self._held:
                return
            await self._settle(request, answer)

    async def _cancel(self, request: Request, answer: Answer) -> None:
        for index in request.items:
            await self._pause(request)
            said = await self._session.engine.cancel_items(bytes.fromhex(request.batch), [index])
            answer.items[index] = "ended" if said.ended else "asked" if said.asked else "passed"

    async def _stop(self, request: Request, answer: Answer) -> None:
        await self._pause(request)
        try:
            await self._session.engine.cancel(bytes.fromhex(request.batch), hard=request.hard)
        except Conflict:
            answer.items[-1] = "over"
        else:
            answer.items[-1] = "stopped"

    async def _inherit(self, request: Request, answer: Answer) -> None:
        while not (await self._session.engine.show(bytes.fromhex(request.batch))).state.terminal:
            await self._session.store.write(expire_leases)
            await self._drain(request, answer)

    async def _pause(self, request: Request) -> None:
        due = request.at + self._turn * request.pace + self._dice.randint(0, request.jitter)
        self._turn += 1
        await asyncio.sleep(max(0, due - now()) / 1_000_000)


async def main(options: argparse.Namespace) -> None:
    decode = msgspec.json.Decoder(Request).decode
    async with open_session(read_settings(url=options.url, project=options.project)) as session:
        racer = Racer(session, options.name)
        while line := await asyncio.to_thread(sys.stdin.buffer.readline):
            answer = await racer.act(decode(line))
            sys.stdout.buffer.write(msgspec.json.encode(answer) + b"\n")
            sys.stdout.buffer.flush()


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m soak.race_process")
    parser.add_argument("--url", required=True)
    parser.add_argument("--project", required=True)
    parser.add_argument("--name", required=True)
    return parser.parse_args()


if __name__ == "__main__":
    asyncio.run(main(parse()))
