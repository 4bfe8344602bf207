"""What every refused request is answered with."""

from __future__ import annotations

import msgspec

__all__ = ["ItemProblem", "Problem", "QuotaProblem", "Refused"]


class QuotaProblem(msgspec.Struct, kw_only=True):
    """`name` is the project's limit that was hit, `limit` its value; `used` of it is taken (null: it is a rate), `room`
    items or bytes may still come now; `retry_after` seconds may help, null: nobody knows."""

    name: str
    limit: float
    used: float | None
    room: int
    retry_after: float | None


class ItemProblem(msgspec.Struct, kw_only=True):
    """One thing that is wrong with the item `index`; `path` leads into its payload, "" where it is no matter of it."""

    index: int | None
    code: str
    path: str
    message: str


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
    errors: list[ItemProblem] | None = None
    """Of invocations: what is wrong with each item, the first thousand."""
    existing_id: str | None = None
    """`duplicate_key`: the execution that holds it."""


class Refused(msgspec.Struct):
    error: Problem
