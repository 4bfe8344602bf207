"""What the outputs of executions should have been, as people say afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from stook.store.statement import Each, Many, Now

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stook.store.statement import Row, Script

__all__ = ["Actual", "keep_actuals", "latest_actuals"]


class Actual(msgspec.Struct, frozen=True, gc=False):
    """`body`: JSON. `at`: when it came."""

    at: int
    body: bytes


def keep_actuals(batch_id: bytes, index: int, bodies: Sequence[bytes]) -> Script[None]:
    """Of an execution; the last of `bodies` is the latest."""
    now: int = yield Now()
    yield Many("insert_hosted_actual", [(batch_id, index, now, body) for body in bodies])


def latest_actuals(executions: Sequence[tuple[bytes, int]]) -> Script[dict[tuple[bytes, int], Actual]]:
    """By (batch, index); those that have none are left out."""
    rows: list[Row] = yield Each("latest_hosted_actual", sorted(set(executions)))
    return {(row[0], row[1]): Actual(row[2], row[3]) for row in rows}
