"""A command's way to the store."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from stook.config.settings import read_settings
from stook.wiring.loop import run
from stook.wiring.session import open_session

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from stook.cli.options import Where
    from stook.config.settings import Settings
    from stook.wiring.session import Session

__all__ = ["in_session", "settings_of"]

T = TypeVar("T")


def settings_of(where: Where) -> Settings:
    return read_settings(url=where.store, project=where.project)


def in_session(where: Where, body: Callable[[Session], Awaitable[T]]) -> T:
    """Runs `body` on a store that is already there; `NotInstalled` if there is none."""

    async def opened() -> T:
        async with open_session(settings_of(where), create=False) as session:
            return await body(session)

    return run(opened())
