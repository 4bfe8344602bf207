"""One row of results: an execution with its input and what came of it."""

from __future__ import annotations

from typing import Any

import msgspec

__all__ = ["ResultRow"]


class ResultRow(msgspec.Struct, frozen=True, gc=False):
    """`input` and `result` are JSON as stored, `None` if not asked for or not there. `duration` is in seconds.

    `error` has at least `type` and `message`.
    """

    index: int
    key: str | None
    id: str
    state: str
    input: bytes | None
    result: bytes | None
    error: dict[str, Any] | None
    attempts: int
    duration: float | None
