"""What starts a task: a call, a clock, an event, a row that changes. Plain values, checked when they are made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

from stook.core.cron import Missed, Overlap, check_cron
from stook.core.definitions import EventDef, check_text
from stook.core.errors import ConfigError, NotInvocable, PayloadError
from stook.core.payload import encode
from stook.core.when_text import as_condition

if TYPE_CHECKING:
    from stook.core.when import Condition

__all__ = [
    "Cron",
    "Invocable",
    "On",
    "OnRow",
    "Operation",
    "Trigger",
    "check_choice",
    "check_invocable",
    "check_schedule_name",
    "not_invocable",
    "triggers_of",
]

Operation = Literal["insert", "update", "delete"]
OPERATIONS: Final[tuple[Operation, ...]] = get_args(Operation)
_LEAST_PRIORITY, _MOST_PRIORITY = -(2**31), 2**31 - 1
_PARTS: Final = 2


@dataclass(frozen=True)
class Invocable:
    """The task may be invoked. A task without triggers is; one with others only if this is among them."""


@dataclass(frozen=True)
class Cron:
    """The task runs at the times of a cron expression, with `payload`. `name` is unique for the task; left out, it is
    the expression.

    `missed`: of ticks at which nobody was there, `one` runs once for all of them, `skip` lets those pass that are more
    than a minute late, `all` runs each. `overlap`: while an earlier execution of the schedule is unfinished, `allow`
    starts the next beside it, `skip` lets the tick pass, `queue` starts it afterwards. Times are local to `tz`: one
    that is skipped by a clock change runs at the next valid instant, one that is repeated runs once.
    """

    expr: str
    _: KW_ONLY
    name: str = None  # type: ignore[assignment]  # the expression: `__post_init__` puts it here
    tz: str = "UTC"
    payload: Any = None
    priority: int = 0
    missed: Missed = "one"
    overlap: Overlap = "allow"

    def __post_init__(self) -> None:
        check_cron(self.expr, self.tz)
        given: object = self.name
        if given is None:
            object.__setattr__(self, "name", self.expr)
        check_schedule_name(self.name)
        check_choice("missed", self.missed, get_args(Missed))
        check_choice("overlap", self.overlap, get_args(Overlap))
        if type(self.priority) is not int or not _LEAST_PRIORITY <= self.priority <= _MOST_PRIORITY:
            raise ConfigError(f"priority={self.priority!r} is not a whole number of 32 bits")
        try:
            encode(self.payload)
        except PayloadError as error:
            raise ConfigError(f"the payload of Cron({self.expr!r}) is not JSON: {error.message}") from None


@dataclass(frozen=True)
class On:
    """The task runs for each event of that name of which `when` holds; its payload is the event's, cut to `fields`
    (top-level keys, as a list or with commas; None: all of it)."""

    event: str
    _: KW_ONLY
    when: Condition | None = None
    fields: tuple[str, ...] | None = None

    def __init__(
        self,
        event: str | EventDef,
        *,
        when: str | Condition | None = None,
        fields: str | Sequence[str] | None = None,
    ) -> None:
        name = event.name if isinstance(event, EventDef) else event
        check_text("the name of an event", name)
        condition = None if when is None else as_condition(when)
        if condition is not None and "old" in condition.places():
            raise ConfigError(f"On({name!r}): when= speaks of OLD, which an event has not", hint="use the bare name")
        object.__setattr__(self, "event", name)
        object.__setattr__(self, "when", condition)
        object.__setattr__(self, "fields", None if fields is None else _names("fields", fields))


@dataclass(frozen=True)
class OnRow:
    """The task runs for each row of a table of PostgreSQL that is inserted, updated or deleted, of which `when` holds,
    in the user's own transaction. Its payload is `{"old", "new", "tg_table", "tg_op"}`, with rows cut to `columns`.
    `op` is one operation, several with commas or as a list."""

    table: str
    ops: tuple[Operation, ...]
    _: KW_ONLY
    columns: tuple[str, ...]
    when: Condition | None = None

    def __init__(
        self,
        table: str,
        op: str | Sequence[str],
        *,
        columns: str | Sequence[str],
        when: str | Condition | None = None,
    ) -> None:
        check_text("the table of a trigger", table)
        if len([part for part in table.split(".") if part]) != _PARTS or table.count(".") != 1:
            raise ConfigError(f"OnRow: the table {table!r} is not written with its schema", hint="like public.orders")
        names = _names("op", op)
        for one in names:
            check_choice("op", one, OPERATIONS)
        object.__setattr__(self, "table", table)
        object.__setattr__(self, "ops", tuple(one for one in OPERATIONS if one in names))
        object.__setattr__(self, "columns", _names("columns", columns))
        object.__setattr__(self, "when", None if when is None else as_condition(when))


Trigger = Invocable | Cron | On | OnRow


def triggers_of(given: Trigger | Sequence[Trigger] | None) -> tuple[Trigger, ...]:
    """One trigger or several; none given: `Invocable()`. `ConfigError` for an empty list, what is no trigger, and two
    schedules of one name."""
    if given is None:
        return (Invocable(),)
    found: tuple[object, ...] = tuple(given) if isinstance(given, Sequence) else (given,)
    if not found:
        raise ConfigError("triggers=[] starts a task by nothing", hint="leave it out for a task that is invoked")
    names: set[str] = set()
    made: list[Trigger] = []
    for one in found:
        if not isinstance(one, Trigger):
            raise ConfigError(f"triggers: {one!r} is none", hint="give Invocable(), Cron(…), On(…) or OnRow(…)")
        if isinstance(one, Cron):
            if one.name in names:
                raise ConfigError(f"two schedules of one task are named {one.name!r}", hint="give one of them a name=")
            names.add(one.name)
        made.append(one)
    return tuple(made)


def check_invocable(task: str, triggers: Sequence[Trigger]) -> None:
    """`NotInvocable` of a task that is started by other things alone."""
    if not any(isinstance(one, Invocable) for one in triggers):
        raise not_invocable(task)


def not_invocable(task: str) -> NotInvocable:
    return NotInvocable(f"task {task!r} is started by its triggers alone", hint="add Invocable() to its triggers")


def check_schedule_name(name: object) -> None:
    """`ConfigError` unless it is short text without `::`."""
    check_text("the name of a schedule", name)
    if isinstance(name, str) and "::" in name:
        raise ConfigError(f"the name of a schedule is {name!r}", hint="it must not hold ::")


def check_choice(what: str, value: object, allowed: Sequence[str]) -> None:
    if value not in allowed:
        raise ConfigError(f"{what}={value!r} is none of {', '.join(allowed)}")


def _names(what: str, given: object) -> tuple[str, ...]:
    """With commas or as a list; in their order, each once."""
    if isinstance(given, str):
        found = [one.strip() for one in given.split(",")]
    elif isinstance(given, Sequence) and not isinstance(given, bytes):
        found = list(given)
    else:
        raise ConfigError(f"{what}={given!r} is not a list of names")
    if not found:
        raise ConfigError(f"{what} is empty", hint="leave it out, or name some" if what == "fields" else "name some")
    for one in found:
        check_text(f"a name in {what}", one)
    return tuple(dict.fromkeys(found))
