"""Frames of `text/event-stream`."""

from __future__ import annotations

from typing import Final

__all__ = ["BEAT", "HEADERS", "MEDIA_TYPE", "RETRY", "frame"]

MEDIA_TYPE: Final = "text/event-stream"
HEADERS: Final = {"cache-control": "no-store", "x-accel-buffering": "no"}
"""Nothing on the way may keep them back."""
BEAT: Final = b": beat\n\n"
RETRY: Final = b"retry: 1000\n\n"
"""Come back after a second: this server is stopping, another one goes on."""


def frame(event: str, data: bytes, cursor: int | str | None = None) -> bytes:
    """`data` is JSON on one line."""
    mark = b"" if cursor is None else b"id: %s\n" % str(cursor).encode()
    return b"%sevent: %s\ndata: %s\n\n" % (mark, event.encode(), data)
