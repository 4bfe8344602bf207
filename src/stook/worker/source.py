"""Where a worker's work comes from and where its outcomes go.

The runtime knows only this protocol: the engine implements it in-process, an HTTP client implements it from afar.

   claim ──▶ Slice (token, items of one chunk, attempt) ──▶ handlers ──▶ Settlement (same token) ──▶ settle
                │  renew(tokens) every quarter of the lease, from a thread of its own
                └─ a token that is no longer live: everything settled under it changes nothing (`lost`)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from stook.core.log import AttemptLogs
from stook.core.outcome import Settlement, Trouble
from stook.core.work import Claim, Claimed, Remember, Renewed, Settled, Slice

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "AttemptLogs",
    "Claim",
    "Claimed",
    "Remember",
    "Renewed",
    "Settled",
    "Settlement",
    "Slice",
    "Source",
    "Trouble",
]


class Source(Protocol):
    """Coroutines run on the worker's loop; `renew` may be called from any thread and blocks it."""

    async def claim(self, claim: Claim) -> Claimed: ...

    async def settle(self, settlements: Sequence[Settlement]) -> Settled:
        """Returns once durable. What happens twice: the second is `lost` or `stale`, never an error."""
        ...

    def renew(self, worker: str, tokens: Sequence[int], lease: float) -> Renewed:
        """Blocks. Also the way a worker learns of cancellations; called at least every half second while busy."""
        ...

    async def keep_logs(self, logs: Sequence[AttemptLogs]) -> None:
        """What attempts that go on have said up to now. Of a token that is no longer live it is left out; what is sent
        twice is stored once."""
        ...

    async def remember(self, writes: Sequence[Remember]) -> Sequence[int]:
        """What executions that go on remember from now on; durable on return. The tokens that are not live any more,
        under which nothing was written. What is sent twice is stored once."""
        ...

    async def wait(self, tasks: Sequence[str], timeout: float) -> bool:
        """True as soon as work may have become claimable, False after `timeout` seconds."""
        ...
