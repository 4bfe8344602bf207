"""Why an execution of hosted code ended badly, in one word for every way there is."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from stook.core.states import State

__all__ = ["DEPLOYMENT_DELETED", "TIMED_OUT", "HostedReason", "hosted_reason"]

DEPLOYMENT_DELETED: Final = "deployment deleted"
"""What those are cancelled with that wait for a deployment when it is deleted."""
TIMED_OUT: Final = "timed out"
"""What those are cancelled with for which somebody waits no longer."""


class HostedReason(StrEnum):
    raised = "raised"
    timed_out = "timed_out"
    cancelled = "cancelled"
    not_json = "not_json"
    too_large = "too_large"
    exited = "exited"
    """Its process ended, or was killed, while it ran."""
    lost = "lost"
    """Its worker was."""
    deployment_deleted = "deployment_deleted"
    expired = "expired"
    """Before its first attempt."""


_OF_CODE: Final = {
    "attempt_timeout": HostedReason.timed_out,
    "result_not_serializable": HostedReason.not_json,
    "result_rejected": HostedReason.too_large,
    "result_too_large": HostedReason.too_large,
    "process_exited": HostedReason.exited,
    "worker_lost": HostedReason.lost,
    "deployment_deleted": HostedReason.deployment_deleted,
}
"""By the `code` of the failure. Any other failure was raised."""
_OF_CANCEL: Final = {DEPLOYMENT_DELETED: HostedReason.deployment_deleted, TIMED_OUT: HostedReason.timed_out}


def hosted_reason(state: State, code: str | None, cancelled_with: str | None, *, begun: bool) -> HostedReason | None:
    """`code` is its last failure's, where it failed; `cancelled_with` the reason it was cancelled with, alone or with
    its batch. None of one that has not ended, or has succeeded."""
    match state:
        case State.failed:
            return _OF_CODE.get(code or "", HostedReason.raised)
        case State.cancelled:
            return _OF_CANCEL.get(cancelled_with or "", HostedReason.cancelled)
        case State.expired:
            return HostedReason.timed_out if begun else HostedReason.expired
        case _:
            return None
