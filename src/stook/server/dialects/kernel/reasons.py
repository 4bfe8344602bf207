"""Why something failed, in words that hold nothing of the user's data."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from stook.core.hosted_reason import HostedReason
from stook.core.states import TERMINAL, BatchState, State

if TYPE_CHECKING:
    from stook.engine.hosted_executions import HostedExecution

__all__ = ["batch_reason", "reason_in_words", "status_reason"]


def status_reason(found: HostedExecution) -> str | None:
    """Of one that has ended and did not succeed, and only of such."""
    if found.state not in TERMINAL or found.state is State.succeeded:
        return None
    return reason_in_words(found.reason or HostedReason.raised, found.timeout)


def reason_in_words(reason: HostedReason, timeout: float | None) -> str:
    match reason:
        case HostedReason.raised:
            return "action raised an error"
        case HostedReason.timed_out:
            return "timed out" if timeout is None else f"timed out after {timeout:g} seconds"
        case HostedReason.cancelled:
            return "cancelled"
        case HostedReason.not_json:
            return "result is not JSON-serialisable"
        case HostedReason.too_large:
            return "result too large"
        case HostedReason.exited:
            return "process exited or was killed"
        case HostedReason.lost:
            return "worker lost"
        case HostedReason.deployment_deleted:
            return "deployment deleted"
        case HostedReason.expired:
            return "expired in the queue"
        case _:
            assert_never(reason)


def batch_reason(state: BatchState, reason: str | None) -> str | None:
    """Of a job that was cancelled, has expired, or failed as a whole."""
    match state:
        case BatchState.cancelled | BatchState.expired:
            return reason or state.value
        case BatchState.failed:
            return reason
        case (
            BatchState.open
            | BatchState.queued
            | BatchState.running
            | BatchState.paused
            | BatchState.cancelling
            | BatchState.succeeded
            | BatchState.partially_failed
        ):
            return None
        case _:
            assert_never(state)
