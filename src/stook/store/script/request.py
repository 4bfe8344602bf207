"""Idempotency keys of requests: one answer per key, for a day."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stook.core.request_state import ALIVE, KEPT, KnownRequest, Resumed, answer_again
from stook.store.statement import All, Each, Now, Run

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stook.core.request_state import Busy, Mismatch, Stored
    from stook.store.statement import Row, Script

__all__ = ["begin_request", "finish_request", "forget_request", "keep_requests", "old_requests", "purge_requests"]


def begin_request(
    project: str, key: str, method: str, path: str, digest: str, owner: int
) -> Script[Stored | Mismatch | Busy | None]:
    """None: the key is the caller's now, until it finishes, forgets it, or gives no sign of life. `owner` is this call:
    run a second time, it finds that it began. What was done under the key before stays done (`ticket`)."""
    now: int = yield Now()
    columns = (project, key, method, path, digest, owner, now, now + ALIVE)
    while True:
        begun: list[Row] = yield Each("insert_request", [columns])
        if begun:
            return None
        rows: list[Row] = yield All("lock_request", (project, key))
        if rows:  # else it was forgotten just now
            break
    known = KnownRequest(*rows[0])
    if known.owner == owner and known.status is None:
        return None
    answer = answer_again(known, method, path, digest, now)
    if isinstance(answer, Resumed):
        yield Run("resume_request", (project, key, owner, now + ALIVE))
        return None
    if answer is None:
        yield Run("restart_request", columns)
    return answer


def finish_request(project: str, key: str, owner: int, status: int, body: bytes) -> Script[int]:
    """How many were unfinished, and the owner's: 1 or 0."""
    changed: int = yield Run("finish_request", (project, key, owner, status, body))
    return changed


def forget_request(project: str, key: str, owner: int) -> Script[int]:
    """As `finish_request`: an answer that was given stays, and so does what was done."""
    changed: int = yield Run("forget_request", (project, key, owner))
    return changed


def keep_requests(project: str, keys: Sequence[str]) -> Script[list[str]]:
    """A sign of life; returns those that are unfinished."""
    now: int = yield Now()
    rows: list[Row] = yield Each("keep_request", [(project, key, now + ALIVE) for key in sorted(keys)])
    return [key for (key,) in rows]


def old_requests() -> Script[bool]:
    """Whether there is anything to purge: a look that writes nothing."""
    now: int = yield Now()
    rows: list[Row] = yield All("old_requests", (now - KEPT, 1))
    return bool(rows)


def purge_requests(limit: int = 500) -> Script[int]:
    """Removes up to `limit` that are kept no longer; returns how many."""
    now: int = yield Now()
    removed: int = yield Run("purge_request", (now - KEPT, limit))
    return removed
