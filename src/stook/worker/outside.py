"""What handlers may ask of the rest of stook: not of their own execution, and not through the worker's leases.

`WorkerRuntime` is given one; where there is none, asking raises `UnsupportedByBackend`.
"""

from __future__ import annotations

from typing import Literal, NoReturn, Protocol

from stook.core.errors import UnsupportedByBackend

__all__ = ["NOTHING", "Missed", "Outside", "Overlap"]

Missed = Literal["one", "skip", "all"]
Overlap = Literal["allow", "skip", "queue"]


class Outside(Protocol):
    """On the worker's loop. What an execution asks for happens in its `project`, which is "" where a worker serves one
    alone. Payloads are JSON; `trace` is the W3C context, as JSON, that the execution runs in."""

    async def emit(self, project: str, name: str, payload: bytes, *, trace: str | None) -> str:
        """The event's id."""
        ...

    async def cancel(self, project: str, execution_id: str, *, reason: str, cancel_children: bool) -> bool:
        """False for what is unknown, has ended, or is being cancelled already."""
        ...

    async def schedule(
        self,
        project: str,
        task: str,
        name: str,
        cron: str,
        payload: bytes,
        *,
        tz: str,
        priority: int,
        missed: Missed,
        overlap: Overlap,
    ) -> None:
        """The same name overwrites."""
        ...

    async def unschedule(self, project: str, task: str, name: str, *, cancel_running: bool) -> bool:
        """False if there is no such schedule."""
        ...


class _Nothing:
    async def emit(self, project: str, name: str, payload: bytes, *, trace: str | None) -> str:  # noqa: ARG002
        _refuse("emit events")

    async def cancel(self, project: str, execution_id: str, *, reason: str, cancel_children: bool) -> bool:  # noqa: ARG002
        _refuse("cancel executions")

    async def schedule(
        self,
        project: str,  # noqa: ARG002
        task: str,  # noqa: ARG002
        name: str,  # noqa: ARG002
        cron: str,  # noqa: ARG002
        payload: bytes,  # noqa: ARG002
        *,
        tz: str,  # noqa: ARG002
        priority: int,  # noqa: ARG002
        missed: Missed,  # noqa: ARG002
        overlap: Overlap,  # noqa: ARG002
    ) -> None:
        _refuse("change schedules")

    async def unschedule(self, project: str, task: str, name: str, *, cancel_running: bool) -> bool:  # noqa: ARG002
        _refuse("change schedules")


def _refuse(what: str) -> NoReturn:
    raise UnsupportedByBackend(
        f"handlers of this worker cannot {what}",
        hint="its worker reaches the store through leases alone; do it with a client of the server, in a step",
    )


NOTHING: Outside = _Nothing()
