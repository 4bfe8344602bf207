"""What a handler is called for, when it asks for more than the payload."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from datetime import datetime

    from stook.worker.assignment import Assignment

__all__ = ["Event"]

P = TypeVar("P")


class Event(Generic[P]):
    """One execution's call: its `payload`, converted to `P` where the handler is annotated `Event[P]`.

    `kind` is `invoke` and `name` is `stook.invoke` for everything that was submitted. `attempt` counts from 1.
    """

    __slots__ = ("_assignment", "_offset", "payload")

    kind = "invoke"
    name = "stook.invoke"

    def __init__(self, payload: P, assignment: Assignment, offset: int) -> None:
        self.payload = payload
        self._assignment = assignment
        self._offset = offset

    @property
    def id(self) -> str:
        """The execution's id."""
        return self._assignment.execution_id(self._offset)

    @property
    def attempt(self) -> int:
        return self._assignment.attempt

    @property
    def metadata(self) -> dict[str, Any]:
        return self._assignment.metadata

    @property
    def created_at(self) -> datetime:
        return self._assignment.created()

    def __repr__(self) -> str:
        return f"Event(id={self.id!r}, attempt={self.attempt}, payload={self.payload!r})"
