"""What a deployment says while it is built, and its executions while they run. Insert-only; the oldest lines go."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from stook.core.deployment import DeploymentLogLine
from stook.store.statement import All, Many, Notify, Now, Run

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stook.store.statement import Row, Script

__all__ = ["MOST_BYTES", "MOST_LINES", "NewLine", "read_log", "write_log"]

MOST_LINES: Final = 20_000
MOST_BYTES: Final = 8 * 2**20
_SLACK: Final = 10
"""The oldest go once there is a tenth too much."""


class NewLine(msgspec.Struct, frozen=True):
    """`execution_id`: whose output it is. `at` None: now."""

    text: str
    execution_id: str | None = None
    at: int | None = None


def write_log(deployment_id: str, lines: Sequence[NewLine]) -> Script[int]:
    """Returns how many were written: 0, if there is no such deployment."""
    rows: list[Row] = yield All("lock_hosted_log", (deployment_id,))
    if not rows or not lines:
        return 0
    now: int = yield Now()
    last, upto, trimmed, trimmed_upto = rows[0]
    fresh = []
    for line in lines:
        last += 1
        upto += len(line.text.encode())
        fresh.append((deployment_id, last, now if line.at is None else line.at, line.execution_id, upto, line.text))
    yield Many("insert_hosted_log", fresh)
    much = last - trimmed > MOST_LINES + MOST_LINES // _SLACK
    if much or upto - trimmed_upto > MOST_BYTES + MOST_BYTES // _SLACK:
        yield Run("trim_hosted_log", (deployment_id, last - MOST_LINES, upto - MOST_BYTES))
        trimmed, trimmed_upto = max(trimmed, last - MOST_LINES), max(trimmed_upto, upto - MOST_BYTES)
    yield Many("update_hosted_log_end", [(deployment_id, last, upto, trimmed, trimmed_upto)])
    yield Notify((f"deployment:{deployment_id}",))
    return len(fresh)


def read_log(deployment_id: str, after: int, since: int, most: int) -> Script[list[DeploymentLogLine]]:
    """Lines behind number `after`, not older than `since`. Where lines between have gone, the first is a note that
    says so, under the number of the last of them."""
    rows: list[Row] = yield All("read_hosted_log", (deployment_id, after, since, most))
    lines = [DeploymentLogLine(*row) for row in rows]
    ahead: list[Row] = yield All("first_hosted_log", (deployment_id,))
    if ahead and ahead[0][0] > after + 1 and ahead[0][1] >= since:
        number, at = ahead[0]
        gone = number - 1 - after
        lines.insert(0, DeploymentLogLine(number - 1, at, f"[{gone} earlier lines are not kept]"))
    return lines
