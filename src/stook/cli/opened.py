"""A command's way to the store."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, TypeVar

from stook.cli.dispatch import say
from stook.cli.log_lines import log_lines
from stook.config.settings import read_settings
from stook.core.errors import OptionError
from stook.wiring.loop import run
from stook.wiring.session import open_session

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from stook.cli.options import Where
    from stook.config.settings import Settings
    from stook.wiring.session import Session

__all__ = ["check_text", "in_session", "opened_session", "settings_of"]

T = TypeVar("T")


def settings_of(where: Where, url: str | None = None, project: str | None = None) -> Settings:
    """The options win over `url` and `project`, which are an app's own, and these over the environment."""
    settings = read_settings(url=where.store or url, project=where.project or project)
    check_text("project", settings.project)
    return settings


def check_text(what: str, text: str) -> None:
    """`OptionError` for bytes that are no text, which a command line may hold and a database may not."""
    if not text.isascii() and not _is_unicode(text):
        raise OptionError(f"{what} {text!r} is not UTF-8", hint="give it in UTF-8")


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


@contextlib.asynccontextmanager
async def opened_session(settings: Settings, *, create: bool = True) -> AsyncIterator[Session]:
    """`open_session`; while it waits for a server, the person at the terminal is told why."""
    async with contextlib.AsyncExitStack() as leaving:
        with log_lines(say):
            session = await leaving.enter_async_context(open_session(settings, create=create))
        yield session


def in_session(where: Where, body: Callable[[Session], Awaitable[T]]) -> T:
    """Runs `body` on a store that is already there; `NotInstalled` if there is none."""

    async def opened() -> T:
        async with opened_session(settings_of(where), create=False) as session:
            return await body(session)

    return run(opened())
