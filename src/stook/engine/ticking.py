"""Schedules whose time has come, seen to; one that cannot start anything does not hold the others up."""

from __future__ import annotations

import logging
import secrets
import time
from typing import TYPE_CHECKING

from stook.core.errors import OptionError, QuotaExceeded
from stook.core.ids import BatchIds
from stook.store.script.tick import due_schedules, postpone_schedule, tick_schedules

if TYPE_CHECKING:
    from collections.abc import Callable

    from stook.store.port import Store

__all__ = ["new_ids", "tick_once"]

log = logging.getLogger("stook.engine")


def new_ids() -> Callable[[], bytes]:
    return BatchIds(lambda: time.time_ns() // 1_000_000, secrets.randbits)


async def tick_once(store: Store) -> int:
    """A bite of what is due; how many schedules that were."""
    ids = new_ids()
    try:
        return await store.write(tick_schedules, ids)
    except (QuotaExceeded, OptionError):
        pass  # of one of them: nothing has happened
    done = 0
    for key in await store.read(due_schedules):
        try:
            done += await store.write(tick_schedules, ids, key)
        except (QuotaExceeded, OptionError) as error:
            project, task, name = key
            log.warning("schedule %r of task %r (project %r) starts nothing now: %s", name, task, project, error)
            await store.write(postpone_schedule, key, str(error))
            done += 1
    return done
