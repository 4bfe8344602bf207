"""`text/event-stream` out of the pieces it arrives in."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["EventParser", "ServerEvent"]


class ServerEvent(NamedTuple):
    """`cursor` is the frame's own id, if it has one."""

    name: str
    data: bytes
    cursor: str | None


class EventParser:
    """A frame that was cut is none."""

    def __init__(self) -> None:
        self._rest: list[bytes] = []
        self._name = ""
        self._data: list[bytes] = []
        self._cursor: str | None = None

    def feed(self, piece: bytes) -> list[ServerEvent]:
        """The frames that are whole with it. Comments are none."""
        if b"\n" not in piece:
            self._rest.append(piece)
            return []
        lines = b"".join([*self._rest, piece]).split(b"\n")
        self._rest = [lines.pop()]
        return [event for line in lines if (event := self._line(line.removesuffix(b"\r"))) is not None]

    def _line(self, line: bytes) -> ServerEvent | None:
        if not line:
            return self._end()
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        match name:
            case b"event":
                self._name = value.decode(errors="replace")
            case b"data":
                self._data.append(value)
            case b"id":
                self._cursor = value.decode(errors="replace")
            case _:
                pass  # a comment, or of another time
        return None

    def _end(self) -> ServerEvent | None:
        made = ServerEvent(self._name, b"\n".join(self._data), self._cursor) if self._data else None
        self._name, self._data, self._cursor = "", [], None
        return made
