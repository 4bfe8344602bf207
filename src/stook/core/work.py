"""What passes between workers and the engine: claims out, slices in; renewals out, cancellations in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from stook.core.extras import NO_EXTRAS, ItemExtras
from stook.core.memo import Memo
from stook.core.policy import TaskPolicy

__all__ = ["Claim", "Claimed", "Remember", "Renewed", "Settled", "Slice"]


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
    blobs: Sequence[int] = ()
    """Places in `payload` that are still references into the blob store; empty once a worker gets the slice."""
    exclusive: bool = False
    """A suspect: run it alone, pull nothing else until it has settled."""
    closed: bool = False
    """For batched tasks: this slice is one group, joined by no other items (bisect, retry_singly)."""
    forced: str | None = None
    """For batched tasks: why the group closed when the claim closed it (timeout, concurrency, drain, retry, bisect)."""
    group: int = 0
    """For batched tasks: slices with this number are one group, which the claim has closed; 0: the worker forms it."""
    metadata: dict[str, Any] = msgspec.field(default_factory=dict)
    """What the submitter attached to the batch; handlers read it as `ctx.metadata`."""
    trace: str | None = None
    """W3C context of the span that submitted it, as JSON; None where nobody traced."""
    lane: str = ""
    """What keeps its items apart from others of the task in the queue (`core.lanes`)."""
    project: str = ""
    """Whose it is; groups never mix projects. "" where a worker serves one alone."""
    window_closes_in: float | None = None
    """Seconds from the claim on until the task's window closes: what then runs goes back at its next safe point."""
    extras: Mapping[int, ItemExtras] = NO_EXTRAS
    """By offset: of those that have something of their own."""
    single: bool = False
    """Of single submissions, not of a batch."""
    memos: dict[int, list[Memo]] = msgspec.field(default_factory=dict)
    """What items remember, by offset, oldest first; those that remember nothing are left out."""
    memo_blobs: Sequence[tuple[int, int, bytes]] = ()
    """(offset, place among its memos, batch): values that are still references into the blob store, among the bodies of
    that batch; empty once a worker gets the slice."""
    queue: str = ""
    waited: int | None = None
    """Microseconds from when its items were ready to the claim; None where the server is too old to say."""


class Remember(msgspec.Struct, gc=False):
    """Memos of one item that goes on. Changes nothing unless `token` is live; `lease`: seconds from now until which it
    then stays so."""

    token: int
    batch_id: bytes
    offset: int
    memos: Sequence[Memo]
    lease: float | None = None


class Claim(msgspec.Struct):
    """What a worker can take now. `tasks` by name. `items` is the most executions it wants in this claim."""

    worker: str
    tasks: Sequence[str]
    items: int
    idle: bool
    """Nothing is in flight: only then may a suspect (exclusive) slice be given."""
    lease: float = 60.0
    """Seconds."""
    slices: int = 16
    """At most so many slices."""
    hurried: bool = False
    """The worker drains: a partial group need not wait for more members."""


class Claimed(msgspec.Struct):
    slices: list[Slice]
    suspects: bool = False
    """Suspect slices wait for an idle worker."""
    wait: float | None = None
    """Seconds after which something may become claimable without a signal (a forming group's timeout)."""
    limited: bool = False
    """There was more that a limit on what runs at once kept back: what ends may make room for it."""


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
