"""What requests keep of their bodies while these come in, all together."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from stook.server.refusal import no_room

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["HeldBytes"]


class HeldBytes:
    def __init__(self) -> None:
        self.now = 0

    @contextlib.contextmanager
    def holding(self, most: int) -> Iterator[Callable[[int], None]]:
        """Call it with the length of each piece; 503 where all requests would hold more than `most` bytes. They are let
        go of at the end."""
        mine = 0

        def hold(count: int) -> None:
            nonlocal mine
            if self.now + count > most:
                raise no_room("memory")
            self.now += count
            mine += count

        try:
            yield hold
        finally:
            self.now -= mine
