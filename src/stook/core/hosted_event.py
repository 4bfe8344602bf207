"""What hosted code tells while it runs."""

from __future__ import annotations

import msgspec

__all__ = ["HostedEvent", "KeptEvent"]


class HostedEvent(msgspec.Struct, frozen=True, gc=False):
    """`body`: a JSON object, kept as it is. `at`: microseconds, by the clock of who tells."""

    id: str
    name: str
    at: int
    body: bytes


class KeptEvent(HostedEvent, frozen=True, gc=False, kw_only=True):
    """Reading goes on behind `number`."""

    number: int
