"""States of executions and batches, and the only table that moves an execution.

                 claim              succeed
   ┌─────────┐ ───────▶ ┌─────────┐ ───────▶ succeeded
   │ queued  │          │ running │ ───────▶ failed      (fail, quarantine)
   └─────────┘ ◀─────── └─────────┘
     ▲     ▲    release    │    │  suspend ┌───────────┐
     │     │    lose       │    └─────────▶│ suspended │──┐ wake
     │     └───────────────┼───────────────┴───────────┘  │
     │ due                 │ retry                        ▼
   ┌───────────┐ ◀─────────┘                            queued
   │ scheduled │
   └───────────┘        cancel, expire: from every state that is not terminal
                        finish: likewise to succeeded, whatever its worker says afterwards; too late where its
                        cancellation is asked for
                        reopen: failed, cancelled, expired → queued

A state's number is the byte the store keeps for it. `running` is never stored: an item is running while a live lease
holds it.
"""

from __future__ import annotations

from enum import Enum, IntEnum
from typing import Final

__all__ = ["TERMINAL", "BatchState", "Event", "State", "move"]


class State(IntEnum):
    queued = 0
    scheduled = 1
    running = 2
    suspended = 3
    succeeded = 4
    failed = 5
    cancelled = 6
    expired = 7
    cancelling = 8
    """Stored only: running, and its cancellation is asked for. Reads as `running`."""


TERMINAL: Final = frozenset({State.succeeded, State.failed, State.cancelled, State.expired})


class Event(Enum):
    claim = "claim"
    succeed = "succeed"
    finish = "finish"
    """Somebody else than its worker says that it has succeeded."""
    fail = "fail"
    retry = "retry"
    release = "release"
    lose = "lose"
    quarantine = "quarantine"
    suspend = "suspend"
    wake = "wake"
    due = "due"
    ask_cancel = "ask_cancel"
    cancel = "cancel"
    expire = "expire"
    reopen = "reopen"


_S, _E = State, Event

_TABLE: Final[dict[tuple[State, Event], State]] = {
    (_S.queued, _E.claim): _S.running,
    (_S.scheduled, _E.due): _S.queued,
    (_S.running, _E.succeed): _S.succeeded,
    (_S.running, _E.fail): _S.failed,
    (_S.running, _E.quarantine): _S.failed,
    (_S.running, _E.retry): _S.scheduled,
    (_S.running, _E.release): _S.queued,
    (_S.running, _E.lose): _S.queued,
    (_S.running, _E.suspend): _S.suspended,
    (_S.running, _E.ask_cancel): _S.cancelling,
    (_S.suspended, _E.wake): _S.queued,
    **{
        (_S.cancelling, event): _S.cancelled
        for event in (_E.succeed, _E.fail, _E.quarantine, _E.retry, _E.release, _E.lose, _E.suspend)
    },
    **{
        (state, event): end
        for state in (_S.queued, _S.scheduled, _S.running, _S.suspended, _S.cancelling)
        for event, end in ((_E.cancel, _S.cancelled), (_E.expire, _S.expired))
    },
    **{(state, _E.finish): _S.succeeded for state in (_S.queued, _S.scheduled, _S.running, _S.suspended)},
    (_S.cancelling, _E.expire): _S.cancelled,
    (_S.cancelling, _E.ask_cancel): _S.cancelling,
    **{(state, _E.reopen): _S.queued for state in (_S.failed, _S.cancelled, _S.expired)},
}


def move(state: State, event: Event) -> State | None:
    """The state after `event`, or None where the event has no meaning any more (a lost race, a normal answer)."""
    return _TABLE.get((state, event))


class BatchState(Enum):
    open = "open"
    queued = "queued"
    running = "running"
    paused = "paused"
    cancelling = "cancelling"
    succeeded = "succeeded"
    partially_failed = "partially_failed"
    failed = "failed"
    cancelled = "cancelled"
    expired = "expired"

    @property
    def terminal(self) -> bool:
        return self in _ENDED


_ENDED: Final = frozenset(
    {
        BatchState.succeeded,
        BatchState.partially_failed,
        BatchState.failed,
        BatchState.cancelled,
        BatchState.expired,
    }
)
