"""What a worker and its children say to each other: frames over a pair of sockets.

    worker ──▶ child    Setup, then Work, Signalled, Recall, Close
    child ──▶ worker    Ready or Broken, then Logged, Done, Failed, Returned

A frame is four bytes of length and a MessagePack array.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from stook.core.log import LogLimits
from stook.core.policy import RetryPolicy
from stook.worker.assignment import Assignment
from stook.worker.processes.reference import Reference
from stook.worker.signals import Reason
from stook.worker.source import Trouble

__all__ = [
    "Broken",
    "Close",
    "Done",
    "Failed",
    "Frames",
    "FromChild",
    "FromWorker",
    "Logged",
    "Ready",
    "Recall",
    "Returned",
    "Setup",
    "Signalled",
    "Work",
    "to_bytes",
]


class Setup(msgspec.Struct, array_like=True, tag=0):
    """Where the handler of each task is, and how much of what an item says is captured (None: nothing)."""

    tasks: dict[str, Reference]
    logs: LogLimits | None = None


class Work(msgspec.Struct, array_like=True, tag=1):
    """Items of one slice: (number, offset, payload). Numbers count up from 1 within one child."""

    assignment: Assignment
    retry: RetryPolicy
    items: list[tuple[int, int, bytes]]


class Signalled(msgspec.Struct, array_like=True, tag=2):
    number: int
    reason: Reason


class Recall(msgspec.Struct, array_like=True, tag=3):
    """Everything that has not started is wanted back."""


class Close(msgspec.Struct, array_like=True, tag=4):
    """No more work comes."""


class Ready(msgspec.Struct, array_like=True, tag=10):
    """All handlers are imported."""


class Broken(msgspec.Struct, array_like=True, tag=11):
    """A handler could not be imported."""

    message: str
    traceback: str


class Done(msgspec.Struct, array_like=True, tag=12):
    number: int
    result: bytes
    took: int
    """Nanoseconds."""


class Failed(msgspec.Struct, array_like=True, tag=13):
    number: int
    trouble: Trouble
    took: int


class Logged(msgspec.Struct, array_like=True, tag=15):
    """What an item has said: lines as `encode_line` makes them, behind so many that were dropped."""

    number: int
    lines: list[bytes]
    dropped: int


class Returned(msgspec.Struct, array_like=True, tag=14):
    """Items that were not and will not be started."""

    numbers: list[int]


FromWorker = Setup | Work | Signalled | Recall | Close
FromChild = Ready | Broken | Done | Failed | Logged | Returned

_LENGTH: Final = 4
_encoder: Final = msgspec.msgpack.Encoder(enc_hook=dict)
"""What it does not know is a mapping that nobody may change."""


def to_bytes(frame: FromWorker | FromChild) -> bytes:
    raw = _encoder.encode(frame)
    return len(raw).to_bytes(_LENGTH, "big") + raw


class Frames:
    """Bytes as they come, to frames of one direction (`FromWorker` or `FromChild`)."""

    def __init__(self, direction: Any) -> None:
        self._decoder: msgspec.msgpack.Decoder[Any] = msgspec.msgpack.Decoder(direction)
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[Any]:
        """The frames that are complete now."""
        buffer = self._buffer
        buffer += data
        found, at = [], 0
        while len(buffer) >= at + _LENGTH:
            start = at + _LENGTH
            end = start + int.from_bytes(buffer[at:start], "big")
            if len(buffer) < end:
                break
            found.append(self._decoder.decode(bytes(buffer[start:end])))
            at = end
        del buffer[:at]
        return found
