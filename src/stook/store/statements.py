"""The SQL of a driver, by name."""

from __future__ import annotations

from functools import cache
from importlib import resources

__all__ = ["load"]


@cache
def load(package: str, folder: str = "sql") -> dict[str, str]:
    """Name to text of every file in a folder of the package."""
    return {
        entry.name.removesuffix(".sql"): entry.read_text(encoding="utf-8")
        for entry in (resources.files(package) / folder).iterdir()
        if entry.name.endswith(".sql")
    }
