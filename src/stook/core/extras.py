"""What a single item has of its own beside its payload: a timeout, metadata, what called it.

Stored with its chunk as a JSON object by offset, for those items alone that have any.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["NO_EXTRAS", "ItemExtras", "read_extras", "write_extras"]


class ItemExtras(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    timeout: float | None = None
    """Seconds of one attempt, in the place of the task's."""
    metadata: dict[str, Any] | None = None
    """Its own, over the batch's."""
    kind: str = "invoke"
    name: str = "stook.invoke"
    """What `Event.kind` and `Event.name` say."""
    parent: str | None = None
    """The execution that waits for it."""
    tags: tuple[str, ...] = ()
    run_at: int | None = None
    """Microseconds; what it was submitted with."""
    priority: int | None = None
    """Where it is not the batch's, for whoever looks at it once it has left the queue."""
    dedupe_key: str | None = None
    """What it was submitted under; the key may be another's by now."""
    external_id: str | None = None
    """Its own in the project for as long as it is kept; of hosted code."""
    empty: bool = False
    """It was submitted without a payload, and the one that is stored (null) stands for none; of hosted code."""


NO_EXTRAS: Final[Mapping[int, ItemExtras]] = MappingProxyType({})
_decode = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_one = msgspec.json.Decoder(ItemExtras).decode


def write_extras(extras: Mapping[int, ItemExtras] | None) -> str | None:
    return msgspec.json.encode({str(offset): one for offset, one in extras.items()}).decode() if extras else None


def read_extras(text: str, offsets: Sequence[int]) -> Mapping[int, ItemExtras]:
    """Of these offsets."""
    found = _decode(text)
    keyed = ((offset, found.get(str(offset))) for offset in offsets)
    return {offset: _decode_one(one) for offset, one in keyed if one is not None}
