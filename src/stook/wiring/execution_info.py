"""What there is to know of one execution."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from stook.client.result import Failure
from stook.core.payload import decode
from stook.core.states import TERMINAL, State

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from stook.core.wait import Awaited
    from stook.engine.execution_facts import Facts

__all__ = ["ExecutionInfo", "info_of"]


@dataclass(frozen=True, slots=True)
class ExecutionInfo:
    """As it is at this moment. `attempts` are those begun since it was last taken up by hand, the one it runs or is
    suspended in among them; `losses` counts workers that died with it, which cost no attempt. `batch_id` is None for
    one that was not invoked with others. `result` is what the handler returned, of one that succeeded; `error` why it
    failed, or the reason it was cancelled with. `dedupe_key` is the one it was invoked under. `waiting_on` is what a
    suspended one waits for; `why_waiting` says in words why one that has not ended does not run, where it was asked for
    by id."""

    id: str
    task: str
    queue: str
    state: str
    priority: int
    attempts: int
    losses: int
    error: Failure | str | None
    result: Any
    run_at: datetime
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    parent_id: str | None
    batch_id: str | None
    dedupe_key: str | None
    tags: tuple[str, ...]
    metadata: dict[str, Any] = field(default_factory=dict)
    waiting_on: Sequence[Awaited] = ()
    why_waiting: str | None = None

    @property
    def done(self) -> bool:
        return State[self.state] in TERMINAL


def info_of(found: Facts, read: Callable[[bytes], Any] = decode) -> ExecutionInfo:
    """`read` makes a result of its JSON."""
    given = msgspec.structs.asdict(found)
    del given["reason"]
    given["state"] = found.state.name
    given["error"] = _error(found)
    given["result"] = None if found.result is None else read(found.result)
    for name in ("run_at", "created_at", "started_at", "finished_at"):
        given[name] = None if given[name] is None else datetime.fromtimestamp(given[name] / 1_000_000, UTC)
    return ExecutionInfo(**given)


def _error(found: Facts) -> Failure | str | None:
    error = found.error
    if error is not None:
        return Failure(error.code, error.type, error.message, error.fingerprint, error.traceback)
    return found.reason
