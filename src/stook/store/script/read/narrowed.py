"""What filters leave of a batch's executions, whatever state they are in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import msgspec

from stook.store.script.read.storable import storable
from stook.store.script.tags import tagged
from stook.store.statement import All, Each

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stook.store.statement import Row, Script

__all__ = ["Narrow", "Narrowing", "narrowed"]

_MOST_GROUPS = 2**31 - 1


class Narrowing(Protocol):
    """`stook.core.retry_scope.RetryScope`, or a look with the same filters."""

    @property
    def group(self) -> str | None: ...
    @property
    def indexes(self) -> tuple[int, ...] | None: ...
    @property
    def keys(self) -> tuple[str, ...] | None: ...
    @property
    def tag(self) -> str | None: ...
    @property
    def code(self) -> str | None: ...
    @property
    def type(self) -> str | None: ...
    @property
    def start(self) -> int: ...
    @property
    def stop(self) -> int | None: ...


class Narrow(msgspec.Struct, frozen=True, kw_only=True):
    """Filters as those of a `RetryScope`, whatever the state."""

    group: str | None = None
    indexes: tuple[int, ...] | None = None
    keys: tuple[str, ...] | None = None
    tag: str | None = None
    code: str | None = None
    type: str | None = None
    start: int = 0
    stop: int | None = None


def narrowed(batch_id: bytes, total: int, by: Narrowing) -> Script[set[int] | None]:
    """Indexes that pass every filter; None: there is none, all do."""
    found: set[int] | None = None if by.indexes is None else set(by.indexes)
    if by.keys is not None:
        wanted = [(batch_id, key) for key in dict.fromkeys(by.keys) if storable(key)]
        rows: list[Row] = (yield Each("find_item_key", wanted)) if wanted else []
        found = _both(found, {row[1] for row in rows})
    if by.tag is not None:
        bearing = yield from tagged(batch_id, by.tag)
        found = _both(found, {first + offset for first, offsets in bearing.items() for offset in offsets})
    if by.group is not None or by.code is not None or by.type is not None:
        found = _both(found, (yield from _failed_so(batch_id, by)))
    if by.start or by.stop is not None:
        span = range(by.start, total if by.stop is None else min(by.stop, total))
        found = set(span) if found is None else {index for index in found if index in span}
    return found


def _both(found: set[int] | None, more: set[int]) -> set[int]:
    return more if found is None else found & more


def _failed_so(batch_id: bytes, by: Narrowing) -> Script[set[int]]:
    """Those whose last final failure is of a group that the filters let pass."""
    groups: Sequence[str] = [by.group] if by.group is not None else []
    if by.code is not None or by.type is not None:
        rows: list[Row] = yield All("read_failure_groups", (batch_id, _MOST_GROUPS))
        groups = [
            row[0]
            for row in rows
            if by.group in (None, row[0]) and by.code in (None, row[1]) and by.type in (None, row[2])
        ]
    found: set[int] = set()
    for group in groups:
        if storable(group):
            items: list[Row] = yield All("group_items", (batch_id, group))
            found.update(index for (index,) in items)
    return found
