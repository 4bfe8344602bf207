"""What a server's loggers say, on standard error as it happens."""

from __future__ import annotations

import contextlib
import logging
import traceback
from typing import TYPE_CHECKING

from stook.cli.dispatch import say

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["server_log"]


class _Lines(logging.Handler):
    """Each line on its own, so that a reader can tell whose it is."""

    def emit(self, record: logging.LogRecord) -> None:
        say(record.getMessage())
        if record.exc_info is not None and record.exc_info[1] is not None:
            for part in traceback.format_exception(record.exc_info[1]):
                for line in part.splitlines():
                    say(line)


@contextlib.contextmanager
def server_log() -> Iterator[None]:
    logger, lines = logging.getLogger("stook"), _Lines(logging.WARNING)
    logger.addHandler(lines)
    before, logger.propagate = logger.propagate, False
    try:
        yield
    finally:
        logger.propagate = before
        logger.removeHandler(lines)
