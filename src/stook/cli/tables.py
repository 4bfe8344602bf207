"""Tables for people: drawn to the terminal's width there, as wide as they need anywhere else."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, Final

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["STYLES", "Cell", "console_for", "facts", "table"]

STYLES: Final = {
    "succeeded": "green",
    "partially_failed": "yellow",
    "failed": "red",
    "cancelled": "magenta",
    "expired": "magenta",
    "paused": "yellow",
    "cancelling": "magenta",
    "running": "cyan",
    "ok": "green",
    "warning": "yellow",
    "wrong": "red",
}

Cell = str | Text
"""A plain string that is one of the words in STYLES has its colour."""

_WIDE: Final = 100_000


def console_for(stream: IO[str]) -> Console:
    if stream.isatty():
        return Console(file=stream, highlight=False, markup=False, emoji=False)
    return Console(file=stream, highlight=False, markup=False, emoji=False, width=_WIDE, color_system=None)


def table(columns: Sequence[str], rows: Iterable[Sequence[Cell]]) -> Table:
    """A column whose name begins with `#` holds numbers; `*` marks those that give way when there is little room."""
    made = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="bold")
    for name in columns:
        made.add_column(
            name.lstrip("#*"),
            justify="right" if name.startswith("#") else "left",
            no_wrap=not name.startswith("*"),
            overflow="fold",
        )
    for row in rows:
        made.add_row(*map(_cell, row))
    return made


def facts(pairs: Iterable[tuple[str, Cell]]) -> Table:
    """Name and value, without a head."""
    made = Table.grid(padding=(0, 2))
    made.add_column(style="bold", no_wrap=True)
    made.add_column(overflow="fold")
    for name, value in pairs:
        made.add_row(name, _cell(value))
    return made


def _cell(value: Cell) -> Text:
    return value if isinstance(value, Text) else Text(value, style=STYLES.get(value, ""))
