"""What followers are sent."""

from __future__ import annotations

import msgspec

__all__ = ["ExecutionsSettled", "FollowProjectQuery", "FollowQuery", "ItemsSettled", "NoQuery", "SettledItem"]


class SettledItem(msgspec.Struct, gc=False):
    index: int
    key: str | None
    state: str
    settle: int


class ItemsSettled(msgspec.Struct, kw_only=True, rename={"from_": "from"}):
    """Outcomes `from` to `to`, the last not included: `to` is the cursor to go on with."""

    from_: int
    to: int
    items: list[SettledItem]


class ExecutionsSettled(msgspec.Struct, kw_only=True, rename={"from_": "from"}):
    """As `ItemsSettled`, each a whole `Execution`."""

    from_: int
    to: int
    items: list[msgspec.Raw]


class FollowQuery(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """`after`: the cursor to go on from, where no `Last-Event-ID` says it. `results`: outcomes as whole executions."""

    after: str | None = None
    settled: bool = True
    results: bool = False


class FollowProjectQuery(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """`kind` may name several, with commas between."""

    after: str | None = None
    kind: str | None = None


class NoQuery(msgspec.Struct, forbid_unknown_fields=True):
    """Nothing may be asked for."""
