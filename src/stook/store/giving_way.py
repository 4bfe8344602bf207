"""How a migration that breaks older programs waits for them: they are asked to stop, and it looks again.

No transaction is open meanwhile, and each look is a short one on its own, so that nothing times out however long the
wait is.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Final

from stook.core.errors import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stook.store.migrations import Migration

__all__ = ["LOOK", "SILENT", "Wait", "is_breaking"]

log = logging.getLogger("stook.store")

LOOK: Final = 0.5
"""Seconds between two looks."""
LONGEST: Final = 4 * 3600.0
"""Seconds that older programs have to come to their end."""
SILENT: Final = 60_000_000
"""Microseconds without a sign of life after which a program counts as gone."""


def is_breaking(step: Migration) -> bool:
    """Programs that do not know this migration cannot work on when it is there."""
    return step.name.endswith("_post")


class Wait:
    """Of one program, for all that are older than a migration."""

    def __init__(self, where: str, longest: float = LONGEST) -> None:
        self._where = where
        self._longest = longest
        self._since: float | None = None

    def look(self, step: Migration, older: Sequence[str]) -> bool:
        """Whether there is somebody to wait for; `StoreUnavailable` if it has taken too long."""
        if not older:
            return False
        now = time.monotonic()
        if self._since is None:
            self._since = now
            log.warning(
                "%s: migration %d waits for %d older programs to stop, they were asked to: %s",
                self._where,
                step.number,
                len(older),
                ", ".join(older),
            )
        if now - self._since >= self._longest:
            raise StoreUnavailable(
                f"{self._where}: {len(older)} older programs did not stop within {self._longest:g} s: "
                f"{', '.join(older)}",
                hint="stop them, then start this one again",
            )
        return True
