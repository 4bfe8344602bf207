"""What `map` and `submit` can be told, one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack

from stook.client.options import EXECUTION_OPTIONS, AnyBatchOptions, ExecutionOptions, check_known, check_run_at
from stook.engine.service import Options

if TYPE_CHECKING:
    from stook.wiring.items import Field

__all__ = ["MAP_OPTIONS", "SUBMIT_OPTIONS", "MapOptions", "SubmitOptions", "check_options", "options_of"]

SubmitOptions = ExecutionOptions
check_options = check_known


class MapOptions(AnyBatchOptions, total=False):
    """`dedupe_key` names a field, dotted, or is a function of the item: an item whose key an unfinished execution of
    this task holds is left out. `idempotency_key`: the same key again is the same batch, continued where its submission
    stopped; of a list (or another sequence or set) of up to 50,000 items the content is compared, and another one is
    `KeyConflict`.
    """

    dedupe_key: Field


MAP_OPTIONS = MapOptions.__optional_keys__
SUBMIT_OPTIONS = EXECUTION_OPTIONS


def options_of(**given: Unpack[MapOptions]) -> Options:
    """The engine's options. `OptionError` names what cannot be."""
    run_at = check_run_at(given.get("run_at"))
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
        webhooks=given.get("webhooks") or (),
    )
