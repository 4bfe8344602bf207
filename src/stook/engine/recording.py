"""Acts of operators, written together with the note of who did it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeVar

import msgspec

from stook.core.ids import execution_id
from stook.store.script.acted import Note, acted

if TYPE_CHECKING:
    from collections.abc import Callable
    from functools import partial

    from stook.store.port import Store
    from stook.store.script.action import ActionRow
    from stook.store.statement import Script

__all__ = ["ActionView", "Recording", "view_of", "write_recorded"]

T = TypeVar("T")
ActionState = Literal["running", "finished", "aborted"]


class ActionView(msgspec.Struct, frozen=True):
    """`id` is public, `batch_id` the store's, None for what was done to no batch. `affected` counts executions, or what
    else was changed."""

    id: str
    kind: str
    batch_id: bytes | None
    scope: str
    actor: str
    state: ActionState
    affected: int
    created_at: int
    finished_at: int | None

    @property
    def public_batch_id(self) -> str | None:
        return None if self.batch_id is None else execution_id(self.batch_id, 0)


class Recording:
    """Of one act: `action` is there once the act is durable."""

    def __init__(self, note: Note) -> None:
        self.note = note
        self._action: ActionView | None = None
        self.repeated = False
        """It had been done before, under the same idempotency key."""

    @property
    def action(self) -> ActionView:
        assert self._action is not None, "nothing was done"
        return self._action

    def made(self, row: ActionRow) -> None:
        self._action = view_of(row)
        self.repeated = row.id != self.note.id


async def write_recorded(
    store: Store,
    by: Recording | None,
    act: partial[Script[T]],
    *,
    affected: Callable[[T], int] | None = None,
    scope: Callable[[T], str] | None = None,
    returns: Any = None,
) -> T:
    """Runs the verb that `act` holds, and records it in the same transaction where `by` is given. `affected`: what the
    verb returned → a number, else none; `scope`: what was acted on, where only the verb knows; `returns` is
    as in `acted`."""
    if by is None:
        return await store.write(act.func, *act.args, **act.keywords)
    answer, row = await store.write(acted, by.note, act, affected or _none, scope, returns)
    if row is not None:
        by.made(row)
    return answer


def _none(_: object) -> int:
    return 0


def view_of(row: ActionRow) -> ActionView:
    state: ActionState = "running" if row.state == "running" else "aborted" if row.state == "aborted" else "finished"
    return ActionView(
        id=row.public_id,
        kind=row.kind,
        batch_id=row.batch_id,
        scope=row.scope,
        actor=row.actor,
        state=state,
        affected=row.affected,
        created_at=row.created_at,
        finished_at=row.finished_at,
    )
