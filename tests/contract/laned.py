"""Submitting to tasks with keys, as the engine does it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from stook.core.chunk import make_chunk
from stook.core.laid_out import placings_of
from stook.core.lanes import Laner
from stook.core.payload import split_array
from stook.core.policy import TaskPolicy
from stook.store.script.submit import submit
from tests.contract.batches import new_batch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stook.core.work import Slice
    from tests.contract.checked_store import CheckedStore

__all__ = ["given", "submit_values"]


async def submit_values(
    store: CheckedStore, values: Sequence[Any], terms: TaskPolicy, *, per: int = 512, **options: Any
) -> bytes:
    """The batch's id. `options` are those of `new_batch`, `run_at` and `expires_at`."""
    times = {name: options.pop(name) for name in ("run_at", "expires_at") if name in options}
    new = new_batch(store, policy=msgspec.json.encode(terms).decode(), **options)
    laner = Laner(terms)
    raw = [msgspec.json.encode(value) for value in values]
    parts = [raw[at : at + per] for at in range(0, len(raw), per)]
    await store.write(submit, new, [make_chunk(part, placings=placings_of(laner, part)) for part in parts], **times)
    return new.id


def given(slices: Sequence[Slice]) -> list[Any]:
    """Payloads, in order."""
    return [msgspec.json.decode(raw) for one in slices for raw in split_array(one.payload)]
