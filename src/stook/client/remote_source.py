"""Work for workers that have nothing but HTTP: `stook.worker.source.Source` over a server's `/api/v1/worker`.

    loop     claim, settle, remember, wait ──▶ one client          thread   renew ──▶ a client of its own

What a server cannot answer now is `StoreUnavailable`, and is tried again by whoever asked; a key that it refuses is a
`StoreError`, which ends the worker.
"""

from __future__ import annotations

import asyncio
import secrets
from typing import TYPE_CHECKING, Final

import httpx

from stook.client.address import read_address
from stook.client.outcome_bodies import MOST, outcome_bodies
from stook.client.server_answer import checked, no_answer
from stook.client.transport import authorities
from stook.core.errors import StoreError, StoreUnavailable, UnsupportedByBackend
from stook.core.secret_text import check_chosen
from stook.core.work import Renewed, Settled
from stook.wire.work import (
    MSGPACK,
    ClaimWork,
    KeepLogs,
    Remembered,
    RememberWork,
    RenewLeases,
    SeeWorker,
    SettleWork,
    Waited,
    WaitForWork,
    WorkerGone,
    pack,
    unpack,
    unpacked_work,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from stook.core.log import AttemptLogs
    from stook.core.outcome import Settlement
    from stook.core.work import Claim, Claimed, Remember
    from stook.wire.work import SeeTask

__all__ = ["RemoteSource"]

PATIENCE: Final = 30.0
"""Seconds that an answer may take, or the next piece of it."""
CONNECT: Final = 10.0
POLL: Final = 20.0
"""Seconds that a request for news stays open: less than what proxies close by themselves."""
_ABSENT: Final = frozenset({404, 405})
_MOST_WRITES: Final = 10_000
_ROW: Final = 64
"""Bytes around a write."""
SHORT: Final = 0.05
"""Seconds; nobody is asked for news for less."""


class RemoteSource:
    """Implements `stook.worker.source.Source`; made, used (but for `renew`) and closed on one loop.

    `refused` is set once the server refuses the key: nothing will work any more.
    """

    def __init__(self, server: str, key: str) -> None:
        self.server = read_address(server, key, {}).url
        check_chosen(key)
        base = f"{self.server}/api/v1/worker/"
        headers = {"authorization": f"Bearer {key}", "content-type": MSGPACK}
        self._client = httpx.AsyncClient(
            base_url=base, headers=headers, verify=authorities(), timeout=httpx.Timeout(PATIENCE, connect=CONNECT)
        )
        self._side = httpx.Client(base_url=base, headers=headers, verify=authorities())
        self._unanswered: dict[tuple[str, ...], str] = {}
        self._polls: dict[tuple[str, ...], asyncio.Task[bool]] = {}
        self._mark = ""
        """Of the first claim since the last request for news."""
        self.refused: StoreError | None = None

    async def see(self, worker: str, host: str, process: str, tasks: list[SeeTask], known: Sequence[str] = ()) -> None:
        """Says that the worker lives, and what its tasks are; `known` as in `SeeWorker`."""
        seen = SeeWorker(worker=worker, host=host, process=process, tasks=tasks, known=list(known))
        await self._post("seen", seen)

    async def forget(self, worker: str) -> None:
        """Says that the worker has ended and holds nothing."""
        await self._post("gone", WorkerGone(worker=worker))

    # --------------------------------------------------------------------------------------------- for the worker

    async def claim(self, claim: Claim) -> Claimed:
        """A claim whose answer did not come is asked for again under the same number: what it may have been given is
        not given twice, and not left lying."""
        tasks = tuple(claim.tasks)
        request = self._unanswered.setdefault(tasks, secrets.token_hex(8))
        asked = ClaimWork(
            request=request,
            worker=claim.worker,
            tasks=list(tasks),
            items=claim.items,
            idle=claim.idle,
            lease=claim.lease,
            slices=claim.slices,
            hurried=claim.hurried,
        )
        claimed, mark = unpacked_work(await self._post("claim", asked))
        del self._unanswered[tasks]
        self._mark = self._mark or mark
        return claimed

    async def settle(self, settlements: Sequence[Settlement]) -> Settled:
        """In as many requests as it takes. What was settled before one of them failed is `lost` or `stale` when all is
        sent again."""
        lost: list[int] = []
        closed: list[bytes] = []
        stale = 0
        for body in outcome_bodies(settlements):
            part = unpack(await self._post("settle", SettleWork(body)), Settled)
            lost.extend(part.lost)
            closed.extend(part.closed)
            stale += part.stale
        return Settled(lost, stale, closed)

    def renew(self, worker: str, tokens: Sequence[int], lease: float) -> Renewed:  # noqa: ARG002 - tokens say it all
        body = pack(RenewLeases(tokens=list(tokens), lease=lease))
        patience = min(CONNECT, max(1.0, lease / 4)) if lease else CONNECT
        try:
            response = self._side.post("renew", content=body, timeout=patience)
        except httpx.HTTPError as error:
            raise no_answer(self.server, error) from error
        return unpack(self._content(response), Renewed)

    async def remember(self, writes: Sequence[Remember]) -> Sequence[int]:
        """In as many requests as it takes; what is sent twice is stored once. `UnsupportedByBackend` where the server
        is older than durable executions."""
        lost: list[int] = []
        for body in _remember_bodies(writes):
            try:
                raw = await self.ask("remember", RememberWork(writes=body))
            except LookupError:
                raise UnsupportedByBackend(
                    f"the server at {self.server} does not store steps", hint="it is older than this worker"
                ) from None
            lost.extend(unpack(raw, Remembered).lost)
        return lost

    async def keep_logs(self, logs: Sequence[AttemptLogs]) -> None:
        await self._post("logs", KeepLogs(logs=list(logs)))

    async def wait(self, tasks: Sequence[str], timeout: float) -> bool:
        """The request for news outlives who waits for it: what it brings meanwhile is the next one's."""
        if timeout < SHORT:
            await asyncio.sleep(timeout)
            return False
        names = tuple(tasks)
        poll = self._polls.get(names)
        if poll is None:
            poll = self._polls[names] = asyncio.create_task(self._news(names), name="stook-news")
            poll.add_done_callback(_seen)
        await asyncio.wait({poll}, timeout=timeout)
        if not poll.done():
            return False
        del self._polls[names]
        return poll.result()

    async def ask(self, path: str, made: object) -> bytes:
        """The answer to a request that an older server does not know: then `LookupError`."""
        return await self._post(path, made, absent=True)

    async def close(self) -> None:
        for poll in self._polls.values():
            poll.cancel()
        await asyncio.gather(*self._polls.values(), return_exceptions=True)
        self._polls.clear()
        await self._client.aclose()
        self._side.close()

    # ------------------------------------------------------------------------------------------------------ inside

    async def _news(self, tasks: tuple[str, ...]) -> bool:
        since, self._mark = self._mark, ""
        asked = WaitForWork(tasks=list(tasks), since=since, timeout=POLL)
        return unpack(await self._post("wait", asked, POLL + CONNECT), Waited).news

    async def _post(self, path: str, made: object, patience: float = PATIENCE, *, absent: bool = False) -> bytes:
        """With `absent`, `LookupError` where the server has no such address."""
        timeout = httpx.Timeout(patience, connect=CONNECT)
        try:
            response = await self._client.post(path, content=pack(made), timeout=timeout)
        except httpx.HTTPError as error:
            raise no_answer(self.server, error) from error
        if absent and response.status_code in _ABSENT:
            raise LookupError(path)
        return self._content(response)

    def _content(self, response: httpx.Response) -> bytes:
        try:
            return checked(self.server, response)
        except StoreUnavailable:
            raise
        except StoreError as error:
            self.refused = error
            raise


def _remember_bodies(writes: Sequence[Remember]) -> Iterator[list[Remember]]:
    body: list[Remember] = []
    size = 0
    for one in writes:
        weight = sum(len(memo.key) + len(memo.value) for memo in one.memos) + _ROW
        if body and (size + weight > MOST or len(body) == _MOST_WRITES):
            yield body
            body, size = [], 0
        body.append(one)
        size += weight
    if body:
        yield body


def _seen(poll: asyncio.Task[bool]) -> None:
    """An error that nobody came for is no news either."""
    if not poll.cancelled():
        poll.exception()
