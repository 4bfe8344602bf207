"""Streams of events: each is an object on a line of its own, told apart by its member `event`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from stook.server.call import as_json
from stook.server.dialects.kernel.refusals import KernelRefusal, refusal_in_words
from stook.server.flow import Flow
from stook.server.refusal import refusal_of
from stook.wire.stamp import stamp

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from stook.core.errors import StookError
    from stook.server.call import Call

__all__ = ["MEDIA_TYPE", "beat", "event", "failed", "flow", "log_event", "stopping"]

MEDIA_TYPE: Final = "text/event-stream"
_HEADERS: Final = {
    "content-type": MEDIA_TYPE,
    "x-sse-content-type": "application/json",
    "cache-control": "no-cache",
    "x-accel-buffering": "no",
}
_LINE_BYTES: Final = 65_536


def flow(call: Call, frames: AsyncGenerator[bytes]) -> Flow:
    """The answer. A reader that takes nothing for a while is cut."""
    return Flow(frames, media_type=MEDIA_TYPE, patience=call.services.limits.drain_seconds, headers=_HEADERS)


def event(name: str, at: int, **members: Any) -> bytes:
    """`at` in microseconds. Clients take no event without the blank line behind it."""
    return b"data: %b\n\n" % as_json({"event": name, "timestamp": stamp(at), **members})


def log_event(at: int, message: str) -> bytes:
    """A longer message is cut."""
    if len(message) * 4 > _LINE_BYTES:
        message = message.encode(errors="replace")[:_LINE_BYTES].decode(errors="ignore")
    return event("log", at, message=message)


def beat(call: Call) -> bytes:
    return event("sse_heartbeat", call.services.clock())


def failed(call: Call, error: StookError) -> bytes:
    """What went wrong on the way. The stream ends behind it."""
    return event("error", call.services.clock(), error=refusal_in_words(refusal_of(error)).said)


def stopping(call: Call) -> bytes:
    """This server is; whoever comes again finds another, or the same."""
    said = KernelRefusal(500, "internal_error", "the server is stopping: follow again in a moment").said
    return event("error", call.services.clock(), error=said)
