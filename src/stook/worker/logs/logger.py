"""`ctx.logger`: into the execution's log, and on to Python's logging as ever."""

from __future__ import annotations

import logging
import sys
import traceback
from typing import TYPE_CHECKING, Any, Final, Protocol

from stook.worker.logs.line import encode_line
from stook.worker.trace import clipped, traceback_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, MutableMapping

    from stook.core.log import LogLimits

__all__ = ["CAPTURED", "Log", "TaskLogger", "level_name", "raised_in", "task_logger"]

CAPTURED: Final = "_stook_captured"
"""On records that are in the log already."""
_KNOWN: Final = frozenset({"exc_info", "stack_info", "stacklevel", "extra"})
_RESERVED: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}


class Log(Protocol):
    """Where an attempt's lines go. May be called from any thread."""

    @property
    def limits(self) -> LogLimits: ...

    @property
    def hears_stderr(self) -> bool:
        """What goes to standard error comes back into it: there is no use in what `logging` writes there unasked."""
        ...

    def add(self, line: bytes, of: str | None = None) -> None: ...


class TaskLogger(logging.LoggerAdapter[logging.Logger]):
    """A logger of the standard library's. What names the attempt is added to every record, beside what `extra=` gives;
    other keyword arguments are fields too. The execution's log gets the message and those fields."""

    def __init__(
        self,
        logger: logging.Logger,
        extra: Mapping[str, object],
        log: Callable[[], Log | None] | None = None,
        of: str | None = None,
    ) -> None:
        super().__init__(logger, extra)
        self._captured = log
        self._of = of

    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        kwargs["extra"] = {**(self.extra or {}), **(kwargs.get("extra") or {})}
        return msg, kwargs

    def log(self, level: int, msg: object, *args: object, **kwargs: Any) -> None:
        named = {name: kwargs.pop(name) for name in list(kwargs) if name not in _KNOWN}
        fields = {**(kwargs.get("extra") or {}), **named}
        log = None if self._captured is None else self._captured()
        captured = log is not None and level >= log.limits.level
        if log is not None and captured:
            log.add(self._line(log.limits.line_bytes, level, msg, args, fields, kwargs), self._of)
        unasked = captured and log is not None and log.hears_stderr and not self.logger.hasHandlers()
        if self.logger.isEnabledFor(level) and not unasked:
            extra = {f"{name}_" if name in _RESERVED else name: value for name, value in fields.items()}
            if captured:
                extra[CAPTURED] = True
            kwargs["extra"] = extra
            kwargs["stacklevel"] = kwargs.get("stacklevel", 1) + 1
            msg, given = self.process(msg, kwargs)
            self.logger.log(level, msg, *args, **given)

    def _line(
        self,
        most: int,
        level: int,
        msg: object,
        args: tuple[object, ...],
        fields: Mapping[str, Any],
        kwargs: Mapping[str, Any],
    ) -> bytes:
        if kwargs.get("stack_info"):
            stack = "".join(traceback.format_stack(sys._getframe(3)))  # noqa: SLF001 -- as logging does
            fields = {**fields, "stack": clipped(stack, most, most // 4)}
        return encode_line(
            self.logger.name,
            _message(msg, args),
            most=most,
            level=level_name(level),
            fields=fields,
            traceback=raised_in(kwargs.get("exc_info"), most),
            of=self._of,
        )


def task_logger(
    task: str, extra: Mapping[str, object], log: Callable[[], Log | None] | None = None, of: str | None = None
) -> TaskLogger:
    return TaskLogger(logging.getLogger(f"stook.task.{task}"), extra, log, of)


def level_name(level: int) -> str:
    return logging.getLevelName(level).lower()


def raised_in(exc_info: Any, most: int) -> str | None:
    """The traceback of what `exc_info` stands for, as `logging` understands it."""
    if not exc_info:
        return None
    if isinstance(exc_info, BaseException):
        error: BaseException | None = exc_info
    elif isinstance(exc_info, tuple):
        error = exc_info[1]
    else:
        error = sys.exception()
    if error is None:
        return None
    text = traceback_of(error) or "".join(traceback.format_exception_only(error))
    return clipped(text, most, most // 4)


def _message(msg: object, args: tuple[object, ...]) -> str:
    """As a record would say it; arguments that do not fit are shown beside it."""
    try:
        record = logging.LogRecord("", 0, "", 0, msg, args, None)
        return record.getMessage()
    except Exception:  # noqa: BLE001 -- a user's format, or __str__
        try:
            return f"{msg} {args!r}"
        except Exception:  # noqa: BLE001
            return f"<a message of type {type(msg).__name__} that cannot be shown>"
