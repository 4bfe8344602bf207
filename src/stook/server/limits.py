"""How much one request may ask for."""

from __future__ import annotations

import msgspec

__all__ = ["Limits"]


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes and seconds. Streamed bodies have no limit as a whole: each of their items has."""

    header_bytes: int = 32 * 1024
    header_seconds: float = 30.0
    """From the first byte of a request to the end of its head."""
    body_bytes: int = 1024 * 1024
    """Of a body that is read whole, but for a batch with its items inline."""
    batch_bytes: int = 32 * 1024 * 1024
    body_seconds: float = 60.0
    """How long a sender may be silent."""
    drain_seconds: float = 30.0
    """How long a reader may take nothing before it is cut."""
    uploads: int = 32
    """Streamed bodies at once; each has a thread."""
    heartbeat: float = 10.0
    """Seconds of silence after which followers hear a beat."""
    progress_seconds: float = 0.1
    """Followers hear of progress no more often."""
