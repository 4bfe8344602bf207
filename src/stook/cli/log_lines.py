"""What stook's own loggers say, on the way to the person at the terminal."""

from __future__ import annotations

import contextlib
import logging
from typing import TYPE_CHECKING

from stook.core.errors import StookError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["log_lines"]


class _Lines(logging.Handler):
    def __init__(self, say: Callable[[str], None], level: int) -> None:
        super().__init__(level)
        self.kept: list[str] = []
        self._say = say

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno >= logging.ERROR:
            self.kept.append(record.getMessage())
        else:
            self._say(record.getMessage())


@contextlib.contextmanager
def log_lines(say: Callable[[str], None], level: str = "WARNING") -> Iterator[None]:
    """What is of that level at once. Errors when the work is over, unless it ended with an error itself, which then
    says it all."""
    logger, lines = logging.getLogger("stook"), _Lines(say, logging.getLevelNamesMapping()[level])
    logger.addHandler(lines)
    was = logger.level
    logger.setLevel(min(lines.level, logger.getEffectiveLevel()))
    before, logger.propagate = logger.propagate, False
    try:
        yield
    except StookError:
        lines.kept.clear()
        raise
    finally:
        logger.propagate = before
        logger.setLevel(was)
        logger.removeHandler(lines)
        for line in lines.kept:
            say(line)
