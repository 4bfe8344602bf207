"""What `stook failures` shows: groups, or executions of one."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from stook.cli.documents import execution_document, failure_document, print_document
from stook.cli.failure_table import failure_table
from stook.cli.figures import one_line, plural
from stook.cli.tables import console_for, table
from stook.core.errors import NotFound
from stook.core.states import State

if TYPE_CHECKING:
    from stook.client.backend import Reading
    from stook.store.script.read.batch_view import BatchView
    from stook.store.script.read.failures import FailureGroup
    from stook.store.script.read.item_row import ItemRow

__all__ = ["Failed", "find_group", "read_failed"]


async def read_failed(engine: Reading, view: BatchView, mark: str | None, limit: int, *, tracebacks: bool) -> Failed:
    groups = await engine.failure_groups(view.id)
    if mark is not None:
        group = find_group(groups, mark)
        return Failed(view, [group], await _rows(engine, view, group, limit), tracebacks=tracebacks)
    shown = groups[:limit]
    rows = [row for group in shown for row in await _rows(engine, view, group, 1)] if tracebacks else None
    return Failed(view, shown, rows, tracebacks=tracebacks, more=len(groups) - len(shown))


async def _rows(engine: Reading, view: BatchView, group: FailureGroup, limit: int) -> list[ItemRow]:
    page = await engine.executions(
        view.id, states=(State.failed,), group=group.fingerprint, limit=limit, tracebacks=True
    )
    return page.rows


def find_group(groups: list[FailureGroup], mark: str) -> FailureGroup:
    """By its whole mark or its beginning; `NotFound` if no group or several have it."""
    found = [group for group in groups if group.fingerprint.startswith(mark)] if mark else []
    if len(found) == 1:
        return found[0]
    if found:
        raise NotFound(f"{len(found)} groups begin with {mark!r}", hint="give more of the mark")
    raise NotFound(f"there is no failure group {mark!r}", hint="`stook failures ID` lists those there are")


class Failed:
    """`rows` are executions; None where only groups were asked for."""

    def __init__(
        self,
        view: BatchView,
        groups: list[FailureGroup],
        rows: list[ItemRow] | None,
        *,
        tracebacks: bool,
        more: int = 0,
    ) -> None:
        self._view = view
        self._groups = groups
        self._rows = rows
        self._tracebacks = tracebacks
        self._more = more

    def print_lines(self) -> None:
        """Executions if there are any, else groups."""
        if self._rows is None:
            for group in self._groups:
                print_document(failure_document(group))
            return
        for row in self._rows:
            document = execution_document(row)
            if not self._tracebacks and document["error"] is not None:
                del document["error"]["traceback"]
            print_document(document)

    def draw(self) -> None:
        console = console_for(sys.stdout)
        if not self._groups:
            console.print("nothing failed")
            return
        console.print(failure_table(self._groups))
        if self._more:
            console.print(f"and {plural(self._more, 'group')} more (--limit)")
        if self._rows is not None:
            console.print()
            if self._tracebacks:
                self._draw_tracebacks()
            else:
                console.print(table(("#item", "key", "#tries", "*error"), map(_cells, self._rows)))
            return
        batch, group = self._view.public_id, self._groups[0].fingerprint
        console.print(f"\none group: stook failures {batch} --group {group}")
        console.print(f"again:     stook retry {batch} --failed, or --group {group}")

    def _draw_tracebacks(self) -> None:
        for row in self._rows or ():
            error = row.error
            if error is not None:
                key = "" if row.key is None else f", key {one_line(row.key)}"
                sys.stdout.write(f"item {row.index}{key}: {one_line(f'{error.type}: {error.message}')}\n")
                text = error.traceback or "no traceback\n"
                sys.stdout.write("".join(f"    {_safe(line)}\n" for line in text.splitlines()) + "\n")


def _cells(row: ItemRow) -> tuple[str, str, str, str]:
    error = "" if row.error is None else f"{row.error.type}: {row.error.message}"
    return str(row.index), one_line(row.key or ""), str(row.attempts), one_line(error, 300)


def _safe(line: str) -> str:
    """As `one_line`, with the indentation that a traceback lives of."""
    bare = line.lstrip(" ")
    return " " * (len(line) - len(bare)) + one_line(bare)
