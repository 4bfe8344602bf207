"""What a run has used: for code, the time that it ran."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stook.engine.hosted_executions import HostedExecution

__all__ = ["usage_of"]


def usage_of(execution: HostedExecution) -> list[dict[str, Any]]:
    """Nothing of one that has not run, or not ended."""
    if execution.started_at is None or execution.finished_at is None:
        return []
    nanos = max(0, execution.finished_at - execution.started_at) * 1000
    return [{"ml_model_name": "code", "ml_model_usage": {"compute_nanos": nanos}}]
