"""Errands done, and those kept apart that cannot be: one that fails stops nobody behind it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from stook.core.errors import StoreUnavailable
from stook.core.ids import execution_id
from stook.store.script.errands import next_errand, put_off, run_errand, run_errands

if TYPE_CHECKING:
    from stook.store.port import Store
    from stook.store.script.errands import Errand

__all__ = ["do_errands"]

log = logging.getLogger("stook.engine")


async def do_errands(store: Store, limit: int = 1000) -> int:
    """How many were done, or put off because they failed. `StoreUnavailable` is nobody's failure."""
    try:
        return await store.write(run_errands, limit)
    except StoreUnavailable:
        raise
    except Exception:  # noqa: BLE001 - which of them it was is seen below, and said
        return await _one_by_one(store, limit)


async def _one_by_one(store: Store, limit: int) -> int:
    """Up to and with the first that fails."""
    done, after = 0, 0
    while done < limit:
        one = await store.read(next_errand, after)
        if one is None:
            break
        after = one.id
        try:
            done += await store.write(run_errand, one.id)
        except StoreUnavailable:
            raise
        except Exception as error:  # noqa: BLE001 - said, with what it failed at
            await _put_off(store, one, error)
            return done + 1
    return done


async def _put_off(store: Store, one: Errand, error: Exception) -> None:
    wait = await store.write(put_off, one.id, f"{type(error).__name__}: {error}")
    log.error(
        "errand %d (%s for execution %s, key %r) failed and is tried again in %g s",
        one.id,
        one.kind,
        execution_id(one.batch_id, one.index),
        one.key,
        wait,
        exc_info=error,
    )
