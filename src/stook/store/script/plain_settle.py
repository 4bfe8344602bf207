"""The settlement that most settlements are: all of a lease has succeeded, and its batch goes on. Where the database
can, it is one statement; `settle` knows the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from stook.core.picks import pack_durations
from stook.core.states import State
from stook.store.script.change import CHANGED_ITEMS
from stook.store.script.chunk_lane import LANED
from stook.store.script.dedupe import CALLER_KEYS
from stook.store.script.submit import PIECEMEAL
from stook.store.script.tags import TAGGED
from stook.store.statement import Notify, Shortcut

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stook.core.outcome import Settlement
    from stook.store.statement import Script

__all__ = ["settle_plainly"]

_RUNNING: Final = bytes([State.queued, State.scheduled])
_SUCCEEDED: Final = bytes([State.succeeded])
_HARMLESS: Final = CALLER_KEYS | CHANGED_ITEMS | LANED | PIECEMEAL | TAGGED
"""Bits of `batch.keyed` that an item's success has nothing to do with."""
_OTHERS: Final = 0x7FFFFFFF & ~_HARMLESS


def settle_plainly(settlements: Sequence[Settlement]) -> Script[bool]:
    """Whether that settled it."""
    if len(settlements) != 1:
        return False
    (one,) = settlements
    count = len(one.offsets)
    if not count or one.troubles or one.blobs or one.logs or not _in_a_row(one.offsets):
        return False
    lo = one.offsets[0]
    found = yield Shortcut(
        "settle_plain",
        (
            one.batch_id,
            one.token,
            lo,
            lo + count,
            pack_durations(one.durations),
            b"[" + b",".join(one.results) + b"]",
            _RUNNING,
            _SUCCEEDED * count,
            _OTHERS,
        ),
    )
    if found is None:
        return False
    yield Notify((f"batch:{one.batch_id.hex()}",))
    return True


def _in_a_row(offsets: Sequence[int]) -> bool:
    if isinstance(offsets, range):
        return offsets.step == 1
    return list(offsets) == list(range(offsets[0], offsets[0] + len(offsets)))
