"""Inputs changed by hand, on their way into the store."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Final

from stook.core.errors import OptionError, PayloadError
from stook.core.lanes import Laner
from stook.core.merge_patch import is_object, merge_patch
from stook.core.payload import validate_many
from stook.engine.payload_schema import payload_check
from stook.store.script.batch_row import read_batch
from stook.store.script.change import NewInput
from stook.store.script.read.batch_view import show_batch
from stook.store.script.read.scoped import scoped_inputs

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stook.core.retry_scope import RetryScope
    from stook.engine.blobs import Blobs
    from stook.store.port import Store

__all__ = ["MOST", "merged_inputs", "new_inputs"]

MOST: Final = 100_000
"""Inputs changed at once."""


async def new_inputs(
    store: Store, blobs: Blobs, project: str, batch_id: bytes, given: Mapping[int, bytes]
) -> list[NewInput]:
    """Checked: JSON, no larger than allowed, what the task's schema lets pass; large ones put aside. Errors name the
    index."""
    if len(given) > MOST:
        raise OptionError(f"{len(given)} inputs are changed at once, up to {MOST} can be", hint="narrow the retry")
    task = (await store.read(show_batch, batch_id)).task
    check = await payload_check(store, project, task)
    laner = Laner((await store.read(read_batch, batch_id)).task_policy)
    found: list[NewInput] = []
    for index, payload in given.items():
        try:
            (clean,) = validate_many([payload])
        except PayloadError as error:
            error.index = index
            raise
        check(index, clean)
        place = None if laner.idle else laner.places([clean], index)[0]
        if len(clean) > blobs.inline:
            name = f"e{index}-{secrets.token_hex(6)}"
            found.append(NewInput(index, await blobs.put(batch_id, name, clean, index=index), blob=True, place=place))
        else:
            found.append(NewInput(index, clean, place=place))
    return found


async def merged_inputs(
    store: Store, blobs: Blobs, batch_id: bytes, scope: RetryScope, merge: bytes
) -> dict[int, bytes]:
    """The inputs of all that is in scope, with the merge patch applied."""
    (patch,) = validate_many([merge])
    if not is_object(patch):
        raise OptionError("merge is no JSON object", hint='name the fields to change: {"field": value}')
    found: dict[int, bytes] = {}
    after = 0
    while items := await store.read(scoped_inputs, batch_id, scope, after):
        for item in items:
            payload = await blobs.get(batch_id, item.payload) if item.blob else item.payload
            if not is_object(payload):
                raise OptionError(
                    f"the input of execution {item.index} is no object, so nothing can be merged into it",
                    index=item.index,
                    hint="narrow the retry, or give overrides",
                )
            found[item.index] = merge_patch(payload, patch)
        if len(found) > MOST:
            raise OptionError(
                f"more than {MOST} executions are in scope, whose inputs would be changed",
                hint="narrow the retry: by state, group, tag, code, type, keys or indexes from … to",
            )
        after = items[-1].index + 1
    return found
