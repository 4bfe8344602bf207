"""What a server's and a worker's loggers say, on standard error as it happens: as lines for people or as JSON."""

from __future__ import annotations

import contextlib
import logging
import sys
import traceback
from typing import TYPE_CHECKING, Final, assert_never

from stook.cli.dispatch import say

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from stook.config.settings import Settings

__all__ = ["Said", "server_log"]

_CHATTY: Final = ("httpcore", "httpx", "uvicorn")
"""Libraries of ours that say at INFO what is nobody's news."""


class Said:
    """`talk` is a line that a person at the terminal is to read; `named` tells what the worker is called."""

    def __init__(self, talk: Callable[[str], None], named: Callable[[str], None]) -> None:
        self.talk = talk
        self.named = named


class _Lines(logging.Handler):
    """Each line on its own, so that a reader can tell whose it is."""

    def emit(self, record: logging.LogRecord) -> None:
        say(record.getMessage())
        if record.exc_info is not None and record.exc_info[1] is not None:
            for part in traceback.format_exception(record.exc_info[1]):
                for line in part.splitlines():
                    say(line)


@contextlib.contextmanager
def server_log(settings: Settings) -> Iterator[Said]:
    match settings.log_format:
        case "console":
            with _handled(logging.getLogger("stook"), _Lines(), settings.log_level.upper()):
                yield Said(say, lambda _: None)
        case "json":
            with _json(settings.log_level.upper()) as said:
                yield said
        case _:
            assert_never(settings.log_format)


@contextlib.contextmanager
def _json(level: str) -> Iterator[Said]:
    """Everybody's records, unless the program has set up logging itself: then stook's alone, and the program's go where
    it sent them."""
    from stook.telemetry.json_lines import JsonLines
    from stook.worker.logs.tracking import tracking

    tracking.wanted = True
    lines = JsonLines()
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(lines)
    own = logging.getLogger("stook")
    with contextlib.ExitStack() as leaving:
        root = logging.getLogger()
        leaving.enter_context(_handled(own if root.handlers else root, handler, level))
        for name in _CHATTY:
            leaving.enter_context(_level(logging.getLogger(name), logging.WARNING))

        def named(worker: str) -> None:
            lines.worker = worker

        yield Said(logging.getLogger("stook.cli").info, named)


@contextlib.contextmanager
def _handled(logger: logging.Logger, handler: logging.Handler, level: str) -> Iterator[None]:
    handler.setLevel(level)
    with _level(logger, min(handler.level, logger.getEffectiveLevel())):
        logger.addHandler(handler)
        before, logger.propagate = logger.propagate, False
        try:
            yield
        finally:
            logger.propagate = before
            logger.removeHandler(handler)


@contextlib.contextmanager
def _level(logger: logging.Logger, level: int) -> Iterator[None]:
    before = logger.level
    logger.setLevel(level)
    try:
        yield
    finally:
        logger.setLevel(before)
