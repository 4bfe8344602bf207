"""What `client.map` and `client.submit` can be told: the same words as `task.map` and `task.submit`."""

from __future__ import annotations

import difflib
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypedDict

from stook.core.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["BATCH_OPTIONS", "EXECUTION_OPTIONS", "BatchOptions", "ExecutionOptions", "check_words"]


class ExecutionOptions(TypedDict, total=False):
    """Options of one execution. Durations are seconds.

    `run_at`: not before this aware time; `delay`: not before so many seconds from now. `expires_in`: not started by
    then, it expires. `priority`: higher runs first. `metadata`: JSON that handlers read as `ctx.metadata`.
    """

    priority: int
    run_at: datetime
    delay: float
    expires_in: float
    metadata: dict[str, Any]


class BatchOptions(ExecutionOptions, total=False):
    """Options of a batch, beside those of each of its executions.

    `key` names the caller's own id of each item (a field, dotted, or a function of the item), unique within the batch.
    `dedupe_key` names a field: an item whose key an unfinished execution of this task holds is left out. `name` for
    people. `idempotency_key`: the same key again is the same batch, continued where its submission stopped; other
    items under it are `KeyConflict`. `max_concurrency`: its executions in flight at once. `deadline`: what has not
    ended in so many seconds expires.
    """

    key: str | Callable[[Any], object]
    dedupe_key: str
    name: str
    idempotency_key: str
    max_concurrency: int
    deadline: float


BATCH_OPTIONS = BatchOptions.__optional_keys__
EXECUTION_OPTIONS = ExecutionOptions.__optional_keys__


def check_words(given: Mapping[str, object], names: frozenset[str]) -> None:
    """`OptionError` for a word that is none of `names`, or what the wire could not say. The server judges the rest."""
    for word in given:
        if word not in names:
            near = difflib.get_close_matches(word, names, n=1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(sorted(names))}"
            raise OptionError(f"no option is called {word!r}", hint=hint)
    run_at = given.get("run_at")
    if run_at is not None and (not isinstance(run_at, datetime) or run_at.tzinfo is None):
        wrong = "has no time zone" if isinstance(run_at, datetime) else "is no datetime"
        raise OptionError(f"run_at={run_at!r} {wrong}", hint="like datetime.now(UTC) + timedelta(hours=1)")
    dedupe_key = given.get("dedupe_key")
    if dedupe_key is not None and not isinstance(dedupe_key, str):
        raise OptionError("dedupe_key is no field's name", hint="a function would not reach the server: add a field")
    key = given.get("key")
    if key is not None and not isinstance(key, str) and not callable(key):
        raise OptionError(f"key={key!r} is neither a field's name nor a function")
    for word in ("idempotency_key", "name"):
        text = given.get(word)
        if text is not None and (not isinstance(text, str) or not text or not text.isprintable()):
            raise OptionError(f"{word}={text!r} is no text that can be shown")
