"""Our states in this dialect's words, and back for filters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, assert_never

from stook.core.states import BatchState, State

if TYPE_CHECKING:
    from stook.server.dialects.kernel.shapes import BatchStatus, InvocationStatus

__all__ = [
    "BATCH_WORDS",
    "INVOCATION_WORDS",
    "batch_status",
    "invocation_states",
    "invocation_status",
    "outcome_of",
]

INVOCATION_WORDS: Final[dict[str, InvocationStatus]] = {
    "queued": "queued",
    "running": "running",
    "succeeded": "succeeded",
    "failed": "failed",
}
BATCH_WORDS: Final[dict[str, BatchStatus]] = {
    "queued": "queued",
    "running": "running",
    "succeeded": "succeeded",
    "partially_failed": "partially_failed",
    "failed": "failed",
}

_WAITING: Final = frozenset({State.queued, State.scheduled})


def invocation_status(state: State, *, begun: bool) -> InvocationStatus:
    """`begun`: an attempt has started. `running` never turns back into `queued`."""
    match state:
        case State.queued | State.scheduled:
            return "running" if begun else "queued"
        case State.running | State.cancelling | State.suspended:
            return "running"
        case State.succeeded:
            return "succeeded"
        case State.failed | State.cancelled | State.expired:
            return "failed"
        case _:
            assert_never(state)


def invocation_states(status: InvocationStatus) -> tuple[frozenset[State], bool | None]:
    """(states, begun) of those that are shown so."""
    match status:
        case "queued":
            return _WAITING, False
        case "running":
            return _WAITING | {State.running, State.cancelling, State.suspended}, True
        case "succeeded":
            return frozenset({State.succeeded}), None
        case "failed":
            return frozenset({State.failed, State.cancelled, State.expired}), None
        case _:
            assert_never(status)


def batch_status(state: BatchState, *, begun: bool, succeeded: int, failed: int) -> BatchStatus:
    """`begun`: an item has started; `failed` counts cancelled and expired ones too."""
    match state:
        case BatchState.open | BatchState.paused | BatchState.queued:
            return "running" if begun else "queued"
        case BatchState.running | BatchState.cancelling:
            return "running"
        case BatchState.succeeded:
            return "succeeded"
        case BatchState.partially_failed:
            return "partially_failed"
        case BatchState.failed:
            return "failed"
        case BatchState.cancelled | BatchState.expired:
            return outcome_of(succeeded, failed)
        case _:
            assert_never(state)


def outcome_of(succeeded: int, failed: int) -> BatchStatus:
    """Of a batch whose items have all ended."""
    if not failed:
        return "succeeded"
    return "partially_failed" if succeeded else "failed"
