"""What a replica is told of each run, as JSON: written once for a slice of executions that differ in id and payload."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from stook.hosting.dialects import run_frame
from stook.hosting.invocation import invocation_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from stook.core.deployment import Deployment
    from stook.hosting.station import Given
    from stook.worker.assignment import Assignment

__all__ = ["RunFrames"]

_encode: Final = msgspec.json.Encoder().encode


class RunFrames:
    """Of one deployment. `secret`: what its project signs with, which may be another for the next run."""

    def __init__(self, deployment: Deployment, secret: Callable[[str], Awaitable[str | None]]) -> None:
        self._deployment = deployment
        self._secret = secret
        self.at_once = deployment.dialect != "vellum"
        """`of` will do for any; else each waits for `first`."""
        self._of: Assignment | None = None
        self._head = b""

    async def first(self, one: Given) -> bytes:
        if self.at_once:
            return self.of(one)
        whole = run_frame(self._deployment, invocation_of(one.held.assignment, one.offset, one.payload))
        whole["context"]["secret"] = await self._secret(self._deployment.project)
        return _encode({"op": "run", **whole})

    def of(self, one: Given) -> bytes:
        assignment, offset = one.held.assignment, one.offset
        if assignment.extras:
            whole = run_frame(self._deployment, invocation_of(assignment, offset, one.payload))
            return _encode({"op": "run", **whole})
        if assignment is not self._of:
            whole = run_frame(self._deployment, invocation_of(assignment, offset, b"null"))
            same = {name: value for name, value in whole.items() if name not in ("id", "payload")}
            self._of, self._head = assignment, _encode({"op": "run", **same})[:-1]
        rest = _encode({"id": assignment.execution_id(offset), "payload": one.payload.decode()})
        return b"%b,%b" % (self._head, rest[1:])
