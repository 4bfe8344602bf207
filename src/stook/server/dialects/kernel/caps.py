"""How many invocations of a project may run at once, and how many do."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from stook.store.script.read.limits import project_limits

if TYPE_CHECKING:
    from stook.server.call import Call

__all__ = ["Cap", "cap_of"]


class Cap(NamedTuple):
    """`most` None: as many as workers take."""

    most: int | None
    running: int

    def headers(self) -> dict[str, str]:
        """Of answers that start something."""
        if self.most is None:
            return {}
        free = max(0, self.most - self.running)
        return {"x-ratelimit-limit": str(self.most), "x-ratelimit-remaining": str(free)}


async def cap_of(call: Call) -> Cap:
    limits = await call.services.store.read(project_limits, call.tenant.project)
    ours = next(one for one in limits if one.scope == "project")
    return Cap(ours.max_concurrency, ours.running)
