"""Names that submitters give to executions: one execution for each, in the whole project, for as long as it is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stook.core.stored_key import stored_key
from stook.store.script.read.storable import storable
from stook.store.statement import Each

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from stook.core.chunk import Chunk
    from stook.core.extras import ItemExtras
    from stook.core.invocation import Place
    from stook.store.statement import Row, Script

__all__ = ["ExternalIdsHeld", "external_key", "find_external", "take_external_ids"]


class ExternalIdsHeld(Exception):
    """By other executions, as they are stored; nothing of the transaction is there."""

    def __init__(self, holders: Mapping[str, Place]) -> None:
        super().__init__(f"{len(holders)} external ids are held")
        self.holders = holders

    def holder_of(self, extras: ItemExtras | None) -> Place | None:
        """Of the external id that an item was to have."""
        wanted = None if extras is None else extras.external_id
        return None if wanted is None else self.holders.get(external_key(wanted))


def external_key(external_id: str) -> str:
    """As it is stored. `OptionError` for what no database keeps."""
    return stored_key("external_id", external_id)


def take_external_ids(project: str, batch_id: bytes, chunks: Sequence[Chunk]) -> Script[None]:
    """For the items of a new batch, each of another name. Comes before any lock but those on tickets."""
    rows, at = [], 0
    for chunk in chunks:
        for offset, one in (chunk.extras or {}).items():
            if one.external_id is not None:
                rows.append((project, external_key(one.external_id), batch_id, at + offset))
        at += chunk.count
    if not rows:
        return
    got: list[Row] = yield Each("take_external_id", sorted(rows))
    if len(got) == len(rows):
        return
    left = {row[1] for row in rows} - {name for (name,) in got}
    held: list[Row] = yield Each("find_external_id", [(project, name) for name in sorted(left)])
    raise ExternalIdsHeld({name: (holder, index) for name, holder, index in held})


def find_external(project: str, external_id: str) -> Script[Place | None]:
    if not external_id or not storable(external_id):
        return None
    rows: list[Row] = yield Each("find_external_id", [(project, external_key(external_id))])
    return (rows[0][1], rows[0][2]) if rows else None
