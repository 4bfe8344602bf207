"""The options of one invocation, checked: nothing is written before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Protocol

import msgspec

from stook.core.errors import OptionError, PayloadError
from stook.core.extras import ItemExtras
from stook.core.invocation import DEDUPE_MODES, Debouncing, NewItem, Throttling
from stook.core.moments import Duration, micros_of, seconds_of
from stook.core.payload import encode
from stook.core.periods import debouncing_of, throttling_of
from stook.core.stored_key import stored_key

if TYPE_CHECKING:
    from stook.core.invocation import Dedupe
    from stook.core.moments import When
    from stook.core.periods import Debounce, Throttle

__all__ = ["ItemOptions", "new_item"]

MAX_METADATA_BYTES: Final = 64 * 1024
MAX_TAGS: Final = 100
MAX_TAG_BYTES: Final = 512


class ItemOptions(Protocol):
    """What is said of one item, wherever it comes from. None: nothing."""

    @property
    def run_at(self) -> When | None: ...
    @property
    def delay(self) -> Duration | None: ...
    @property
    def priority(self) -> int | None: ...
    @property
    def dedupe_key(self) -> str | None: ...
    @property
    def dedupe(self) -> Dedupe | None: ...
    @property
    def dedupe_ttl(self) -> Duration | None: ...
    @property
    def throttle(self) -> Duration | Throttle | None: ...
    @property
    def debounce(self) -> Duration | Debounce | None: ...
    @property
    def timeout(self) -> Duration | None: ...
    @property
    def expires_in(self) -> Duration | None: ...
    @property
    def tags(self) -> Sequence[str]: ...
    @property
    def metadata(self) -> Mapping[str, Any] | None: ...


def new_item(raw: bytes, item: ItemOptions, *, dedupe: Dedupe = "return_existing") -> NewItem:
    """`raw` is the payload's JSON; `dedupe` counts where the item says nothing. `OptionError` says which option is
    wrong, and what about it."""
    if item.run_at is not None and item.delay is not None:
        raise OptionError("run_at and delay are two times", hint="give one of them")
    if item.throttle is not None and item.debounce is not None:
        raise OptionError("Cannot use both throttle and debounce - choose one")
    if item.debounce is not None and (item.run_at is not None or item.delay is not None):
        raise OptionError("debounce says when it is due", hint="leave out run_at and delay")
    key = None if item.dedupe_key is None else stored_key("dedupe_key", item.dedupe_key)
    return NewItem(
        payload=raw,
        priority=_priority(item.priority),
        run_at=None if item.run_at is None else micros_of("run_at", item.run_at),
        delay=_micros("delay", item.delay),
        expires_in=_micros("expires_in", item.expires_in),
        dedupe=key,
        mode=_mode(item, dedupe),
        ttl=_ttl(item),
        throttle=_throttling(item, key),
        debounce=_debouncing(item, key),
        extras=_extras(item),
        tags=_tags(item.tags),
    )


def _micros(name: str, value: Duration | None) -> int | None:
    return None if value is None else round(seconds_of(name, value) * 1_000_000)


def _priority(value: object) -> int:
    if value is None:
        return 0
    if type(value) is not int or not -(2**31) <= value < 2**31:
        raise OptionError(f"priority={value!r} is not a whole number of 32 bits")
    return value


def _mode(item: ItemOptions, dedupe: Dedupe) -> Dedupe:
    mode = dedupe if item.dedupe is None else item.dedupe
    if mode not in DEDUPE_MODES:
        raise OptionError(f"dedupe={mode!r} is none of {', '.join(DEDUPE_MODES)}")
    if item.dedupe_key is None and item.dedupe not in (None, "return_existing"):
        raise OptionError(f"dedupe={mode!r} needs a dedupe_key")
    return mode if item.dedupe_key is not None else "return_existing"


def _ttl(item: ItemOptions) -> int | None:
    if item.dedupe_ttl is None:
        return None
    if item.dedupe_key is None:
        raise OptionError("dedupe_ttl needs a dedupe_key")
    return _micros("dedupe_ttl", item.dedupe_ttl) or None


def _throttling(item: ItemOptions, key: str | None) -> Throttling | None:
    if item.throttle is None:
        return None
    found = throttling_of(item.throttle, key)
    return Throttling(stored_key("throttle: key", found.key, empty=True), found.period)


def _debouncing(item: ItemOptions, key: str | None) -> Debouncing | None:
    if item.debounce is None:
        return None
    found = debouncing_of(item.debounce, key)
    return msgspec.structs.replace(found, key=stored_key("debounce: key", found.key, empty=True))


def _tags(given: object) -> tuple[str, ...]:
    if isinstance(given, str) or not isinstance(given, Sequence):
        raise OptionError(f"tags={given!r} is not a list of tags", hint="like ['red', 'eu']")
    if len(given) > MAX_TAGS:
        raise OptionError(f"{len(given)} tags, at most {MAX_TAGS} are allowed")
    for tag in given:
        stored = stored_key("a tag", tag)
        if stored != tag:
            raise OptionError(f"a tag has more than {MAX_TAG_BYTES} bytes", hint="use a hash of it")
    return tuple(dict.fromkeys(given))


def _extras(item: ItemOptions) -> ItemExtras | None:
    timeout = None if item.timeout is None else seconds_of("timeout", item.timeout)
    if timeout == 0:
        raise OptionError("timeout=0 would never let an attempt run", hint="leave it out for the task's")
    metadata = None if item.metadata is None else _metadata(item.metadata)
    if timeout is None and metadata is None and item.tags == () and item.dedupe_key is None and not item.priority:
        return None
    return ItemExtras(
        timeout=timeout,
        metadata=metadata,
        tags=_tags(item.tags),
        dedupe_key=item.dedupe_key,
        priority=item.priority or None,
    )


def _metadata(given: object) -> dict[str, Any]:
    if not isinstance(given, Mapping):
        raise OptionError(f"metadata={given!r} is not a dict")
    found = dict(given)
    try:
        size = len(encode(found))
    except PayloadError as error:
        raise OptionError(f"metadata: {error.message}", hint=error.hint) from None
    if size > MAX_METADATA_BYTES:
        raise OptionError(
            f"metadata has {size} bytes, at most {MAX_METADATA_BYTES} are allowed",
            hint="pass a reference to where it lies",
        )
    return found
