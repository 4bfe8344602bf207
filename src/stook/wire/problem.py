"""What every refused request is answered with."""

from __future__ import annotations

import msgspec

__all__ = ["Problem", "QuotaProblem", "Refused"]


class QuotaProblem(msgspec.Struct, kw_only=True):
    """`name` is the project's limit that was hit, `limit` its value; `used` of it is taken (null: it is a rate), `room`
    items or bytes may still come now; `retry_after` seconds may help, null: nobody knows."""

    name: str
    limit: float
    used: float | None
    room: int
    retry_after: float | None


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
    state: str | None = None
    """`conflict`: the state the execution is in."""
    quota: QuotaProblem | None = None
    """`quota_exceeded`: by how much."""


class Refused(msgspec.Struct):
    error: Problem
