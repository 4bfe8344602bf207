"""Frames out of a `text/event-stream` that may end anywhere: one counts once the empty line behind it is there."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Frame", "Frames"]


class Frame(NamedTuple):
    event: str
    id: str | None
    data: bytes


class Frames:
    def __init__(self) -> None:
        self._rest = b""

    def feed(self, piece: bytes) -> Iterator[Frame]:
        """Those that are whole now."""
        *whole, self._rest = (self._rest + piece).split(b"\n\n")
        for text in whole:
            event, id_, data = "", None, []
            for line in text.split(b"\n"):
                name, _, value = line.partition(b": ")
                match name:
                    case b"event":
                        event = value.decode()
                    case b"id":
                        id_ = value.decode()
                    case b"data":
                        data.append(value)
                    case _:
                        pass  # comments, and how long to wait
            if event:
                yield Frame(event, id_, b"\n".join(data))
