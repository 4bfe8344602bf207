"""A command's way to webhooks: those of a store, or those of a server."""

from __future__ import annotations

import getpass
import sys
from typing import TYPE_CHECKING, TypeVar

from stook.cli.reach import in_reach
from stook.client.webhooks import AsyncWebhooks
from stook.core.errors import OptionError
from stook.wiring.session import Session

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import Any

    from stook.cli.options import Reach

__all__ = ["ask_hidden", "in_webhooks"]

T = TypeVar("T")


def in_webhooks(where: Reach, body: Callable[[AsyncWebhooks], Awaitable[T]]) -> T:
    """Runs `body` as `in_reach` does."""

    async def reached(session: Any) -> T:
        if isinstance(session, Session):
            from stook.wiring.local_webhooks import LocalWebhooks

            return await body(AsyncWebhooks(LocalWebhooks(session)))
        return await body(AsyncWebhooks(session.webhooks))

    return in_reach(where, reached)


def ask_hidden(what: str) -> str:
    """What does not belong on a command line, where everybody can read it: typed unseen at a terminal, else the next
    line of standard input."""
    if sys.stdin.isatty():
        return getpass.getpass(f"{what}: ")
    line = sys.stdin.readline().rstrip("\r\n")
    if not line:
        raise OptionError(f"no {what} came on standard input", hint="one line, nothing else in it")
    return line
