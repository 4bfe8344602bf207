"""Reaching the execution from code that was not given its context. Imported only where it is used: see `tracking`."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from stook.core.errors import OptionError
from stook.worker.logs.line import encode_line
from stook.worker.logs.logger import CAPTURED, level_name, raised_in
from stook.worker.logs.tracking import CURRENT, tracking

if TYPE_CHECKING:
    from stook.worker.logs.tracking import AnyContext

__all__ = ["CapturedLogs", "current_context"]

_OWN: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", CAPTURED}

tracking.wanted = True


def current_context() -> AnyContext:
    """The context of the execution, or of the group, that this code runs for: in its handler, in what that calls, and
    in tasks and threads that carry its context variables on (`asyncio.create_task`, `asyncio.to_thread`).

    `OptionError` outside of one. Import it where modules are imported: executions that had begun before are not known.
    """
    found = CURRENT.get(None)
    if found is None:
        raise OptionError(
            "no execution runs here",
            hint="call it in a handler, and import it at the top of a module; plain threads carry no context over",
        )
    return found


class CapturedLogs(logging.Handler):
    """Puts records made within an execution into its log, whichever logger they come from; others pass it by.

    `logging.getLogger().addHandler(CapturedLogs())`, in a module that child processes import too. What `ctx.logger`
    says is not taken twice.
    """

    def emit(self, record: logging.LogRecord) -> None:
        context = CURRENT.get(None)
        if context is None or getattr(record, CAPTURED, False):
            return
        log = context.captured_log()
        if log is None:
            return
        try:
            most = log.limits.line_bytes
            line = encode_line(
                record.name,
                record.getMessage(),
                most=most,
                level=level_name(record.levelno),
                fields={name: value for name, value in vars(record).items() if name not in _OWN},
                traceback=raised_in(record.exc_info, most),
            )
            log.add(line)
        except Exception:  # noqa: BLE001 -- as every handler does
            self.handleError(record)
