"""What passes between the host and its processes: JSON objects, each behind its length in four bytes."""

from __future__ import annotations

import asyncio
import json
import struct
from typing import Any, Final

__all__ = ["MOST", "BrokenLine", "read_frame", "to_bytes"]

MOST: Final = 64 * 2**20
"""Bytes of one frame. More is none of ours: the process writes what it likes to its line."""
_SIZE: Final = struct.Struct(">I")


class BrokenLine(Exception):
    """Something else than a frame came."""


def to_bytes(frame: dict[str, Any]) -> bytes:
    body = json.dumps(frame, separators=(",", ":")).encode()
    return _SIZE.pack(len(body)) + body


async def read_frame(reader: asyncio.StreamReader) -> dict[str, Any] | None:
    """None: there will be no more."""
    try:
        size = _SIZE.unpack(await reader.readexactly(_SIZE.size))[0]
        if size > MOST:
            raise BrokenLine(f"a frame of {size} bytes")
        body = await reader.readexactly(size)
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    try:
        frame = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise BrokenLine(str(error)) from None
    if not isinstance(frame, dict):
        raise BrokenLine("a frame that is no object")
    return frame
