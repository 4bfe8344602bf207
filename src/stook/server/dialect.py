"""Another system's API, spoken here so that its clients need not change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stook.server.manners import Manners
    from stook.server.route import Route

__all__ = ["Dialect"]


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """Served under `/<name>`, and at the root too where the setting `root_dialect` names it. Paths of its routes are
    written without that prefix, and handlers see them so. The scopes of routes are checked as everywhere."""

    name: str
    routes: Sequence[Route]
    manners: Manners

    @property
    def prefix(self) -> str:
        return f"/{self.name}"
