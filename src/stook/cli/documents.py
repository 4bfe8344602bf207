"""What `--json` prints: the same names as in tables and classes, times in microseconds since the epoch."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import msgspec

from stook.core.payload import decode, encode

if TYPE_CHECKING:
    from stook.store.script.read.batch_view import BatchView
    from stook.store.script.read.failures import FailureGroup
    from stook.store.script.read.item_row import ItemRow

__all__ = ["batch_document", "execution_document", "failure_document", "print_document"]


def batch_document(view: BatchView) -> dict[str, Any]:
    """`settled` is the cursor of one who has seen everything up to now."""
    counters = view.counters
    return {
        "id": view.public_id,
        "name": view.name,
        "key": view.key,
        "project": view.project,
        "task": view.task,
        "queue": view.queue,
        "state": view.state.value,
        "reason": view.reason,
        "total": counters.total,
        **{
            name: getattr(counters, name)
            for name in ("succeeded", "failed", "cancelled", "expired", "running", "queued", "scheduled", "suspended")
        },
        "priority": view.priority,
        "max_concurrency": view.max_concurrency,
        "round": view.round,
        "retries": view.retries,
        "losses": view.losses,
        "probing": view.probing,
        "settled": view.settled,
        "metadata": None if view.metadata is None else decode(view.metadata.encode()),
        "created_at": view.created_at,
        "sealed_at": view.sealed_at,
        "started_at": view.started_at,
        "finished_at": view.finished_at,
        "deadline_at": view.deadline_at,
    }


def failure_document(group: FailureGroup) -> dict[str, Any]:
    return msgspec.structs.asdict(group)


def execution_document(row: ItemRow) -> dict[str, Any]:
    return {
        "index": row.index,
        "key": row.key,
        "id": row.id,
        "state": row.state.name,
        "round": row.round,
        "attempts": row.attempts,
        "duration": None if row.duration is None else row.duration / 1_000_000,
        "finished_at": row.finished_at,
        "input": msgspec.Raw(row.input),
        "result": None if row.result is None else msgspec.Raw(row.result),
        "error": None if row.error is None else msgspec.structs.asdict(row.error),
    }


def print_document(document: dict[str, Any]) -> None:
    sys.stdout.write(encode(document).decode() + "\n")
