"""Keys that hosts gave to deployments, and whether those hosts are there still."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stook.core.hosted import read_key_name
from stook.store.statement import All, Now

if TYPE_CHECKING:
    from collections.abc import Callable

    from stook.store.statement import Row, Script

__all__ = ["GONE", "orphaned_keys"]

GONE = 120_000_000
"""Microseconds after its last sign of life for which a program on another machine is believed to live."""


def orphaned_keys(ended: Callable[[str, str], bool]) -> Script[list[tuple[str, str]]]:
    """(project, id) of those whose host is gone: it has said so, was silent for long, or has `ended`, which is asked
    with the machine and the process of a program. A key of which nobody knows whose it is is not among them."""
    rows: list[Row] = yield All("hosted_keys")
    found = [(project, key_id, named) for key_id, project, name in rows if (named := read_key_name(name)) is not None]
    if not found:
        return []
    programs: list[Row] = yield All("orchestrators")
    now: int = yield Now()
    live = {row[0] for row in programs if now - row[6] < GONE and not ended(row[1], row[2])}
    return [(project, key_id) for project, key_id, named in found if named.host is not None and named.host not in live]
