"""Why a workflow was rejected: Vellum's two sets of codes, one in events, one in answers."""

from __future__ import annotations

from typing import Final, assert_never

from stook.core.hosted_reason import HostedReason

__all__ = ["EVENT_CODES", "INTERNAL", "api_code", "code_of", "said_of"]

INTERNAL: Final = "INTERNAL_ERROR"
_RENAMED: Final = {
    "INVALID_WORKFLOW": "WORKFLOW_INITIALIZATION",
    INTERNAL: "INTERNAL_SERVER_ERROR",
    "PROVIDER_ERROR": "LLM_PROVIDER",
    "INVALID_STATE": "NODE_EXECUTION_COUNT_LIMIT_REACHED",
    "INVALID_OUTPUTS": "NODE_EXECUTION",
    "INVALID_CODE": "NODE_EXECUTION",
}
EVENT_CODES: Final = frozenset(_RENAMED) | {
    "INVALID_INPUTS",
    "INVALID_TEMPLATE",
    "NODE_EXECUTION",
    "PROVIDER_CREDENTIALS_UNAVAILABLE",
    "INTEGRATION_CREDENTIALS_UNAVAILABLE",
    "PROVIDER_QUOTA_EXCEEDED",
    "USER_DEFINED_ERROR",
    "WORKFLOW_CANCELLED",
    "WORKFLOW_TIMEOUT",
    "NODE_CANCELLED",
    "NODE_TIMEOUT",
}
_OF_REASON: Final = {
    HostedReason.timed_out: "WORKFLOW_TIMEOUT",
    HostedReason.expired: "WORKFLOW_TIMEOUT",
    HostedReason.cancelled: "WORKFLOW_CANCELLED",
    HostedReason.deployment_deleted: "WORKFLOW_CANCELLED",
    HostedReason.not_json: "INVALID_OUTPUTS",
    HostedReason.too_large: "INVALID_OUTPUTS",
}


def api_code(event_code: str) -> str:
    """Of status, sync and stream answers. What is no code of an event is an internal error to them."""
    if event_code not in EVENT_CODES:
        return _RENAMED[INTERNAL]
    return _RENAMED.get(event_code, event_code)


def code_of(reason: HostedReason, kind: str) -> str:
    """In events. `kind`: the type of the failure, which of a workflow that was rejected is such a code itself."""
    if reason is HostedReason.raised and kind in EVENT_CODES:
        return kind
    return _OF_REASON.get(reason, INTERNAL)


def said_of(reason: HostedReason, message: str, output: str | None = None) -> str:
    """In words. `message`: the failure's, if there is one; `output`: what was given when it was cancelled."""
    match reason:
        case HostedReason.raised:
            return message or "the workflow was rejected"
        case HostedReason.timed_out:
            return message or "the workflow took longer than it may"
        case HostedReason.cancelled:
            return output or "the workflow was cancelled"
        case HostedReason.not_json:
            return f"an output is no JSON value{_because(message)}"
        case HostedReason.too_large:
            return f"the outputs are larger than a result may be{_because(message)}"
        case HostedReason.exited:
            return f"the process that ran the workflow ended before it did{_because(message)}"
        case HostedReason.lost:
            return f"the worker that ran the workflow was lost, at the last attempt that it may have{_because(message)}"
        case HostedReason.deployment_deleted:
            return "the deployment was deleted before the workflow ran"
        case HostedReason.expired:
            return "the workflow had expired before it ran"
        case _:
            assert_never(reason)


def _because(message: str) -> str:
    return f": {message}" if message else ""
