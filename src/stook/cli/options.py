"""Options that commands share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final

from cyclopts import Parameter

__all__ = ["ANYWHERE", "HERE", "BatchArgument", "Json", "Reach", "Where"]


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Where:
    """Which batches."""

    store: Annotated[
        str | None,
        Parameter(
            help="sqlite:///FILE (or just FILE) or postgresql://…; else STOOK_URL, else stook.db in this folder."
        ),
    ] = None
    project: Annotated[str | None, Parameter(help="Whose batches; else STOOK_PROJECT, else default.")] = None


HERE: Final = Where()


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Reach(Where):
    """Which batches, of a store or of a server."""

    server: Annotated[
        str | None,
        Parameter(help="A server's batches in place of a store's: its address; else STOOK_SERVER, else --store."),
    ] = None
    key: Annotated[
        str | None, Parameter(help="With --server: an API key; else STOOK_KEY, which `ps` does not show.")
    ] = None


ANYWHERE: Final = Reach()

BatchArgument = Annotated[str, Parameter(help="The batch: its id, its name (the newest of that name) or its key.")]

Json = Annotated[bool, Parameter(name="--json", help="One JSON object a line, for programs.")]
