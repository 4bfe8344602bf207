"""What `map` and `submit` can be told, one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict, Unpack

from stook.core.errors import OptionError
from stook.engine.service import Options

if TYPE_CHECKING:
    from datetime import datetime

    from stook.wiring.items import Field

__all__ = ["MapOptions", "SubmitOptions", "options_of"]


class SubmitOptions(TypedDict, total=False):
    """Options of one execution. Durations are seconds.

    `run_at`: not before this aware time; `delay`: not before so many seconds from now. `expires_in`: not started by
    then, it expires. `priority`: higher runs first. `metadata`: JSON that handlers read as `ctx.metadata`.
    """

    priority: int
    run_at: datetime
    delay: float
    expires_in: float
    metadata: dict[str, Any]


class MapOptions(SubmitOptions, total=False):
    """Options of a batch, beside those of each of its executions.

    `key` names the caller's own id of each item (a field, dotted, or a function of the item), unique within the batch.
    `dedupe_key` likewise: an item whose key an unfinished execution of this task holds is left out. `name` for people.
    `idempotency_key`: the same key again is the same batch, continued where its submission stopped. `max_concurrency`:
    its executions in flight at once. `deadline`: what has not ended so many seconds from now expires.
    """

    key: Field
    dedupe_key: Field
    name: str
    idempotency_key: str
    max_concurrency: int
    deadline: float


def options_of(**given: Unpack[MapOptions]) -> Options:
    """The engine's options. `OptionError` names what cannot be."""
    run_at = given.get("run_at")
    if run_at is not None and run_at.tzinfo is None:
        raise OptionError(f"run_at={run_at!r} has no time zone", hint="like datetime.now(UTC) + timedelta(hours=1)")
    return Options(
        name=given.get("name"),
        key=given.get("idempotency_key"),
        priority=given.get("priority", 0),
        max_concurrency=given.get("max_concurrency"),
        run_at=None if run_at is None else round(run_at.timestamp() * 1_000_000),
        delay=given.get("delay"),
        expires_in=given.get("expires_in"),
        deadline=given.get("deadline"),
        metadata=given.get("metadata"),
    )
