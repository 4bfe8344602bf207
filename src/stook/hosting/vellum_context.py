"""What a run of a hosted Vellum workflow is told beside its inputs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stook.core.vellum_events import parent_context
from stook.core.vellum_ids import trace_id

if TYPE_CHECKING:
    from stook.core.vellum_events import RunFacts

__all__ = ["run_context"]


def run_context(run: RunFacts, timeout: float | None) -> dict[str, Any]:
    """`timeout` in seconds: the runtime ends the run then, and says so in its events. The trace is the same in every
    attempt."""
    return {"parent": parent_context(run), "trace_id": trace_id(run.execution_id), "timeout": timeout}
