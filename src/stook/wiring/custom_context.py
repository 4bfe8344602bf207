"""`App(context=…)`: what every handler's context has beside its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any

from stook.core.errors import ConfigError

if TYPE_CHECKING:
    from contextlib import AsyncExitStack

__all__ = ["CustomContext", "entered"]

CustomContext = Mapping[str, Any] | Callable[[], AbstractAsyncContextManager[Mapping[str, Any]]]


async def entered(custom: CustomContext, leaving: AsyncExitStack) -> Mapping[str, Any]:
    """The values; a factory's context manager is entered, and left with `leaving`."""
    if not callable(custom):
        return custom
    manager = custom()
    if not hasattr(manager, "__aenter__"):
        raise ConfigError(
            f"the context factory gave {type(manager).__name__}, not an async context manager",
            hint="decorate it with contextlib.asynccontextmanager",
        )
    values = await leaving.enter_async_context(manager)
    if not isinstance(values, Mapping):
        raise ConfigError(f"the context factory gave {type(values).__name__}, not a mapping")
    return values
