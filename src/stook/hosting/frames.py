"""What passes between the host and its processes: JSON objects, each behind its length in four bytes."""

from __future__ import annotations

import asyncio
import json
import struct
from typing import Any, Final

import msgspec

__all__ = ["MOST", "BrokenLine", "Incoming", "framed", "read_frame", "to_bytes"]

MOST: Final = 64 * 2**20
"""Bytes of one frame. More is none of ours: the process writes what it likes to its line."""
_SIZE: Final = struct.Struct(">I")


_decode: Final = msgspec.json.Decoder().decode


class BrokenLine(Exception):
    """Something else than a frame came."""


def to_bytes(frame: dict[str, Any]) -> bytes:
    return framed(json.dumps(frame, separators=(",", ":")).encode())


def framed(body: bytes) -> bytes:
    return _SIZE.pack(len(body)) + body


class Incoming:
    """Whatever has come by now, frame by frame: one read brings many."""

    def __init__(self) -> None:
        self._held = bytearray()
        self._wanted = _SIZE.size
        self.broken: BrokenLine | None = None
        """What came behind the last frame is none."""

    def take(self, data: bytes) -> list[dict[str, Any]]:
        """Those that `data` completes."""
        held, found, at = self._held, list[dict[str, Any]](), 0
        held += data
        while len(held) - at >= self._wanted:
            size = _SIZE.unpack_from(held, at)[0]
            self._wanted = _SIZE.size + size
            if size > MOST:
                self.broken = BrokenLine(f"a frame of {size} bytes")
                break
            if len(held) - at < self._wanted:
                break
            try:
                found.append(_frame(held[at + _SIZE.size : at + self._wanted]))
            except BrokenLine as error:
                self.broken = error
                break
            at += self._wanted
            self._wanted = _SIZE.size
        del held[:at]
        return found


def _frame(body: bytes | bytearray) -> dict[str, Any]:
    try:
        frame = _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):  # it refuses some that are written elsewhere
        try:
            frame = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise BrokenLine(str(error)) from None
    if not isinstance(frame, dict):
        raise BrokenLine("a frame that is no object")
    return frame


async def read_frame(reader: asyncio.StreamReader) -> dict[str, Any] | None:
    """None: there will be no more."""
    try:
        size = _SIZE.unpack(await reader.readexactly(_SIZE.size))[0]
        if size > MOST:
            raise BrokenLine(f"a frame of {size} bytes")
        body = await reader.readexactly(size)
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    return _frame(body)
