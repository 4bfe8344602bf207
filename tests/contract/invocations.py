"""Short words for tests that invoke."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stook.core.invocation import Debouncing, NewItem, Throttling
from stook.store.script.invoke import Group, invoke
from tests.contract.batches import new_batch, payload
from tests.contract.moving_clock import SECOND

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stook.core.invocation import Receipt
    from tests.contract.checked_store import CheckedStore

__all__ = ["Call", "call", "debounced", "invoke_items", "item", "keyed", "throttled"]


def item(n: int = 0, **options: Any) -> NewItem:
    return NewItem(payload=payload(n), **options)


def keyed(n: int, key: str, mode: Any = "return_existing", **options: Any) -> NewItem:
    return item(n, dedupe=key, mode=mode, **options)


def throttled(n: int, seconds: float, key: str = "k", **options: Any) -> NewItem:
    return item(n, throttle=Throttling(key, round(seconds * SECOND)), **options)


def debounced(n: int, seconds: float, key: str = "k", *, reset: bool = False, wait: float | None = None) -> NewItem:
    most = None if wait is None else round(wait * SECOND)
    return item(n, debounce=Debouncing(key, round(seconds * SECOND), reset, most))


class Call:
    """What came of one call: `batch` is the one that it would create."""

    def __init__(self, batch: bytes, receipts: Sequence[Receipt]) -> None:
        self.batch = batch
        self.receipts = receipts

    @property
    def reasons(self) -> list[str | None]:
        return [one.reason for one in self.receipts]

    @property
    def created(self) -> list[bool]:
        return [one.created for one in self.receipts]

    @property
    def places(self) -> list[tuple[bytes, int] | None]:
        return [one.place for one in self.receipts]

    @property
    def own(self) -> list[int | None]:
        """Indexes of those that are in the call's batch."""
        return [None if one.place is None or one.place[0] != self.batch else one.place[1] for one in self.receipts]


async def call(store: CheckedStore, *items: NewItem, task: str = "t", other: Any = None, **options: Any) -> Call:
    """`options` are those of `Group` and of `new_batch`. `other`: another store that makes the call."""
    how = {name: options.pop(name) for name in ("whole", "begun", "sealed") if name in options}
    group = Group(options.pop("new", None) or new_batch(store, task=task, **options), items, range(len(items)), **how)
    return Call(group.new.id, await (other or store).write(invoke, [group]))


async def invoke_items(store: CheckedStore, *groups: tuple[str, Sequence[NewItem]]) -> list[Call]:
    """One call of several tasks; each task's part of the answer."""
    made, place = [], 0
    for task, items in groups:
        made.append(Group(new_batch(store, task=task), items, range(place, place + len(items))))
        place += len(items)
    receipts = await store.write(invoke, made)
    return [Call(one.new.id, [receipts[at] for at in one.places]) for one in made]
