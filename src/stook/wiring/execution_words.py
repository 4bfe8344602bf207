"""What callers say of executions: ids, filters, reasons."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from stook.core.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stook.engine.invoked import Filter

    Ids = str | Sequence[object]

__all__ = ["filter_of", "name_of", "reason_of", "text_of", "texts_of"]


def filter_of(
    task: object = None,
    queue: str | None = None,
    state: str | Sequence[str] | None = None,
    tag: str | None = None,
    batch_id: str | None = None,
    dedupe_key: str | None = None,
) -> Filter:
    from stook.core.ids import batch_of, parse_id  # noqa: PLC0415 - loaded with the store
    from stook.engine.invoked import Filter, states_of  # noqa: PLC0415

    for option, value in (("queue", queue), ("tag", tag), ("batch_id", batch_id), ("dedupe_key", dedupe_key)):
        if value is not None and not isinstance(value, str):
            raise OptionError(f"{option}={value!r} is not text")
    return Filter(
        task=None if task is None else name_of(task),
        queue=queue,
        states=states_of(state),
        tag=tag,
        batch_id=None if batch_id is None else batch_of(parse_id(batch_id)),
        dedupe_key=dedupe_key,
    )


def name_of(task: object) -> str:
    name = task if isinstance(task, str) else getattr(task, "name", None)
    if not isinstance(name, str):
        raise OptionError(f"task={task!r} is no task", hint="give a Task, a TaskDef or a task's name")
    return name


def text_of(id_: object) -> str:
    return id_ if isinstance(id_, str) else str(id_)


def texts_of(ids: Ids) -> list[str]:
    if isinstance(ids, str):
        return [ids]
    given: object = ids
    if not isinstance(given, Iterable):
        raise OptionError(f"ids={given!r} are no ids", hint="give one, or several in a list")
    return [text_of(one) for one in given]


def reason_of(given: object) -> str:
    if not isinstance(given, str) or not given:
        raise OptionError(f"reason={given!r} is no text", hint="leave it out")
    return given[:1000].replace("\0", "\ufffd")
