"""Which ended executions a retry by hand takes up again."""

from __future__ import annotations

from typing import Final

import msgspec

from stook.core.errors import OptionError

__all__ = ["RETRYABLE", "RetryScope"]

RETRYABLE: Final = ("failed", "cancelled", "expired")


class RetryScope(msgspec.Struct, frozen=True, omit_defaults=True):
    """Executions in `states` (names; failed alone by default), narrowed to those of one failure `group`, whose last
    failure has this `code` or error `type`, that bear the `tag`, were submitted under one of `keys`, have one of
    `indexes`, or lie from `start` to `stop` - 1. What is given is joined by and."""

    states: tuple[str, ...] = ("failed",)
    group: str | None = None
    indexes: tuple[int, ...] | None = None
    keys: tuple[str, ...] | None = None
    tag: str | None = None
    code: str | None = None
    type: str | None = None
    start: int = 0
    stop: int | None = None

    def __post_init__(self) -> None:
        wrong = set(self.states) - set(RETRYABLE)
        if wrong or not self.states:
            raise OptionError(
                f"cannot retry executions that are {', '.join(sorted(wrong)) or 'in no state'}",
                hint="failed, cancelled and expired ones can be retried",
            )
        if self.group is not None and self.indexes is not None:
            raise OptionError("give a group or indexes, not both")

    @property
    def whole(self) -> bool:
        """All in these states, or all of one group among them."""
        return (self.indexes, self.keys, self.tag, self.code, self.type, self.start, self.stop) == (
            *(None,) * 5,
            0,
            None,
        )
