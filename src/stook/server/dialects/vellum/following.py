"""One run as it goes on: what its workflow tells, each event once, until it has ended."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Final, NamedTuple

from stook.core.hosted_event import HostedEvent
from stook.core.ids import batch_of, parse_id
from stook.core.vellum_events import FULFILLED, INITIATED, REJECTED
from stook.server.dialects.vellum.asking import find_execution
from stook.server.dialects.vellum.running import Shown, show, told_of
from stook.server.until_stopping import until_stopping

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from stook.server.call import Call

__all__ = ["ALIVE", "HEADERS", "NDJSON", "SILENCE", "Begun", "followed"]

NDJSON: Final = "application/x-ndjson"
HEADERS: Final = {"cache-control": "no-store", "x-accel-buffering": "no"}
"""Nothing on the way may keep lines back."""
ALIVE: Final = b"\n"
"""A blank line, which clients pass over."""
SILENCE: Final = 15.0
"""Seconds."""
_LOOK: Final = 2.0
"""Seconds between looks when no notification comes."""
_TWICE: Final = frozenset({INITIATED, FULFILLED, REJECTED})
"""Told by every attempt; followers hear of one beginning and one end."""


class Begun(NamedTuple):
    """The run has started."""

    at: int


News = Begun | HostedEvent | Shown | None


def followed(call: Call, execution_id: str) -> contextlib.aclosing[AsyncGenerator[News]]:
    """`Begun` once, what the workflow tells but for its beginning and end, and last the run as it has ended. None: so
    long was nothing else. A run that is tried again goes on telling; how it ends is what is stored of it. Ends early
    when the server stops."""
    return contextlib.aclosing(until_stopping(_news(call, execution_id), call.services.channels.stopping))


async def _news(call: Call, execution_id: str) -> AsyncGenerator[News]:
    events, after, seen = told_of(call), 0, set[str]()
    batch = batch_of(parse_id(execution_id)).hex()
    topics = (events.topic(execution_id), f"batch:{batch}", f"end:{batch}")
    begun = False
    last = time.monotonic()
    while True:
        since = events.mark()
        shown = await show(call, await find_execution(call, execution_id))  # first: what has ended has told all
        if not begun and (shown.execution.begun or shown.ended):
            begun = True
            yield Begun(shown.execution.started_at or shown.execution.finished_at or shown.execution.created_at)
            last = time.monotonic()
        while page := await events.read(execution_id, after):
            after = page[-1].number
            for one in page:
                if one.id in seen or one.name in _TWICE:
                    continue
                seen.add(one.id)
                if not begun:  # since the look
                    begun = True
                    yield Begun(one.at)
                yield one
                last = time.monotonic()
        if shown.ended:
            yield shown
            return
        left = SILENCE - (time.monotonic() - last)
        if left <= 0:
            yield None
            last = time.monotonic()
            left = SILENCE
        await events.wait(topics, since, min(_LOOK, left))
