"""What all items of a slice share and a handler may ask for. Crosses to child processes as it is."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from stook.core.ids import execution_id

if TYPE_CHECKING:
    from stook.worker.source import Slice

__all__ = ["Assignment"]


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

    @classmethod
    def of(cls, piece: Slice) -> Assignment:
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
        )

    def execution_id(self, offset: int) -> str:
        return execution_id(self.batch_id, self.first + offset)

    def created(self) -> datetime:
        return datetime.fromtimestamp(self.created_at / 1_000_000, UTC)
