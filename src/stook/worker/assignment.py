"""What all items of a slice share and a handler may ask for. Crosses to child processes as it is."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec

from stook.core.extras import NO_EXTRAS, ItemExtras
from stook.core.ids import execution_id

if TYPE_CHECKING:
    from stook.worker.source import Slice

__all__ = ["Assignment"]


_PLAIN: Final = ItemExtras()


class Assignment(msgspec.Struct, frozen=True, gc=False):
    batch_id: bytes
    first: int
    task: str
    queue: str
    attempt: int
    max_attempts: int
    timeout: float | None
    created_at: int
    """Microseconds since the epoch."""
    metadata: dict[str, Any]
    """The batch's."""
    extras: Mapping[int, ItemExtras] = NO_EXTRAS
    """By offset: what items have of their own."""
    fence: int = 0
    """When it was claimed, in microseconds of the store's clock: later claims have larger ones."""

    @classmethod
    def of(cls, piece: Slice, lease: float = 0.0) -> Assignment:
        """`lease` is what it was claimed for, in seconds."""
        policy = piece.policy
        return cls(
            piece.batch_id,
            piece.first,
            piece.task,
            policy.queue,
            piece.attempt,
            policy.max_attempts,
            policy.timeout,
            piece.created_at,
            piece.metadata,
            piece.extras or NO_EXTRAS,
            piece.lease_until - round(lease * 1_000_000),
        )

    def extras_of(self, offset: int) -> ItemExtras:
        return self.extras.get(offset, _PLAIN)

    def metadata_of(self, offset: int) -> dict[str, Any]:
        """Its own over the batch's."""
        own = self.extras_of(offset).metadata
        return self.metadata if own is None else {**self.metadata, **own}

    def timeout_of(self, offset: int) -> float | None:
        own = self.extras_of(offset).timeout
        return self.timeout if own is None else own

    def execution_id(self, offset: int) -> str:
        return execution_id(self.batch_id, self.first + offset)

    def created(self) -> datetime:
        return datetime.fromtimestamp(self.created_at / 1_000_000, UTC)
