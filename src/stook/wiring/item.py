"""One item of `invoke_many`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, fields
from typing import TYPE_CHECKING, Any

from stook.core.errors import OptionError

if TYPE_CHECKING:
    from stook.core.invocation import Dedupe
    from stook.core.moments import Duration, When
    from stook.core.periods import Debounce, Throttle
    from stook.wiring.definitions import TaskDef
    from stook.wiring.task import Task

__all__ = ["ITEM_OPTIONS", "Bare", "Item", "Mistaken", "item_of"]


@dataclass(frozen=True, slots=True)
class Item:
    """A payload with the options of `App.invoke`; what is None is as the call says."""

    payload: Any = None
    _: KW_ONLY
    task: Task[..., Any, Any] | TaskDef | str | None = None
    queue: str | None = None
    run_at: When | None = None
    delay: Duration | None = None
    priority: int | None = None
    dedupe_key: str | None = None
    dedupe: Dedupe | None = None
    dedupe_ttl: Duration | None = None
    throttle: Duration | Throttle | None = None
    debounce: Duration | Debounce | None = None
    timeout: Duration | None = None
    expires_in: Duration | None = None
    tags: Sequence[str] = ()
    metadata: Mapping[str, Any] | None = None


class Bare:
    """An `Item` of a payload alone: the most frequent ones, of which there may be very many."""

    __slots__ = ("payload",)
    task = None
    queue = None

    def __init__(self, payload: Any) -> None:
        self.payload = payload


ITEM_OPTIONS = frozenset(one.name for one in fields(Item))


class Mistaken(Bare):
    """What looks like an item, and cannot be one."""

    __slots__ = ("error",)

    def __init__(self, error: OptionError) -> None:
        super().__init__(None)
        self.error = error


def item_of(given: object) -> Item | Bare:
    """An `Item` as it is; a mapping with some of its fields as keys, and no other key, as one; one with the key
    `payload` and other keys is `Mistaken`; anything else is a payload, an empty mapping too."""
    if isinstance(given, Item):
        return given
    if (type(given) is dict or isinstance(given, Mapping)) and given:
        if given.keys() <= ITEM_OPTIONS:
            return Item(**given)
        if "payload" in given:
            return Mistaken(_unknown(given))
    return Bare(given)


def _unknown(given: Mapping[Any, Any]) -> OptionError:
    unknown = next(key for key in given if key not in ITEM_OPTIONS)
    return OptionError(
        f"an item has no option {unknown!r}",
        hint="if all of it is the payload, say Item(payload={…}); options are those of invoke",
    )
