"""`App(logger=…)`: where what handlers say with `ctx.logger` goes, and what stook itself warns of."""

from __future__ import annotations

import logging
import weakref
from typing import Any, Final

from stook.core.errors import ConfigError

__all__ = ["check_logger", "hear_stook", "hear_task"]

_METHODS: Final = ("debug", "info", "warning", "error")
_NAMED: Final = ("task", "queue", "execution_id", "attempt", "group_id", "size")
"""What is shown behind a message to a logger that knows nothing of records."""


class _Forwarding(logging.Handler):
    """To `target`: records as they are, if it is a logger of the standard library, else lines by level. `whole`: also
    to the loggers above it, where nobody else brings records."""

    def __init__(self, target: Any, *, level: int, whole: bool) -> None:
        super().__init__(level)
        self._target = target
        self._whole = whole

    def emit(self, record: logging.LogRecord) -> None:
        target = self._target
        if not isinstance(target, logging.Logger):
            self._say(record)
        elif self._whole:
            if target.isEnabledFor(record.levelno):
                target.handle(record)
        else:
            for handler in target.handlers:
                if record.levelno >= handler.level:
                    handler.handle(record)

    def _say(self, record: logging.LogRecord) -> None:
        level = min(record.levelno // 10, len(_METHODS))
        known = " ".join(f"{name}={getattr(record, name)}" for name in _NAMED if hasattr(record, name))
        text = self.format(record)
        getattr(self._target, _METHODS[max(level, 1) - 1])(f"{text} [{known}]" if known else text)


def check_logger(logger: Any) -> None:
    """`ConfigError` for what cannot be spoken to."""
    missing = [name for name in _METHODS if not callable(getattr(logger, name, None))]
    if missing:
        raise ConfigError(f"logger={logger!r} has no method {missing[0]!r}", hint="debug, info, warning and error")


def hear_stook(owner: object, logger: Any) -> None:
    """Warnings and errors of stook's own loggers, as long as the owner lives."""
    if not _is_stooks(logger):
        _attach(owner, logging.getLogger("stook"), _Forwarding(logger, level=logging.WARNING, whole=False))


def hear_task(owner: object, logger: Any, task: str) -> None:
    """All that handlers of the task say, which then goes nowhere else, as long as the owner lives."""
    if not _is_stooks(logger):
        source = logging.getLogger(f"stook.task.{task}")
        _attach(owner, source, _Forwarding(logger, level=logging.NOTSET, whole=True))
        source.setLevel(logging.DEBUG)
        source.propagate = False


def _attach(owner: object, source: logging.Logger, handler: logging.Handler) -> None:
    source.addHandler(handler)
    weakref.finalize(owner, _detach, source, handler)


def _detach(source: logging.Logger, handler: logging.Handler) -> None:
    source.removeHandler(handler)
    if source.name != "stook" and not any(isinstance(one, _Forwarding) for one in source.handlers):
        source.propagate = True
        source.setLevel(logging.NOTSET)


def _is_stooks(logger: Any) -> bool:
    """It hears everything as it is, and must not hear it twice."""
    return isinstance(logger, logging.Logger) and (logger.name == "stook" or logger.name.startswith("stook."))
