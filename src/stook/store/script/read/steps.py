"""What an execution remembers, and what it waits for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from stook.core.ids import execution_id
from stook.core.memo import MemoError, given_key
from stook.core.wait import Awaited
from stook.core.why import why_suspended
from stook.store.script.remember import decode_error
from stook.store.script.wake import WaitRow
from stook.store.statement import All, Now

if TYPE_CHECKING:
    from stook.store.statement import Row, Script

__all__ = ["Step", "list_awaited", "list_steps", "why_item_waits"]

_MOST = 10_000


class Step(msgspec.Struct, frozen=True):
    """A memo without its value. `kind` as in `core.memo.Memo`; `child_id` is the child whose end it is; `at` is when it
    was written, microseconds."""

    key: str
    kind: str
    at: int
    error: MemoError | None
    code: str
    child_id: str | None


def list_steps(batch_id: bytes, index: int, limit: int = _MOST) -> Script[list[Step]]:
    """In the order in which they were written, the first `limit`. Of an execution that is not there, too: none."""
    rows: list[Row] = yield All("read_steps", (batch_id, index, limit))
    return [
        Step(given_key(key), kind, at, None if error is None else decode_error(error), code, _child(child, child_index))
        for key, kind, error, code, child, child_index, at in rows
    ]


def list_awaited(batch_id: bytes, index: int, limit: int = _MOST) -> Script[list[Awaited]]:
    """By key. Of what is not suspended: none."""
    rows: list[Row] = yield All("read_item_waits", (batch_id, index, limit))
    waits = [WaitRow(*row) for row in rows]
    return [Awaited(given_key(one.key), one.kind, one.at, one.due_at, one.child_id, one.event_name) for one in waits]


def why_item_waits(batch_id: bytes, index: int, limit: int = 10) -> Script[list[str]]:
    """What a suspended execution waits for, in words: the first few things, by key."""
    waits = yield from list_awaited(batch_id, index, limit)
    now: int = yield Now()
    return why_suspended(waits, now)


def _child(batch_id: bytes | None, index: int | None) -> str | None:
    return None if batch_id is None or index is None else execution_id(batch_id, index)
