"""How a batch, or one execution, is submitted: checked before anything is written."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final, TypeGuard

import msgspec

from stook.core.errors import OptionError, PayloadError
from stook.core.payload import encode
from stook.engine.names import check_name

__all__ = ["Block", "Options", "behind", "check_count"]

MAX_METADATA_BYTES: Final = 64 * 1024
"""It stands in the batch's row, which every flush of outcomes writes."""


MAX_WEBHOOKS: Final = 20
_LONGEST: Final = 10**9


class Block(msgspec.Struct, gc=False):
    """Consecutive items as they are read: payloads as JSON, the caller's ids, dedupe keys and tags where given."""

    payloads: Sequence[bytes]
    keys: Sequence[str] | None = None
    dedupe: Sequence[str | None] | None = None
    tags: Sequence[Sequence[str]] | None = None


def behind(block: Block, count: int) -> Block:
    """Without its first `count` items."""
    columns = (block.payloads, block.keys, block.dedupe, block.tags)
    return Block(*(None if column is None else column[count:] for column in columns))  # type: ignore[arg-type]


class Options(msgspec.Struct, kw_only=True, frozen=True):
    """Durations in seconds; `run_at` in microseconds since the epoch. `digest` stands for the content that `key` stands
    for. `OptionError` names what cannot be."""

    name: str | None = None
    key: str | None = None
    digest: str | None = None
    priority: int = 0
    max_concurrency: int | None = None
    run_at: int | None = None
    delay: float | None = None
    expires_in: float | None = None
    deadline: float | None = None
    metadata: dict[str, Any] | None = None
    webhooks: Sequence[str] = ()
    """Endpoints that are to hear of it, besides those that hear of every batch."""

    def __post_init__(self) -> None:
        if self.name is not None:
            check_name("name", self.name)
        if self.key is not None:
            check_name("idempotency_key", self.key)
        if self.run_at is not None and self.delay is not None:
            raise OptionError("give run_at or delay, not both")
        check_count("max_concurrency", self.max_concurrency, hint="pause the batch instead")
        if not _is_whole(self.priority) or not -(2**31) <= self.priority < 2**31:
            raise OptionError(f"priority={self.priority!r} is not a whole number of 32 bits")
        for name in ("delay", "expires_in", "deadline"):
            value = getattr(self, name)
            if value is not None and not _is_duration(value):
                raise OptionError(f"{name}={value!r} is not a number of seconds ≥ 0")
        _check_webhooks(self.webhooks)
        self.metadata_json()

    def metadata_json(self) -> str | None:
        if self.metadata is None:
            return None
        if not isinstance(self.metadata, dict):
            raise OptionError(f"metadata={self.metadata!r} is not a dict")
        try:
            text = encode(self.metadata).decode()
        except PayloadError as error:
            raise OptionError(f"metadata: {error.message}", hint=error.hint) from None
        if len(text) > MAX_METADATA_BYTES:
            raise OptionError(
                f"metadata has {len(text)} bytes, at most {MAX_METADATA_BYTES} are allowed",
                hint="pass a reference to where it lies",
            )
        return text


def _check_webhooks(ids: object) -> None:
    """That they exist is looked up by the transaction that writes them down."""
    if isinstance(ids, str) or not isinstance(ids, Sequence):
        raise OptionError(f"webhooks={ids!r} is not a list of endpoints' ids", hint="like ['whe_…']")
    if len(ids) > MAX_WEBHOOKS:
        raise OptionError(f"webhooks has {len(ids)} ids, at most {MAX_WEBHOOKS} are allowed")
    for one in ids:
        check_name("webhooks", one)


def check_count(what: str, value: object, *, hint: str) -> None:
    """`OptionError` unless it is None or a whole number ≥ 1."""
    if value is not None and (not _is_whole(value) or not 1 <= value < 2**31):
        raise OptionError(f"{what}={value!r} is not a whole number ≥ 1", hint=hint)


def _is_whole(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_duration(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return math.isfinite(value) and 0 <= value < _LONGEST
