"""One execution as its submitter sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar

from stook.core.errors import ExecutionCancelled, ExecutionExpired, ExecutionFailed
from stook.core.payload import decode
from stook.core.states import TERMINAL, State

if TYPE_CHECKING:
    from collections.abc import Callable

    from stook.store.script.read.item_row import ItemRow

__all__ = ["Failure", "Result"]

T = TypeVar("T")


class Failure:
    """Why an execution failed: `code` (stable), `type` of the error, `message`, `fingerprint` of its group."""

    __slots__ = ("code", "fingerprint", "message", "traceback", "type")

    def __init__(self, code: str, type_: str, message: str, fingerprint: str, traceback: str) -> None:
        self.code = code
        self.type = type_
        self.message = message
        self.fingerprint = fingerprint
        self.traceback = traceback

    def __repr__(self) -> str:
        return f"<Failure {self.type}: {self.message}>"


class Result(Generic[T]):
    """`index` in input order, the caller's `key`, `id`, `state`, `attempts` of its round, `duration` in seconds."""

    def __init__(self, row: ItemRow, read: Callable[[bytes], T] = decode) -> None:
        self._row = row
        self._read = read
        self.index = row.index
        self.key = row.key
        self.id = row.id
        self.state = row.state.name
        self.attempts = row.attempts
        self.duration = None if row.duration is None else row.duration / 1_000_000

    @property
    def ok(self) -> bool:
        return self._row.state is State.succeeded

    @property
    def done(self) -> bool:
        return self._row.state in TERMINAL

    @property
    def input(self) -> Any:
        """The payload, decoded anew at each look."""
        return decode(self._row.input)

    @property
    def error(self) -> Failure | None:
        found = self._row.error
        if found is None:
            return None
        return Failure(found.code, found.type, found.message, found.fingerprint, found.traceback)

    @property
    def value(self) -> T:
        """What the handler returned, as its annotation says. Raises what happened instead: `ExecutionFailed`,
        `ExecutionCancelled`, `ExecutionExpired`; an unfinished one has no value, which is `ExecutionFailed` too."""
        match self._row.state:
            case State.succeeded:
                return self._read(b"null" if self._row.result is None else self._row.result)
            case State.cancelled:
                raise ExecutionCancelled("was cancelled", index=self.index)
            case State.expired:
                raise ExecutionExpired("was not started in time", index=self.index)
            case State.failed:
                error = self.error
                what = "failed" if error is None else f"{error.type}: {error.message}"
                raise ExecutionFailed(what, error=error, index=self.index)
            case _:
                raise ExecutionFailed(f"is {self.state}, not finished", index=self.index)

    def __repr__(self) -> str:
        return f"<Result {self.index} {self.state}>"
