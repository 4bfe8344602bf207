"""Looks at several batches side by side: what they ask by the same statement is asked once for all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

from stook.store.statement import Each

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stook.store.statement import Row, Script, Statement

__all__ = ["together"]

T = TypeVar("T")
_SHARED: Final = frozenset(
    {
        "find_hosted_chunk",
        "read_child_reasons",
        "read_chunk_extras",
        "read_chunk_outcomes",
        "read_errors",
        "read_given_output",
        "read_heads",
        "read_leases",
        "read_payloads",
        "read_results",
        "read_segments",
        "read_suspensions",
    }
)
"""Their parameters, and their answers, begin with the batch."""


def together(scripts: Mapping[bytes, Script[T]]) -> Script[dict[bytes, T]]:
    """What each came to, by its batch. They only read, each of its batch alone; other statements than the shared ones
    are asked one by one."""
    waiting: dict[bytes, Statement] = {}
    found: dict[bytes, T] = {}

    def go_on(batch_id: bytes, answer: object) -> None:
        try:
            waiting[batch_id] = scripts[batch_id].send(answer)
        except StopIteration as stop:
            waiting.pop(batch_id, None)
            found[batch_id] = stop.value

    for batch_id in scripts:
        go_on(batch_id, None)
    while waiting:
        alike: dict[str, dict[bytes, Each]] = {}
        for batch_id, statement in list(waiting.items()):
            if isinstance(statement, Each) and statement.name in _SHARED:
                alike.setdefault(statement.name, {})[batch_id] = statement
            else:
                go_on(batch_id, (yield statement))
        for name, asked in alike.items():
            rows: list[Row] = yield Each(name, [row for one in asked.values() for row in one.rows])
            answers: dict[bytes, list[Row]] = {batch_id: [] for batch_id in asked}
            for row in rows:
                answers[row[0]].append(row)
            for batch_id, answer in answers.items():
                go_on(batch_id, answer)
    return found
