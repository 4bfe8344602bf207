"""Where a worker's work comes from and where its outcomes go.

The runtime knows only this protocol: the engine implements it in-process, an HTTP client implements it from afar.

   claim ──▶ Slice (token, items of one chunk, attempt) ──▶ handlers ──▶ Settlement (same token) ──▶ settle
                │  renew(tokens) every quarter of the lease, from a thread of its own
                └─ a token that is no longer live: everything settled under it changes nothing (`lost`)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stook.core.policy import TaskPolicy

__all__ = ["Claim", "Claimed", "Renewed", "Settled", "Settlement", "Slice", "Source", "Trouble"]


class Slice(msgspec.Struct, gc=False):
    """Items of one chunk of one batch, claimed together under one token.

    `offsets` are positions within the chunk; `index` of an item is `first + offset`. `payload` is a JSON array of just
    these items' payloads in the order of `offsets`: byte-exact as submitted between its commas. Items whose payload
    lies in the blob store are already resolved.
    """

    token: int
    batch_id: bytes
    first: int
    offsets: Sequence[int]
    payload: bytes
    task: str
    attempt: int
    round: int
    priority: int
    policy: TaskPolicy
    created_at: int
    lease_until: int
    exclusive: bool = False
    """A suspect: run it alone, pull nothing else until it has settled."""
    closed: bool = False
    """For batched tasks: this slice is one group, joined by no other items (bisect, retry_singly)."""
    forced: str | None = None
    """For batched tasks: why the group closed when the claim closed it (size, timeout, retry, bisect)."""


class Claim(msgspec.Struct):
    """What a worker can take now. `tasks` by name. `items` is the most executions it wants in this claim."""

    worker: str
    project: str
    tasks: Sequence[str]
    items: int
    idle: bool
    """Nothing is in flight: only then may a suspect (exclusive) slice be given."""
    lease: float = 60.0
    """Seconds."""
    slices: int = 16
    """At most so many slices."""


class Claimed(msgspec.Struct):
    slices: list[Slice]
    suspects: bool = False
    """Suspect slices wait for an idle worker."""
    wait: float | None = None
    """Seconds after which something may become claimable without a signal (a forming group's timeout)."""


class Trouble(msgspec.Struct):
    """One item that did not simply succeed.

    `kind`: failed (raised, timed out, bad result) · released (handed back untouched) · lost (the process running it
    died) · cancelled (stopped because asked to). `own_group`: bisected half, runs again as a closed group and costs
    no attempt.
    """

    offset: int
    kind: Literal["failed", "released", "lost", "cancelled", "bisected"]
    type: str = ""
    message: str = ""
    traceback: str = ""
    fingerprint: str = ""
    code: str = ""
    retryable: bool = True
    retry_after: float | None = None
    """Seconds; replaces the back-off."""
    singly: bool = False
    """When it runs again, it runs alone (batched tasks)."""
    duration: int = 0
    """Microseconds."""
    halves: int = 0
    """`bisected` only: items of one slice with the same number run again together, closed to others."""


class Settlement(msgspec.Struct):
    """What became of some items of one slice; a slice may be settled in several parts, each item once.

    `offsets` succeeded with `results` (JSON, same order) and took `durations` (microseconds); `troubles` are the rest.
    """

    token: int
    batch_id: bytes
    offsets: Sequence[int]
    results: list[bytes]
    durations: Sequence[int]
    troubles: Sequence[Trouble] = ()


class Settled(msgspec.Struct):
    """`lost` holds tokens that were not live any more: nothing settled under them changed anything.

    `stale` counts items that had already ended in another way (cancelled meanwhile).
    """

    lost: Sequence[int] = ()
    stale: int = 0
    closed: Sequence[bytes] = ()
    """Batches that ended with this settlement."""


class Renewed(msgspec.Struct):
    lost: Sequence[int]
    """Tokens that are gone: stop their items, drop their results."""
    cancelled: Sequence[tuple[int, Sequence[int] | None]]
    """(token, offsets or None for all): cancellation is asked for."""


class Source(Protocol):
    """Coroutines run on the worker's loop; `renew` may be called from any thread and blocks it."""

    async def claim(self, claim: Claim) -> Claimed: ...

    async def settle(self, settlements: Sequence[Settlement]) -> Settled:
        """Returns once durable. What happens twice: the second is `lost` or `stale`, never an error."""
        ...

    def renew(self, worker: str, tokens: Sequence[int], lease: float) -> Renewed:
        """Blocks. Also the way a worker learns of cancellations; called at least every half second while busy."""
        ...

    async def wait(self, tasks: Sequence[str], timeout: float) -> bool:
        """True as soon as work may have become claimable, False after `timeout` seconds."""
        ...
