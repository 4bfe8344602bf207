"""What processes write down while they live: one line, one write, so that a kill loses nothing that was written.

starts-SERIAL-PID   execution, attempt, microseconds      by handlers, first thing
claims-SERIAL       what a worker was given, and which successes the store took from it
acked-LANE          batches and singles whose submission was acknowledged
"""

from __future__ import annotations

import os
import time
from array import array
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, NamedTuple
from uuid import UUID

import msgspec

from stook.core.ids import batch_of, index_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["Acked", "BatchJournal", "Journal", "Taken", "now", "offsets_text", "read_acked", "read_journals"]

START: Final = 4
"""Numbers of one start: index, attempt, microseconds, place of its worker in `serials`."""


def now() -> int:
    """Microseconds, on the clock that the databases of this machine read."""
    return time.time_ns() // 1000


class Journal:
    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)

    def line(self, *words: object) -> None:
        os.write(self._file, (" ".join(map(str, words)) + "\n").encode())


class Taken(NamedTuple):
    """A claimed slice."""

    serial: int
    token: int
    first: int
    offsets: Sequence[int]
    attempt: int
    round: int
    claimed_at: int


class BatchJournal(msgspec.Struct):
    starts: array[int] = msgspec.field(default_factory=lambda: array("q"))
    taken: list[Taken] = msgspec.field(default_factory=list)
    succeeded: list[tuple[Taken, Sequence[int]]] = msgspec.field(default_factory=list)
    """Whose success the store said it had taken."""


class Acked(NamedTuple):
    """A submission that was acknowledged; `number` is its plan's, or of a single one."""

    kind: str
    number: int
    batch_id: bytes
    total: int
    """Of a single one: its index."""


def offsets_text(offsets: Sequence[int]) -> str:
    if not offsets:
        return "-"
    if len(offsets) == offsets[-1] - offsets[0] + 1:
        return f"{offsets[0]}-{offsets[-1]}"
    return ",".join(map(str, offsets))


def read_journals(folder: Path) -> tuple[dict[bytes, BatchJournal], list[str]]:
    """By batch, and the workers' names: a start or a claim says its worker by the place in them."""
    serials: list[str] = []
    batches: dict[bytes, BatchJournal] = {}
    for path in sorted(folder.glob("claims-*")):
        serial = _place(serials, path.name.split("-")[1])
        by_token: dict[str, tuple[BatchJournal, Taken]] = {}
        for words in _lines(path):
            if words[0] == "C":
                _, token, batch, first, attempt, round_, at, offsets = words
                journal = batches.setdefault(bytes.fromhex(batch), BatchJournal())
                taken = Taken(serial, int(token), int(first), _offsets(offsets), int(attempt), int(round_), int(at))
                by_token[token] = journal, taken
                journal.taken.append(taken)
            else:
                _, token, offsets = words
                journal, taken = by_token[token]
                journal.succeeded.append((taken, _offsets(offsets)))
    for path in sorted(folder.glob("starts-*")):
        serial = _place(serials, path.name.split("-")[1])
        for execution, attempt, at in _lines(path):
            raw = UUID(execution).bytes
            journal = batches.setdefault(batch_of(raw), BatchJournal())
            journal.starts.extend((index_of(raw), int(attempt), int(at), serial))
    return batches, serials


def read_acked(folder: Path) -> list[Acked]:
    return [
        Acked(kind, int(number), bytes.fromhex(batch), int(total))
        for path in sorted(folder.glob("acked-*"))
        for kind, number, batch, total in _lines(path)
    ]


def _lines(path: Path) -> Iterator[list[str]]:
    with path.open() as file:
        for line in file:
            yield line.split()


def _offsets(text: str) -> Sequence[int]:
    if text == "-":
        return ()
    if "," not in text and "-" in text:
        lo, hi = text.split("-")
        return range(int(lo), int(hi) + 1)
    return [int(one) for one in text.split(",")]


def _place(serials: list[str], serial: str) -> int:
    if serial not in serials:
        serials.append(serial)
    return serials.index(serial)
