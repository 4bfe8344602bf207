"""The batch row, read under its lock, changed in memory, written back whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from stook.core.errors import NotFound
from stook.core.ids import execution_id
from stook.core.phase import Counters, Phase, Stop
from stook.core.policy import TaskPolicy
from stook.store.script.batch_news import News
from stook.store.script.hosted_place import mark_of
from stook.store.script.outbox import write_news
from stook.store.statement import All, Each, Many

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from stook.store.statement import Script

__all__ = ["BatchRow", "lock_batch", "lock_batches", "no_such_batch", "read_batch", "row_there", "save_batches"]

MOST_POLICIES = 1000
_policies: dict[str, TaskPolicy] = {}
_decode_policy = msgspec.json.Decoder(TaskPolicy).decode


class BatchRow(msgspec.Struct, gc=False):
    """Columns in the order of `lock_batch.sql` and `read_batch.sql`."""

    id: bytes
    project: str
    task: str
    queue: str
    name: str
    key: str | None
    digest: str | None
    single: int
    keyed: int
    phase: str
    ended: str | None
    priority: int
    policy: str
    max_concurrency: int | None
    total: int
    consumed: int
    """Items of its submission's input: those that were added, and those left out for their dedupe keys."""
    succeeded: int
    failed: int
    cancelled: int
    expired: int
    scheduled: int
    suspended: int
    settled: int
    retries: int
    losses: int
    streak: int
    round: int
    rank: int
    stop: str | None
    reason: str | None
    probe: str | None
    metadata: str | None
    created_at: int
    sealed_at: int | None
    started_at: int | None
    finished_at: int | None
    ramp_at: int | None
    deadline_at: int | None
    open_until: int | None
    webhooks: str | None
    """JSON list: the endpoints that its submission named."""
    hooks: int = 0
    """Events that endpoints of its project want, as bits; known where the row is locked. Not written."""
    known_open: int = 0
    """How many items had not ended when the quotas of its project were last told."""
    news: News | None = None
    """What webhooks are to hear of when it is saved."""

    def __post_init__(self) -> None:
        self.known_open = self.total - self.terminal

    @property
    def public_id(self) -> str:
        return execution_id(self.id, 0)

    @property
    def terminal(self) -> int:
        return self.succeeded + self.failed + self.cancelled + self.expired

    @property
    def hosted(self) -> bool:
        """It may be of hosted code: its task has such a name."""
        return self.task[36:37] == "/"

    @property
    def mark(self) -> int:
        """How it has ended, as lists of hosted batches have it."""
        counts = (self.succeeded, self.failed, self.cancelled, self.expired)
        return mark_of(counts, self.total, single=bool(self.single))

    @property
    def ended_phase(self) -> bool:
        return self.phase in ("closed", "deleted")

    @property
    def stopping(self) -> Stop | None:
        return None if self.stop is None else Stop(self.stop)

    @property
    def task_policy(self) -> TaskPolicy:
        return decode_policy(self.policy)

    def counters(self, running: int = 0) -> Counters:
        return Counters(
            total=self.total,
            succeeded=self.succeeded,
            failed=self.failed,
            cancelled=self.cancelled,
            expired=self.expired,
            scheduled=self.scheduled,
            suspended=self.suspended,
            running=running,
        )

    def resting_phase(self) -> Phase:
        """The phase of a batch that nothing holds back."""
        return Phase.open if self.sealed_at is None else Phase.active

    def columns(self) -> tuple[object, ...]:
        """Parameters of `insert_batch.sql`."""
        return msgspec.structs.astuple(self)[:_COLUMNS]

    def changed(self) -> tuple[object, ...]:
        """Parameters of `update_batch.sql`."""
        return (
            self.id,
            self.phase,
            self.ended,
            self.keyed,
            self.max_concurrency,
            self.total,
            self.consumed,
            self.succeeded,
            self.failed,
            self.cancelled,
            self.expired,
            self.scheduled,
            self.suspended,
            self.settled,
            self.retries,
            self.losses,
            self.streak,
            self.round,
            self.rank,
            self.stop,
            self.reason,
            self.probe,
            self.sealed_at,
            self.started_at,
            self.finished_at,
            self.ramp_at,
            self.deadline_at,
            self.open_until,
        )


_COLUMNS = BatchRow.__struct_fields__.index("hooks")


def decode_policy(text: str) -> TaskPolicy:
    """Policies repeat: a process meets few different texts, each is decoded once."""
    policy = _policies.get(text)
    if policy is None:
        if len(_policies) > MOST_POLICIES:
            _policies.clear()
        policy = _policies[text] = _decode_policy(text)
    return policy


def decode_metadata(text: str | None) -> dict[str, Any]:
    return {} if text is None else msgspec.json.decode(text)


def lock_batches(ids: Iterable[bytes]) -> Script[dict[bytes, BatchRow]]:
    """Rows of the batches that exist, locked in the order of their ids."""
    rows = yield Each("lock_batch", [(one,) for one in sorted(set(ids))])
    return {row[0]: BatchRow(*row) for row in rows}


def lock_batch(batch_id: bytes) -> Script[BatchRow]:
    found = yield from lock_batches((batch_id,))
    return row_there(found.get(batch_id), batch_id)


def read_batch(batch_id: bytes) -> Script[BatchRow]:
    rows = yield All("read_batch", (batch_id,))
    return row_there(BatchRow(*rows[0]) if rows else None, batch_id)


def row_there(row: BatchRow | None, batch_id: bytes) -> BatchRow:
    """The row, or `NotFound`: there is none, or it is deleted."""
    if row is None or row.phase == Phase.deleted.value:
        raise no_such_batch(batch_id)
    return row


def no_such_batch(batch_id: bytes) -> NotFound:
    return NotFound(f"no such batch: {execution_id(batch_id, 0)}", hint="`stook batches` lists those there are")


def save_batches(rows: Sequence[BatchRow]) -> Script[None]:
    """And tells webhooks what has happened to them."""
    yield Many("update_batch", [row.changed() for row in rows])
    marks = [(row.id, row.mark) for row in rows if row.hosted and 0 in (row.known_open, row.total - row.terminal)]
    if marks:
        yield Many("mark_hosted_batch", marks)
    changes = [
        (row.project, row.id, row.total, row.known_open, row.total - row.terminal)
        for row in rows
        if row.known_open != row.total - row.terminal
    ]
    if changes:
        yield Many("insert_queue_change", changes)
        for row in rows:
            row.known_open = row.total - row.terminal
    yield from write_news(rows)
