"""Numbered migrations, read from a driver's folder: `NNNN_name_pre.sql` before the new program, `_post` after it."""

from __future__ import annotations

from importlib import resources
from typing import NamedTuple

from stook.core.errors import SchemaTooNew

__all__ = ["Migration", "check_version", "migrations"]


class Migration(NamedTuple):
    number: int
    name: str
    sql: str


def migrations(package: str) -> list[Migration]:
    found = []
    for entry in (resources.files(package) / "migrations").iterdir():
        if entry.name.endswith(".sql"):
            number, name = entry.name.removesuffix(".sql").split("_", 1)
            found.append(Migration(int(number), name, entry.read_text(encoding="utf-8")))
    return sorted(found)


def check_version(there: int, known: int, where: str) -> None:
    """Refuses a store that a newer program has changed."""
    if there > known:
        raise SchemaTooNew(
            f"{where} has schema {there}, this stook knows up to {known}", hint="upgrade stook on this machine"
        )
