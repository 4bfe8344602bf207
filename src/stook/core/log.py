"""What an execution's attempts say while they run: lines, kept in parts.

attempt ──▶ lines, numbered from 1 ──▶ parts 0, 1, 2 … (the first lines), TAIL (the last lines, and how many
between them were dropped)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Literal

import msgspec

__all__ = ["LEVELS", "TAIL", "AttemptLogs", "Level", "LogLimits", "LogLine", "LogPart", "read_lines"]

TAIL: Final = 2**31 - 1
"""The number of an attempt's last part, which is written again as it changes."""

Level = Literal["debug", "info", "warning", "error", "critical"]
LEVELS: Final[dict[str, int]] = {"debug": 10, "info": 20, "warning": 30, "error": 40, "critical": 50}


class LogLimits(msgspec.Struct, frozen=True):
    """Of one attempt: half of `lines` and `bytes` are for the first lines, half for the last. `line_bytes` may each of
    message, fields and traceback of a line have. `lines` 0: nothing is captured."""

    lines: int = 1000
    bytes: int = 256 * 1024
    line_bytes: int = 8 * 1024
    level: int = LEVELS["info"]
    """The least that `ctx.logger` captures, as in `logging`."""


class LogLine(msgspec.Struct, omit_defaults=True, gc=False):
    """`line` counts from 1 in its attempt: a gap shows what was dropped. `source` is a logger's name, `stdout`,
    `stderr`, or `stook` for the entry that says how many lines were dropped (its `line` is that of the last one)."""

    line: int
    at: int
    source: str
    message: str
    level: str | None = None
    fields: dict[str, Any] | None = None
    of: str | None = None
    """Of a batched handler's lines: the one execution that it is about."""


class LogPart(msgspec.Struct, gc=False):
    """Some lines of the attempt of the item at `offset`: `body` is a JSON array of `LogLine`, the last of them has the
    number `last`. Sent twice it is stored once; one with a higher `last` replaces it. With `leader`, the lines are
    those of that offset's part of this number, and `body` is empty."""

    offset: int
    part: int
    last: int
    lines: int
    dropped: int
    body: bytes
    leader: int | None = None


class AttemptLogs(msgspec.Struct, gc=False):
    """Parts from items of one slice that still run."""

    token: int
    batch_id: bytes
    parts: Sequence[LogPart]


_decoder: Final = msgspec.json.Decoder(list[LogLine])


def read_lines(body: bytes) -> list[LogLine]:
    """`msgspec.DecodeError` for what is no array of lines."""
    return _decoder.decode(body)
