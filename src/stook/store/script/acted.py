"""An act of an operator and the note of it, in one transaction: neither is there without the other."""

from __future__ import annotations

from types import GenericAlias
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from stook.store.script.action import FINISHED, RUNNING, ActionRow, record_action
from stook.store.script.batch_row import lock_batch
from stook.store.script.stop import cancel
from stook.store.script.ticket import act_once
from stook.store.statement import Each

if TYPE_CHECKING:
    from collections.abc import Callable

    from stook.store.script.ticket import Ticket
    from stook.store.statement import Row, Script

__all__ = ["Note", "acted", "cancel_counted"]

T = TypeVar("T")


class Note(NamedTuple):
    """`id` is the action's; `may_run`: it goes on after this transaction if a probe is under way then. `if_any`: where
    nothing was affected, nothing is noted. With a `ticket` the act is done once, however often it is asked for."""

    id: bytes
    project: str
    kind: str
    batch_id: bytes | None
    scope: str
    actor: str
    may_run: bool = False
    if_any: bool = False
    ticket: Ticket | None = None


def acted(
    note: Note,
    act: Callable[[], Script[T]],
    affected: Callable[[T], int],
    scope: Callable[[T], str] | None = None,
    returns: Any = None,
) -> Script[tuple[T, ActionRow | None]]:
    """What the act returns, and its action. `affected` and `scope` read the number and the words off what it returns;
    without `scope` the note's words stand. `returns` is the type of what it returns where whoever asks again under a
    ticket needs it, who else gets None; the action is then the first one's."""

    def act_noted() -> Script[tuple[T, ActionRow | None]]:
        answer, action = yield from _noted(note, act, affected, scope)
        return (answer, action) if returns is not None or note.ticket is None else (None, action)  # type: ignore[return-value]

    if note.ticket is None:
        return (yield from act_noted())
    kind = GenericAlias(tuple, (returns, ActionRow | None))
    return (yield from act_once(note.ticket, act_noted, kind, worth=lambda made: made[1] is not None))


def _noted(
    note: Note, act: Callable[[], Script[T]], affected: Callable[[T], int], scope: Callable[[T], str] | None
) -> Script[tuple[T, ActionRow | None]]:
    answer = yield from act()
    count = affected(answer)
    if note.if_any and not count:
        return answer, None
    action = yield from record_action(
        note.id,
        note.project,
        note.kind,
        note.batch_id,
        scope=note.scope if scope is None else scope(answer),
        actor=note.actor,
        affected=count,
        state=RUNNING if note.may_run else FINISHED,
    )
    return answer, action


def cancel_counted(batch_id: bytes, *, hard: bool, reason: str) -> Script[int]:
    """`cancel`; returns how many executions ended, or, of those that run, are being stopped."""
    before = (yield from lock_batch(batch_id)).cancelled
    batch = yield from cancel(batch_id, hard=hard, reason=reason)
    live: list[Row] = (yield Each("batch_usage", [(batch_id,)])) if hard else []
    stopped: int = sum(row[1] for row in live)
    return batch.cancelled - before + stopped
