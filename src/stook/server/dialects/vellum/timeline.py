"""The nodes of a run in the order in which they began, each with where it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

if TYPE_CHECKING:
    from stook.core.hosted_event import HostedEvent

__all__ = ["NodeRun", "Timeline"]

_STATES: Final = {"initiated": "INITIATED", "streaming": "STREAMING", "fulfilled": "FULFILLED", "rejected": "REJECTED"}
_ENDS: Final = ("FULFILLED", "REJECTED")


class NodeRun(msgspec.Struct):
    """Times are microseconds. `ended` None: not yet, or never, where its run was lost."""

    name: str
    began: int
    state: str = "INITIATED"
    ended: int | None = None
    error: str = ""


class Timeline:
    def __init__(self) -> None:
        self._runs: dict[str, NodeRun] = {}

    def add(self, told: HostedEvent) -> None:
        """Events of nodes; others are passed over. What is told comes from where users' code runs."""
        kind, _, what = told.name.rpartition(".")
        state = _STATES.get(what)
        if kind != "node.execution" or state is None:
            return
        event: Any = msgspec.json.decode(told.body)
        body = event.get("body") if isinstance(event, dict) else None
        if not isinstance(body, dict):
            return
        span = str(event.get("span_id"))
        run = self._runs.get(span)
        if run is None:
            definition = body.get("node_definition")
            name = definition.get("name") if isinstance(definition, dict) else None
            run = self._runs[span] = NodeRun(str(name or "?"), told.at)
        run.state = state
        if state in _ENDS:
            run.ended = told.at
        error = body.get("error")
        if isinstance(error, dict):
            run.error = f"{error.get('code')}: {error.get('message')}"

    def runs(self) -> list[NodeRun]:
        return list(self._runs.values())
