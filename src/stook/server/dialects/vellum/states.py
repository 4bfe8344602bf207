"""Our states in Vellum's words."""

from __future__ import annotations

from enum import StrEnum
from typing import assert_never

from stook.core.states import BatchState, State

__all__ = ["Wire", "wire_batch", "wire_state"]


class Wire(StrEnum):
    PENDING = "PENDING"
    INITIATED = "INITIATED"
    STREAMING = "STREAMING"
    FULFILLED = "FULFILLED"
    REJECTED = "REJECTED"


def wire_state(state: State, *, begun: bool, streamed: bool) -> Wire:
    """`begun`: it has had an attempt; `streamed`: it has told an output. Neither is ever taken back, so that no client
    sees a state after a later one."""
    match state:
        case State.scheduled | State.queued if not begun:
            return Wire.PENDING
        case State.scheduled | State.queued | State.running | State.suspended | State.cancelling:
            return Wire.STREAMING if streamed else Wire.INITIATED
        case State.succeeded:
            return Wire.FULFILLED
        case State.failed | State.cancelled | State.expired:
            return Wire.REJECTED
        case _:
            assert_never(state)


def wire_batch(state: BatchState) -> Wire:
    match state:
        case BatchState.open | BatchState.queued:
            return Wire.PENDING
        case BatchState.running | BatchState.paused | BatchState.cancelling:
            return Wire.INITIATED
        case BatchState.succeeded | BatchState.partially_failed:
            return Wire.FULFILLED
        case BatchState.failed | BatchState.cancelled | BatchState.expired:
            return Wire.REJECTED
        case _:
            assert_never(state)
