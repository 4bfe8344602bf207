"""Which ended executions a retry by hand takes up again."""

from __future__ import annotations

import msgspec

from stook.core.errors import OptionError

__all__ = ["RetryScope"]


class RetryScope(msgspec.Struct, frozen=True):
    """Executions in `states` (names; failed alone by default), narrowed to one failure group or to indexes."""

    states: tuple[str, ...] = ("failed",)
    group: str | None = None
    indexes: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        wrong = set(self.states) - {"failed", "cancelled", "expired"}
        if wrong or not self.states:
            raise OptionError(
                f"cannot retry executions that are {', '.join(sorted(wrong)) or 'in no state'}",
                hint="failed, cancelled and expired ones can be retried",
            )
        if self.group is not None and self.indexes is not None:
            raise OptionError("give a group or indexes, not both")
