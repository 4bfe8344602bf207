"""Failures by cause, as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stook.cli.figures import count, one_line
from stook.cli.tables import table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from stook.store.script.read.failures import FailureGroup

__all__ = ["failure_table"]

_LONGEST = 300


def failure_table(groups: Sequence[FailureGroup]) -> Table:
    """`failed` have ended so; `tries` counts all attempts that failed so, those that were tried again too."""
    return table(
        ("#failed", "#tries", "*error", "#first item", "group"),
        (
            (
                count(group.failed),
                count(group.attempts),
                one_line(f"{group.type}: {group.message}", _LONGEST),
                str(group.first_index),
                group.fingerprint,
            )
            for group in groups
        ),
    )
