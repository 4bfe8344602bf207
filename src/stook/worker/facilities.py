"""What a runtime offers to the executions it runs, beyond calling their handlers."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from stook.core.errors import ConfigError
from stook.worker.batch_context import BatchContext, SyncBatchContext
from stook.worker.context import Context, SyncContext

if TYPE_CHECKING:
    import asyncio

    from stook.worker.definition import TaskDefinition
    from stook.worker.meter import Meter
    from stook.worker.outside import Outside
    from stook.worker.rememberer import Rememberer

__all__ = ["Facilities", "check_custom"]

_CONTEXTS: Final = (BatchContext, Context, SyncBatchContext, SyncContext)


class Facilities(NamedTuple):
    """`tasks` are those the worker runs, by name; `custom` is what every context has beside its own."""

    loop: asyncio.AbstractEventLoop
    rememberer: Rememberer
    outside: Outside
    tasks: Mapping[str, TaskDefinition]
    custom: Mapping[str, Any]
    meter: Meter | None = None


def check_custom(custom: Mapping[str, Any]) -> Mapping[str, Any]:
    """`ConfigError` for a key that is no name, or that contexts have already. Read it through what is returned."""
    if not isinstance(custom, Mapping):
        raise ConfigError(f"context={custom!r} is no mapping", hint="give names of attributes with their values")
    for name in map(str, custom):
        if not name.isidentifier() or name.startswith("_"):
            raise ConfigError(f"context key {name!r} is no name of an attribute", hint="a name without leading _")
        if any(hasattr(kind, name) for kind in _CONTEXTS):
            raise ConfigError(f"context key {name!r} would hide ctx.{name}", hint="give it another name")
    return MappingProxyType(dict(custom))
