"""What happens to a batch while its row is held, kept until the row is saved: then it is written as events for
webhooks, in the same transaction (`outbox`). Nothing is kept for a project where no endpoint wants it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from stook.core.phase import Phase, batch_state
from stook.core.states import State
from stook.core.webhook_events import bit_of, end_mask

if TYPE_CHECKING:
    from stook.store.script.batch_row import BatchRow

__all__ = ["BatchNews", "Ended", "News", "note_end", "note_failure", "tell"]


class BatchNews(msgspec.Struct):
    name: str
    at: int
    data: dict[str, Any]


class Ended(msgspec.Struct):
    """Executions of one chunk that ended alike. `redacted`: places in `results` that are references."""

    first: int
    offsets: Sequence[int]
    state: State
    round: int
    attempt: int
    at: int
    results: list[bytes] | None = None
    redacted: Sequence[int] = ()


class News(msgspec.Struct):
    """`errors`: (type, code, message) by index, of executions that failed for good."""

    of_batch: list[BatchNews] = msgspec.field(default_factory=list)
    ended: list[Ended] = msgspec.field(default_factory=list)
    errors: dict[int, tuple[str, str, str]] = msgspec.field(default_factory=dict)


def tell(batch: BatchRow, name: str, at: int, **more: object) -> None:
    """The batch as it is now; single submissions are no batch to anybody."""
    if not batch.hooks & bit_of(name) or batch.single:
        return
    counters = batch.counters()
    state = batch_state(Phase(batch.phase), counters, batch.ended, started=batch.started_at is not None)
    data = {
        "id": batch.public_id,
        "name": batch.name,
        "task": batch.task,
        "state": state.value,
        "total": batch.total,
        "succeeded": batch.succeeded,
        "failed": batch.failed,
        "cancelled": batch.cancelled,
        "expired": batch.expired,
        "round": batch.round,
        "reason": batch.reason,
        "metadata": None if batch.metadata is None else msgspec.Raw(batch.metadata.encode()),
        **more,
    }
    _news_of(batch).of_batch.append(BatchNews(name, at, data))


def note_end(batch: BatchRow, ended: Ended) -> None:
    if batch.hooks & end_mask(batch.task, ended.state):
        _news_of(batch).ended.append(ended)


def note_failure(batch: BatchRow, index: int, error: tuple[str, str, str]) -> None:
    """Of one that will end so in this transaction."""
    if batch.hooks & end_mask(batch.task, State.failed):
        _news_of(batch).errors[index] = error


def _news_of(batch: BatchRow) -> News:
    if batch.news is None:
        batch.news = News()
    return batch.news
