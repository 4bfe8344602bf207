"""What a handler is called for, when it asks for more than the payload."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from stook.worker.assignment import Assignment

__all__ = ["Event"]

P = TypeVar("P")


class Event(Generic[P]):
    """One execution's call: its `payload`, converted to `P` where the handler is annotated `Event[P]`.

    `attempt` counts from 1.
    """

    __slots__ = ("_assignment", "_offset", "payload")

    def __init__(self, payload: P, assignment: Assignment, offset: int) -> None:
        self.payload = payload
        self._assignment = assignment
        self._offset = offset

    @property
    def id(self) -> str:
        """The execution's id."""
        return self._assignment.execution_id(self._offset)

    @property
    def kind(self) -> str:
        """What called it: invoke, cron, event or row."""
        return self._assignment.extras_of(self._offset).kind

    @property
    def name(self) -> str:
        """Of the schedule or event that called it; `stook.invoke` for what was submitted."""
        return self._assignment.extras_of(self._offset).name

    @property
    def attempt(self) -> int:
        return self._assignment.attempt

    @property
    def metadata(self) -> dict[str, Any]:
        return self._assignment.metadata_of(self._offset)

    @property
    def tags(self) -> tuple[str, ...]:
        return self._assignment.extras_of(self._offset).tags

    @property
    def run_at(self) -> datetime:
        """When it was to run: its `run_at`, or when it was submitted."""
        at = self._assignment.extras_of(self._offset).run_at
        return self.created_at if at is None else datetime.fromtimestamp(at / 1_000_000, UTC)

    @property
    def created_at(self) -> datetime:
        return self._assignment.created()

    def __repr__(self) -> str:
        return f"Event(id={self.id!r}, attempt={self.attempt}, payload={self.payload!r})"
