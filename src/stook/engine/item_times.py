"""When items may start, and until when, by the store's clock."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stook.store.script.clock import read_clock

if TYPE_CHECKING:
    from stook.engine.options import Options
    from stook.store.port import Store

__all__ = ["item_times"]


async def item_times(store: Store, options: Options) -> tuple[int | None, int | None]:
    """(run_at, expires_at) in microseconds."""
    if options.delay is None and options.expires_in is None:
        return options.run_at, None
    now = await store.read(read_clock)
    run_at = options.run_at if options.delay is None else now + round(options.delay * 1_000_000)
    return run_at, None if options.expires_in is None else now + round(options.expires_in * 1_000_000)
