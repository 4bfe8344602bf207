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
    def __init__(self, say: Callable[[str], None]) -> None:
        super().__init__(logging.WARNING)
        self.kept: list[str] = []
        self._say = say

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno >= logging.ERROR:
            self.kept.append(record.getMessage())
        else:
            self._say(record.getMessage())


@contextlib.contextmanager
def log_lines(say: Callable[[str], None]) -> Iterator[None]:
    """Warnings at once. Errors when the work is over, unless it ended with an error itself, which then says it all."""
    logger, lines = logging.getLogger("stook"), _Lines(say)
    logger.addHandler(lines)
    before, logger.propagate = logger.propagate, False
    try:
        yield
    except StookError:
        lines.kept.clear()
        raise
    finally:
        logger.propagate = before
        logger.removeHandler(lines)
        for line in lines.kept:
            say(line)
