"""With what the workflows of a project sign what they send: a secret, and from when on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from stook.store.statement import All, Now, Run

if TYPE_CHECKING:
    from stook.store.statement import Row, Script

__all__ = ["WorkspaceSecret", "drop_workspace_secret", "put_workspace_secret", "read_workspace_secret"]


class WorkspaceSecret(msgspec.Struct, frozen=True):
    """Sealed. `sealed` counts from `from_at` (microseconds) on, until then `before`; `now`: the database's clock."""

    sealed: bytes
    from_at: int
    before: bytes | None
    now: int

    @property
    def current(self) -> bytes | None:
        return self.sealed if self.now >= self.from_at else self.before


def read_workspace_secret(project: str) -> Script[WorkspaceSecret | None]:
    rows: list[Row] = yield All("read_workspace_secret", (project,))
    if not rows:
        return None
    now: int = yield Now()
    return WorkspaceSecret(rows[0][0], rows[0][1], rows[0][2], now)


def put_workspace_secret(project: str, sealed: bytes, wait: int) -> Script[WorkspaceSecret]:
    """It counts `wait` microseconds from now; what counts now goes on counting until then. What was to follow that is
    forgotten."""
    known = yield from read_workspace_secret(project)
    now: int = yield Now()
    made = WorkspaceSecret(sealed, now + wait, None if known is None else known.current, now)
    yield Run("put_workspace_secret", (project, made.sealed, made.from_at, made.before))
    return made


def drop_workspace_secret(project: str) -> Script[None]:
    """They sign nothing from now on."""
    yield Run("drop_workspace_secret", (project,))
