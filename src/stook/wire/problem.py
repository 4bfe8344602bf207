"""What every refused request is answered with."""

from __future__ import annotations

import msgspec

__all__ = ["Problem", "Refused"]


class Problem(msgspec.Struct, kw_only=True):
    """`code` never changes between releases; `message` and `hint` are for people. `index` is that of the item, `field`
    the part of the body or query that was wrong."""

    code: str
    message: str
    hint: str | None = None
    index: int | None = None
    field: str | None = None
    expected: int | None = None
    """`offset_mismatch`: the offset to go on with."""


class Refused(msgspec.Struct):
    error: Problem
