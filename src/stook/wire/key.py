"""API keys on the wire."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from stook.wire.stamp import Stamp

__all__ = ["Key", "KeyPage", "NewKey", "RotateKey", "Scope", "ShownKey"]

Scope = Literal["read", "submit", "operate", "worker", "admin"]


class Key(msgspec.Struct, kw_only=True):
    id: str
    project: str
    name: str
    scopes: list[str]
    created_at: Stamp
    revoked_at: Stamp | None
    last_used_at: Stamp | None


class ShownKey(Key, kw_only=True):
    """`secret` is shown this once."""

    secret: str


class KeyPage(msgspec.Struct):
    data: list[Key]
    next: None = None


class NewKey(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
    scopes: Annotated[list[Scope], msgspec.Meta(min_length=1)]


class RotateKey(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Seconds for which the old secret goes on to be valid."""

    overlap: Annotated[float, msgspec.Meta(ge=0, le=30 * 86_400)] = 0.0
