"""What `map` and `submit` can be told, one by one."""

from __future__ import annotations

import difflib
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

from stook.core.errors import OptionError
from stook.engine.service import Options

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stook.wiring.items import Field

__all__ = ["MAP_OPTIONS", "SUBMIT_OPTIONS", "MapOptions", "SubmitOptions", "check_options", "options_of"]


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
    `idempotency_key`: the same key again is the same batch, continued where its submission stopped; of a list (or
    another sequence or set) of up to 50,000 items the content is compared, and another one is `KeyConflict`.
    `max_concurrency`: its executions in flight at once. `deadline`: what has not ended in so many seconds expires.
    """

    key: Field
    dedupe_key: Field
    name: str
    idempotency_key: str
    max_concurrency: int
    deadline: float


MAP_OPTIONS = MapOptions.__optional_keys__
SUBMIT_OPTIONS = SubmitOptions.__optional_keys__


def check_options(given: Mapping[str, object], names: frozenset[str]) -> None:
    """`OptionError` for a word that is none of `names`: Python itself does not look."""
    for word in given:
        if word not in names:
            near = difflib.get_close_matches(word, names, n=1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(sorted(names))}"
            raise OptionError(f"no option is called {word!r}", hint=hint)


def options_of(**given: Unpack[MapOptions]) -> Options:
    """The engine's options. `OptionError` names what cannot be."""
    run_at: Any = given.get("run_at")
    if run_at is not None and (not isinstance(run_at, datetime) or run_at.tzinfo is None):
        wrong = "has no time zone" if isinstance(run_at, datetime) else "is no datetime"
        raise OptionError(f"run_at={run_at!r} {wrong}", hint="like datetime.now(UTC) + timedelta(hours=1)")
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
