"""Who wants to hear of what, and what they are handed."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from stook.core.when import Condition, Rows

__all__ = ["Subscription"]

_keys = msgspec.json.Decoder(list[str]).decode


class Subscription(msgspec.Struct, frozen=True):
    """Columns of the table: `source` is an event's name or `schema.table`; `ops` (of rows) are joined with commas;
    `condition` and `fields` are JSON, None: always, and all."""

    project: str
    task: str
    kind: Literal["event", "row"]
    number: int
    source: str
    ops: str | None = None
    condition: str | None = None
    fields: str | None = None

    def keys(self) -> list[str] | None:
        """Of the payload, or columns; None: all."""
        return None if self.fields is None else _keys(self.fields)

    def hears(self, payload: Any) -> bool:
        """Whether an event with this payload is for it."""
        return self.condition is None or Condition.decode(self.condition).holds(payload)

    def hears_row(self, op: str, new: dict[str, Any] | None, old: dict[str, Any] | None) -> bool:
        """Whether a row's change is for it: `op` is insert, update or delete."""
        if self.ops is not None and op not in self.ops.split(","):
            return False
        return self.condition is None or Condition.decode(self.condition).holds(Rows(new, old))

    def cut(self, value: Any) -> Any:
        """An object without the keys that were not asked for."""
        keys = self.keys()
        if keys is None or not isinstance(value, dict):
            return value
        return {key: value[key] for key in keys if key in value}
