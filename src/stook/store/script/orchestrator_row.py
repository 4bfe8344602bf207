"""Which programs work here, and whether one of them has to make way for a newer one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from stook.store.statement import All, Many, Now

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stook.store.statement import Row, Script

__all__ = ["Program", "forget_program", "list_programs", "see_program"]


class Program(msgspec.Struct, frozen=True):
    """`process` tells a live process from a later one with its pid; `schema` is the newest migration it knows."""

    id: str
    host: str
    process: str
    version: str
    schema: int


def see_program(program: Program) -> Script[str | None]:
    """A sign of life. Answered with the reason why the program has to stop now, if there is one."""
    now: int = yield Now()
    mine = (program.id, program.host, program.process, program.version, program.schema)
    yield Many("see_orchestrator", [(*mine, now, now)])
    rows: list[Row] = yield All("look_orchestrator", (program.id,))
    asked_at, breaking = rows[0] if rows else (None, None)
    if breaking is not None and breaking > program.schema:
        return f"a newer stook has changed the store to schema {breaking}, this one knows up to {program.schema}"
    return None if asked_at is None else "a newer stook is about to change the store, and has asked this one to stop"


def forget_program(program: str) -> Script[None]:
    yield Many("delete_orchestrator", [(program,)])


def list_programs() -> Script[Sequence[Row]]:
    """(id, host, process, version, schema, started_at, seen_at, stop_asked_at)."""
    rows: list[Row] = yield All("orchestrators")
    return rows
