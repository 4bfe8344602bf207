"""Log records as lines of JSON, for whatever collects logs. Needs nothing but the standard library.

    {"time", "level", "logger", "event", …fields, "error": {"type", "message", "traceback"}}

Fields are what `extra=` gave, and what the record was made for: inside of an execution, its ids.
"""

from __future__ import annotations

import json
import logging
import traceback
from datetime import UTC, datetime
from typing import Any, Final

from stook.core.errors import NotFound
from stook.core.ids import batch_of, execution_id, parse_id
from stook.worker.batch_context import BatchContext, SyncBatchContext
from stook.worker.logs.logger import CAPTURED
from stook.worker.logs.tracking import CURRENT

__all__ = ["JsonLines"]

_OWN: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", CAPTURED}
_TAKEN: Final = frozenset({"time", "level", "logger", "event", "error"})
_OF_WORKERS: Final = ("stook.worker", "stook.task")


class JsonLines(logging.Formatter):
    """`worker` is the name of this process's worker, once it has one: said with what it and its handlers log."""

    def __init__(self) -> None:
        super().__init__()
        self.worker: str | None = None

    def format(self, record: logging.LogRecord) -> str:
        """Never raises for what a program may put into a record, and is always one line."""
        at = datetime.fromtimestamp(record.created, UTC)
        made: dict[str, Any] = {
            "time": at.isoformat(timespec="microseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": _message(record),
        }
        made |= _of_execution()
        for name, value in vars(record).items():
            if name not in _OWN:
                made[f"{name}_" if name in _TAKEN else name] = value
        _rename(made)
        if self.worker is not None and ("task" in made or record.name.startswith(_OF_WORKERS)):
            made["worker"] = self.worker
        if record.exc_info is not None and record.exc_info[1] is not None:
            made["error"] = _error(record.exc_info[1])
        try:
            return json.dumps(made, default=_shown, allow_nan=False)
        except (TypeError, ValueError, RecursionError):  # keys that are none, circles, no numbers
            return json.dumps({name: _plain(value) for name, value in made.items()})


def _of_execution() -> dict[str, Any]:
    current = CURRENT.get(None)
    if current is None:
        return {}
    if isinstance(current, (BatchContext, SyncBatchContext)):
        return {"task": current.task, "queue": current.queue, "group_id": current.group_id}
    return {
        "task": current.task,
        "queue": current.queue,
        "execution_id": current.execution_id,
        "attempt": current.attempt,
    }


def _rename(made: dict[str, Any]) -> None:
    """An execution is called alike in all lines, and its batch can be told from its id."""
    found = made.pop("execution_id", None)
    if found is not None:
        made["execution"] = found
    if "execution" in made and "batch" not in made:
        try:
            made["batch"] = execution_id(batch_of(parse_id(made["execution"])), 0)
        except NotFound:
            return


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception:  # noqa: BLE001 - arguments that do not fit: what was meant is better than nothing
        return f"{_shown(record.msg, str)} {_shown(record.args)}"


def _error(error: BaseException) -> dict[str, str]:
    return {
        "type": type(error).__qualname__,
        "message": _shown(error, str),
        "traceback": "".join(traceback.format_exception(error)),
    }


def _plain(value: object) -> str | dict[str, str]:
    """`error` stays what it is; of other things their text."""
    if isinstance(value, str):
        return value
    if isinstance(value, dict) and all(isinstance(one, str) for pair in value.items() for one in pair):
        return value
    return _shown(value)


def _shown(value: object, how: Any = repr) -> str:
    try:
        return str(how(value))
    except Exception:  # noqa: BLE001 - the user's __repr__
        return f"<{type(value).__name__}>"
