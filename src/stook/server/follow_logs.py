"""Lines of one execution for one follower: read at its pace, each once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from stook.server.call import as_json
from stook.server.logs import line_of
from stook.server.sse import frame

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from stook.server.call import Call

__all__ = ["FollowedLogs"]

_PAGE: Final = 200


class FollowedLogs:
    """`pause`: seconds between two looks; workers store what is said every two seconds."""

    pause: Final = 1.0

    def __init__(self, call: Call, batch_id: bytes, index: int, after: str | None) -> None:
        self._engine = call.tenant.engine
        self._batch_id = batch_id
        self._index = index
        self._after = after

    async def frames(self) -> AsyncGenerator[bytes]:
        """Of what was said since."""
        more = True
        while more:
            page = await self._engine.logs(self._batch_id, self._index, after=self._after, limit=_PAGE)
            for one in page.lines:
                yield frame("log", as_json(line_of(one)), one.cursor)
                self._after = one.cursor
            more = page.next is not None
