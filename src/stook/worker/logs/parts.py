"""From what attempts said to the parts that are stored."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stook.core.log import LogPart
from stook.worker.logs.captured import CapturedLog

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from stook.worker.held import Held
    from stook.worker.logs.captured import Piece

__all__ = ["shared_parts", "taken_logs"]


class _Taken(CapturedLog):
    """Of an attempt that is over: what is said now comes too late."""

    def add(self, line: bytes, of: str | None = None) -> None:
        pass

    def cut(self) -> list[Piece]:
        return []

    def due(self, token: int, now: float) -> list[Piece]:  # noqa: ARG002 - nothing ever is
        return []


def taken_logs(held: Held, offsets: Iterable[int]) -> list[LogPart]:
    """Of attempts that are over: all that may not have been stored while they ran."""
    found: list[LogPart] = []
    groups: dict[int, tuple[CapturedLog, list[int]]] = {}
    for offset in offsets:
        log = held.logs.get(offset)
        if log is None:
            continue
        if log.shared:
            groups.setdefault(id(log), (log, []))[1].append(offset)
            del held.logs[offset]
            continue
        found += [_part(offset, piece) for piece in log.cut()]
        held.logs[offset] = _Taken(log.limits)
    for log, members in groups.values():
        found += shared_parts(held, members, log.cut())
    return found


def shared_parts(held: Held, members: Sequence[int], pieces: Sequence[Piece]) -> list[LogPart]:
    """The first of the members has the lines, the others refer to it. Each has its own count, or is left out."""
    found = []
    for piece in pieces:
        about_all = piece.lines - sum(piece.tagged.values())
        for place, offset in enumerate(members):
            lines = about_all + (piece.tagged.get(held.assignment.execution_id(offset), 0) if piece.tagged else 0)
            if place == 0:
                found.append(LogPart(offset, piece.part, piece.last, lines, piece.dropped, piece.body))
            elif lines or piece.dropped:
                found.append(LogPart(offset, piece.part, piece.last, lines, piece.dropped, b"", members[0]))
    return found


def _part(offset: int, piece: Piece) -> LogPart:
    return LogPart(offset, piece.part, piece.last, piece.lines, piece.dropped, piece.body)
