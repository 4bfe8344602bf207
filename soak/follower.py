"""Followers that are cut and go on elsewhere, and check every number that they are told.

0 ──▶ settled from 0 ──▶ … ✂ ──▶ another server, Last-Event-ID ──▶ settled from there ──▶ … ──▶ end
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

import msgspec

from soak.event_frames import Frames
from soak.raw_http import Broken, Wire, request
from stook.core.states import State

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

    from soak.event_frames import Frame
    from soak.report import Ledger

__all__ = ["BatchFollower", "EventFollower"]

SILENT: Final = 25.0
"""Seconds without even a beat."""
GAPLESS: Final = "followers hear of each outcome once, in order, without a gap"
REFUSED: Final = "followers are answered, or cut; never refused"
_AGAIN: Final = 0.1


class _Follower:
    """`cuts`: how often it was cut, by itself or because its server died."""

    def __init__(self, ledger: Ledger, urls: Sequence[str], secret: str, path: str, dice: random.Random) -> None:
        self.ledger = ledger
        self.cuts = 0
        self.switches = 0
        self.ended = False
        self.cursor = 0
        self._urls = urls
        self._path = path
        self._dice = dice
        self._last: str | None = None
        self._url = dice.choice(urls)
        self._headers = {"authorization": f"Bearer {secret}"}

    async def follow(self, most: int | None) -> None:
        """Until the end, or the server's; or until `most` bytes have come: then the connection is cut, wherever in a
        frame that is."""
        before, self._url = self._url, self._dice.choice(self._urls)
        self.switches += before != self._url
        headers = self._headers if self._last is None else self._headers | {"last-event-id": self._last}
        try:
            async with await Wire.open(self._url) as wire:
                await wire.send(request("GET", self._path, headers))
                async with asyncio.timeout(SILENT):
                    head = await wire.head()
                if head.status != 200:
                    later = head.status == 503
                    body = await wire.body()
                    self.ledger.expect(REFUSED, later, f"{self._path} after {self._last}: {head.status} {body[:300]!r}")
                    await asyncio.sleep(_AGAIN)
                    return
                await self._read(wire, most)
        except TimeoutError:
            self.ledger.wrong(REFUSED, f"{self._path}: no beat for {SILENT:g} seconds from {self._url}")
        except (Broken, OSError):
            await asyncio.sleep(_AGAIN)
        self.cuts += not self.ended

    async def _read(self, wire: Wire, most: int | None) -> None:
        frames, left = Frames(), most
        pieces = aiter(wire.pieces())
        while True:
            async with asyncio.timeout(SILENT):
                piece = await anext(pieces, None)
            if piece is None:
                return
            for frame in frames.feed(piece if left is None else piece[:left]):
                self._hear(frame)
            if left is not None:
                left -= len(piece)
            if self.ended or (left is not None and left <= 0):
                return

    def _hear(self, frame: Frame) -> None:
        raise NotImplementedError

    def _wrong(self, frame: Frame, problem: str) -> None:
        told = f"{self._path} at {self._url}, after {self._last}: {frame.event} {frame.id} {problem}"
        self.ledger.wrong(GAPLESS, told)


class BatchFollower(_Follower):
    """`heard`: (index, state) by settle number."""

    def __init__(
        self, ledger: Ledger, urls: Sequence[str], secret: str, batch: str, dice: random.Random, *, results: bool
    ) -> None:
        path = f"/api/v1/batches/{batch}/follow?after=0&results={str(results).lower()}"
        super().__init__(ledger, urls, secret, path, dice)
        self.batch = batch
        self.heard: list[tuple[int, State]] = []

    def _hear(self, frame: Frame) -> None:
        body: dict[str, Any] = msgspec.json.decode(frame.data)
        match frame.event:
            case "settled":
                self._settled(frame, body)
            case "snapshot" | "progress" | "end":
                if frame.id != str(self.cursor):
                    self._wrong(frame, f"while the cursor is {self.cursor}")
                if frame.event == "end":
                    self.ended = True
                    if body["settled"] != self.cursor:
                        self._wrong(frame, f"after {self.cursor} of {body['settled']} outcomes")
            case "error" if body["error"]["code"] == "store_unavailable":
                return
            case _:
                self._wrong(frame, repr(frame.data[:200]))
        self._last = frame.id

    def _settled(self, frame: Frame, body: dict[str, Any]) -> None:
        numbers = [one["settle"] for one in body["items"]]
        self.ledger.looked(GAPLESS, len(numbers))
        if body["from"] != self.cursor or numbers != list(range(body["from"], body["to"])) or not numbers:
            self._wrong(frame, f"from {body['from']} to {body['to']} with {numbers[:3]}…, expected {self.cursor}")
        if frame.id != str(body["to"]):
            self._wrong(frame, f"has not the cursor {body['to']}")
        self.cursor = body["to"]
        self.heard.extend((one["index"], State[one["state"]]) for one in body["items"])

    def check(self, outcomes: Sequence[tuple[int, State]]) -> None:
        """What was heard is what the store remembers, all of it."""
        what = "what followers heard is what the store remembers"
        self.ledger.looked(what, len(outcomes))
        if self.heard != outcomes:
            pairs = zip(self.heard, outcomes, strict=False)
            place = next((number for number, (one, other) in enumerate(pairs) if one != other), len(self.heard))
            problem = f"{len(self.heard)} heard, {len(outcomes)} there, different from number {place}"
            self.ledger.wrong(what, f"{self._path}: {problem}")


class EventFollower(_Follower):
    """Of all events of a project, from the first. It never ends by itself. `heard`: the events' numbers."""

    def __init__(self, ledger: Ledger, urls: Sequence[str], secret: str, dice: random.Random) -> None:
        super().__init__(ledger, urls, secret, "/api/v1/follow?after=0", dice)
        self.heard: list[int] = []

    def _hear(self, frame: Frame) -> None:
        if frame.event == "event":
            number = int(frame.id or 0)
            if number <= self.cursor:
                self._wrong(frame, f"while the cursor is {self.cursor}")
            self.cursor = number
            self.heard.append(number)
        elif frame.event == "error":
            return
        elif frame.event != "snapshot":
            self._wrong(frame, repr(frame.data[:200]))
        self._last = frame.id or self._last

    def check(self, events: Sequence[int]) -> None:
        """`events`: the numbers that there are."""
        what = "the project's followers hear of each event once, in order"
        self.ledger.looked(what, len(events))
        if self.heard != events:
            missing = sorted(set(events) - set(self.heard))
            more = len(self.heard) - len(set(self.heard))
            self.ledger.wrong(what, f"{len(missing)} of {len(events)} missing: {missing[:5]}; {more} heard twice")
