"""Whether a command hosts what was deployed, and the host beside its other work."""

from __future__ import annotations

import contextlib
import importlib.util
import sys
from typing import TYPE_CHECKING, assert_never

from stook.config.settings import read_settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from stook.wiring.session import Session
    from stook.worker.meter import Meter

__all__ = ["can_host", "hosting_beside", "hosts"]


def hosts(asked: bool | None, *, by_default: bool) -> bool:  # noqa: FBT001 -- what was said on the command line
    if asked is not None:
        return asked
    setting = read_settings().hosting
    match setting:
        case "auto":
            return by_default and can_host()
        case "on" | "off":
            return setting == "on"
        case unknown:
            assert_never(unknown)


def can_host() -> bool:
    """This is Linux, and what opens sealed environments is installed."""
    return sys.platform == "linux" and all(map(importlib.util.find_spec, ("cryptography", "httpx")))


@contextlib.asynccontextmanager
async def hosting_beside(
    session: Session, *, grace: float, url: str | None = None, meter: Meter | None = None
) -> AsyncIterator[None]:
    from stook.wiring.hosting import hosting

    async with hosting(session, grace=grace, url=url, meter=meter):
        yield
