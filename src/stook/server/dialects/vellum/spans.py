"""What a run did, piece by piece: its events, gathered by the span they belong to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from stook.core.hosted_event import HostedEvent

__all__ = ["Spans", "after_span"]

_ENDS: Final = (".fulfilled", ".rejected")
_KINDS: Final = ("workflow.execution", "node.execution")
_KNOWN: Final = {
    "workflow.execution": frozenset(
        {"initiated", "streaming", "fulfilled", "rejected", "paused", "resumed", "snapshotted"}
    ),
    "node.execution": frozenset({"initiated", "streaming", "fulfilled", "rejected", "paused", "resumed", "log"}),
}
"""The client could not read a span with others in it."""


class Spans:
    """Of one run, in the order in which they began."""

    def __init__(self) -> None:
        self._events: dict[str, list[dict[str, Any]]] = {}

    def add(self, told: HostedEvent) -> None:
        kind, _, what = told.name.rpartition(".")
        if what not in _KNOWN.get(kind, ()):
            return
        event: dict[str, Any] = msgspec.json.decode(told.body)
        body = event.get("body")
        if isinstance(body, dict):
            body.pop("stacktrace", None)
        self._events.setdefault(str(event.get("span_id")), []).append(event)

    def finished(self) -> list[dict[str, Any]]:
        """Those that have an end. Of a run that was tried again a span has the events of its last try."""
        found = []
        for span_id, events in self._events.items():
            begins = [at for at, one in enumerate(events) if one["name"].endswith(".initiated")]
            last = events[begins[-1] :] if begins else events
            ends = [one for one in last if one["name"].endswith(_ENDS)]
            if ends and begins:
                found.append(_span(span_id, last, ends[0]))
        return found


def after_span(spans: Iterable[dict[str, Any]], span_id: str | None, limit: int | None) -> list[dict[str, Any]] | None:
    """Those behind `span_id`, `limit` at the most. None: there is no such span."""
    rows = list(spans)
    if span_id is not None:
        at = next((place for place, one in enumerate(rows) if one["span_id"] == span_id), None)
        if at is None:
            return None
        rows = rows[at + 1 :]
    return rows if limit is None else rows[:limit]


def _span(span_id: str, events: list[dict[str, Any]], end: dict[str, Any]) -> dict[str, Any]:
    first = events[0]
    kind = first["name"].rpartition(".")[0]
    part = "workflow" if kind == _KINDS[0] else "node"
    definition: Mapping[str, Any] = first["body"].get(f"{part}_definition") or {}
    parent = first.get("parent")
    return {
        "name": kind,
        "events": events,
        "attributes": {"label": str(definition.get("name")), f"{part}_id": str(definition.get("id"))},
        "usage_result": None,
        "span_id": span_id,
        "start_ts": first["timestamp"],
        "end_ts": end["timestamp"],
        "parent_span_id": parent.get("span_id") if isinstance(parent, dict) else None,
    }
