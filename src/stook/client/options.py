"""What `client.map` and `client.submit` can be told: the same words as `task.map` and `task.submit`."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypedDict

from stook.core.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = [
    "BATCH_OPTIONS",
    "EXECUTION_OPTIONS",
    "AnyBatchOptions",
    "BatchOptions",
    "ExecutionOptions",
    "check_known",
    "check_run_at",
    "check_words",
]


class ExecutionOptions(TypedDict, total=False):
    """Options of one execution. Durations are seconds.

    `run_at`: not before this aware time; `delay`: not before so many seconds from now. `expires_in`: not started by
    then, it expires. `priority`: higher runs first. `metadata`: JSON that handlers read as `ctx.metadata`. `webhooks`:
    ids of endpoints that are to hear of it, besides those that hear of everything.
    """

    priority: int
    run_at: datetime
    delay: float
    expires_in: float
    metadata: dict[str, Any]
    webhooks: Sequence[str]


class AnyBatchOptions(ExecutionOptions, total=False):
    """Options of a batch, in-process and of a server, beside those of each of its executions.

    `key` names the caller's own id of each item (a field, dotted, or a function of the item), unique within the batch.
    `tag` names a field that holds one tag of the item or a list of them. `name` for people. `max_concurrency`: its
    executions in flight at once. `deadline`: what has not ended in so many seconds expires.
    """

    key: str | Callable[[Any], object]
    tag: str
    name: str
    idempotency_key: str
    max_concurrency: int
    deadline: float


class BatchOptions(AnyBatchOptions, total=False):
    """`dedupe_key` names a field: an item whose key an unfinished execution of this task holds is left out.
    `idempotency_key`: the same key again is the same batch, continued where its submission stopped; other items under
    it are `KeyConflict`."""

    dedupe_key: str


BATCH_OPTIONS = BatchOptions.__optional_keys__
EXECUTION_OPTIONS = ExecutionOptions.__optional_keys__


def check_known(given: Mapping[str, object], names: frozenset[str]) -> None:
    """`OptionError` for a word that is none of `names`: Python itself does not look."""
    for word in given:
        if word not in names:
            near = difflib.get_close_matches(word, names, n=1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(sorted(names))}"
            raise OptionError(f"no option is called {word!r}", hint=hint)


def check_run_at(given: object) -> datetime | None:
    """`OptionError` unless it is a time that says its zone, or none."""
    if given is None or (isinstance(given, datetime) and given.tzinfo is not None):
        return given
    wrong = "has no time zone" if isinstance(given, datetime) else "is no datetime"
    raise OptionError(f"run_at={given!r} {wrong}", hint="like datetime.now(UTC) + timedelta(hours=1)")


def check_words(given: Mapping[str, object], names: frozenset[str]) -> None:
    """`OptionError` for a word that is none of `names`, or what the wire could not say. The server judges the rest."""
    check_known(given, names)
    check_run_at(given.get("run_at"))
    dedupe_key = given.get("dedupe_key")
    if dedupe_key is not None and not isinstance(dedupe_key, str):
        raise OptionError("dedupe_key is no field's name", hint="a function would not reach the server: add a field")
    tag = given.get("tag")
    if tag is not None and not isinstance(tag, str):
        raise OptionError(f"tag={tag!r} is no field's name")
    key = given.get("key")
    if key is not None and not isinstance(key, str) and not callable(key):
        raise OptionError(f"key={key!r} is neither a field's name nor a function")
    webhooks = given.get("webhooks")
    if webhooks is not None and not _are_ids(webhooks):
        raise OptionError(f"webhooks={webhooks!r} is not a list of endpoints' ids", hint="like ['whe_…']")
    for word in ("idempotency_key", "name"):
        text = given.get(word)
        if text is not None and (not isinstance(text, str) or not text or not text.isprintable()):
            raise OptionError(f"{word}={text!r} is no text that can be shown")


def _are_ids(found: object) -> bool:
    """They may stand with commas between."""
    if isinstance(found, str) or not isinstance(found, Sequence):
        return False
    return all(isinstance(one, str) and "," not in one for one in found)
