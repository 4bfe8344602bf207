"""Limits that are changed while things run, on the wire."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Protocol, Self

import msgspec

from stook.core.lanes import stored_key
from stook.core.policy import ConcurrencyLimit, RateLimit
from stook.core.task_terms import change_of
from stook.core.terms import NO_TERMS, Terms, TermsChange
from stook.core.unchanged import UNCHANGED, Unchanged
from stook.core.window import Window
from stook.wire.action import Action
from stook.wire.batch import Count

if TYPE_CHECKING:
    from stook.core.policy import Key

__all__ = ["ChangeLimits", "DeclaredLimits", "Hours", "KeyedLimit", "Limit", "LimitChanged", "LimitPage", "Rate"]


class _Row(Protocol):
    """As the store has it."""

    @property
    def scope(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def max_concurrency(self) -> int | None: ...
    @property
    def paused(self) -> bool: ...
    @property
    def running(self) -> int: ...
    @property
    def terms(self) -> Terms: ...
    @property
    def declared_concurrency(self) -> int | None: ...
    @property
    def declared(self) -> Terms: ...


class KeyedLimit(msgspec.Struct, kw_only=True):
    """At most `n` executions, or groups, at once: of each value of `key`, a dotted path into the payload, or of all."""

    n: Count
    key: str | None = None
    unit: Literal["execution", "group"] = "execution"


class Rate(msgspec.Struct, kw_only=True):
    """`n` starts, or units (`units`: a path to a number), in `per` seconds, at most `burst` (null: n) at once."""

    n: float
    per: float
    key: str | None = None
    burst: float | None = None
    units: str | None = None


class Hours(msgspec.Struct, kw_only=True):
    """From `start`, included, to `end`, excluded ("HH:MM"), in `tz`, on `days` (0 Monday to 6 Sunday; null: all)."""

    start: str
    end: str
    tz: str = "UTC"
    days: list[int] | None = None


class NewKeyedLimit(KeyedLimit, kw_only=True, forbid_unknown_fields=True):
    def __post_init__(self) -> None:
        change_of(concurrency=self.value())

    def value(self) -> ConcurrencyLimit:
        return ConcurrencyLimit(self.n, stored_key(self.key), self.unit)


class NewRate(Rate, kw_only=True, forbid_unknown_fields=True):
    def __post_init__(self) -> None:
        self.value()

    def value(self) -> RateLimit:
        return RateLimit(self.n, self.per, stored_key(self.key), self.burst, stored_key(self.units))


class NewHours(Hours, kw_only=True, forbid_unknown_fields=True):
    def __post_init__(self) -> None:
        self.value()

    def value(self) -> Window:
        return Window(self.start, self.end, self.tz, _days(self))


class DeclaredLimits(msgspec.Struct, kw_only=True):
    """What the definition of a task says, whatever holds now."""

    max_concurrency: int | None
    concurrency: list[KeyedLimit]
    rate_limit: list[Rate]
    window: Hours | None

    @classmethod
    def of(cls, max_concurrency: int | None, terms: Terms) -> Self:
        return cls(max_concurrency=max_concurrency, **_shown(terms))

    @property
    def terms(self) -> Terms:
        return _terms(self)


class Limit(msgspec.Struct, kw_only=True):
    """Of a queue, of a task, or, where neither is named, of the whole project. `max_concurrency` null: none. `running`
    executions are held by workers. What follows is of tasks alone; `declared` is what the task's definition says."""

    queue: str | None
    task: str | None
    max_concurrency: int | None
    paused: bool
    running: int
    concurrency: list[KeyedLimit] = []
    rate_limit: list[Rate] = []
    window: Hours | None = None
    declared: DeclaredLimits | None = None

    @classmethod
    def of(cls, row: _Row) -> Self:
        said = DeclaredLimits.of(row.declared_concurrency, row.declared) if row.scope == "task" else None
        return cls(
            queue=row.name if row.scope == "queue" else None,
            task=row.name if row.scope == "task" else None,
            max_concurrency=row.max_concurrency,
            paused=row.paused,
            running=row.running,
            declared=said,
            **_shown(row.terms),
        )

    @property
    def terms(self) -> Terms:
        return _terms(self)


class LimitPage(msgspec.Struct):
    data: list[Limit]
    next: None = None


class ChangeLimits(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Of the project, or one of its queues or tasks; what is left out stays. `concurrency`, `rate_limit` and `window`
    are of a task alone; each replaces what there is, null takes it away."""

    queue: str | None = None
    task: str | None = None
    max_concurrency: Count | msgspec.UnsetType | None = msgspec.UNSET
    paused: bool | None = None
    concurrency: list[NewKeyedLimit] | msgspec.UnsetType | None = msgspec.UNSET
    rate_limit: list[NewRate] | msgspec.UnsetType | None = msgspec.UNSET
    window: NewHours | msgspec.UnsetType | None = msgspec.UNSET

    @classmethod
    def of(
        cls,
        queue: str | None,
        task: str | None,
        max_concurrency: int | Unchanged | None = UNCHANGED,
        *,
        paused: bool | None = None,
        terms: TermsChange | None = None,
    ) -> Self:
        most = msgspec.UNSET if isinstance(max_concurrency, Unchanged) else max_concurrency
        made = cls(queue=queue, task=task, max_concurrency=most, paused=paused)
        if terms and "limits" in terms:
            made.concurrency = [NewKeyedLimit(n=one.n, key=_path(one.key), unit=one.unit) for one in terms["limits"]]
        if terms and "rates" in terms:
            made.rate_limit = [
                NewRate(n=one.n, per=one.per, key=_path(one.key), burst=one.burst, units=_path(one.units))
                for one in terms["rates"]
            ]
        if terms and "window" in terms:
            made.window = None if terms["window"] is None else NewHours(**_hours(terms["window"]))
        return made

    def terms(self) -> TermsChange:
        change = TermsChange()
        if self.concurrency is not msgspec.UNSET:
            change["limits"] = tuple(one.value() for one in self.concurrency or ())
        if self.rate_limit is not msgspec.UNSET:
            change["rates"] = tuple(one.value() for one in self.rate_limit or ())
        if self.window is not msgspec.UNSET:
            change["window"] = None if self.window is None else self.window.value()
        return change


class LimitChanged(msgspec.Struct):
    """What holds now, and the action as it is recorded."""

    limit: Limit
    action: Action


def _shown(terms: Terms) -> dict[str, Any]:
    return {
        "concurrency": [KeyedLimit(n=one.n, key=_path(one.key), unit=one.unit) for one in terms.limits],
        "rate_limit": [
            Rate(n=one.n, per=one.per, key=_path(one.key), burst=one.burst, units=_path(one.units))
            for one in terms.rates
        ],
        "window": None if terms.window is None else Hours(**_hours(terms.window)),
    }


def _terms(shape: Limit | DeclaredLimits) -> Terms:
    if not (shape.concurrency or shape.rate_limit or shape.window):
        return NO_TERMS
    hours = shape.window
    return Terms(
        tuple(ConcurrencyLimit(one.n, one.key, one.unit) for one in shape.concurrency),
        tuple(RateLimit(one.n, one.per, one.key, one.burst, one.units) for one in shape.rate_limit),
        None if hours is None else Window(hours.start, hours.end, hours.tz, _days(hours)),
    )


def _hours(window: Window) -> dict[str, Any]:
    return {
        "start": window.start,
        "end": window.end,
        "tz": window.tz,
        "days": None if window.days is None else list(window.days),
    }


def _days(hours: Hours) -> tuple[int, ...] | None:
    return None if hours.days is None else tuple(hours.days)


def _path(key: Key) -> str | None:
    """Terms that are stored name a key that is a function."""
    return key if isinstance(key, str) else None
