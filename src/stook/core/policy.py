"""Policies: what a task's author decides in advance. Plain values, stored with each batch as JSON."""

from __future__ import annotations

import sys
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec

from stook.core.errors import ConfigError
from stook.core.retention import KEEP, Retention
from stook.core.window import Window

if TYPE_CHECKING:
    from collections.abc import Callable

    Errors = tuple[str | type[BaseException], ...]
    Key = str | Callable[[Any], object] | None
else:
    Errors = tuple[str, ...]  # what is stored
    Key = str | None  # what is stored: `core.lanes.stored_key` gives a function its name

__all__ = ["BatchConfig", "ConcurrencyLimit", "FailurePolicy", "Key", "RateLimit", "RetryPolicy", "TaskPolicy"]

MAX_NAME: Final = 128
_LONGEST: Final = 1e12
"""Seconds, far beyond what is of use: timers have to be able to count them."""


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= sys.float_info.max


def _seconds(name: str, value: float) -> None:
    if not _number(value) or not 0 <= value <= _LONGEST:
        raise ConfigError(f"{name}={value!r} is not a number of seconds ≥ 0")


def _in_seconds(policy: msgspec.Struct, *names: str) -> None:
    """Fields that were given as timedeltas."""
    for name in names:
        value = getattr(policy, name)
        if isinstance(value, timedelta):
            msgspec.structs.force_setattr(policy, name, value.total_seconds())


def _one_of(name: str, value: object, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise ConfigError(f"{name}={value!r} is none of {', '.join(allowed)}")


def _count(name: str, value: object) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ConfigError(f"{name}={value!r} is not a whole number ≥ 1")


def _class_names(option: str, given: object) -> tuple[str, ...]:
    """Of exception classes, given so or by name."""
    if not isinstance(given, list | tuple):
        raise ConfigError(f"{option}={given!r} is no list of exception classes", hint=f"like {option}=(ValueError,)")
    return tuple(_class_name(option, one) for one in given)


def _class_name(option: str, one: object) -> str:
    if isinstance(one, type) and issubclass(one, BaseException):
        return one.__qualname__ if one.__module__ == "builtins" else f"{one.__module__}.{one.__qualname__}"
    if not isinstance(one, str) or not one:
        raise ConfigError(f"{option}: {one!r} is no exception class", hint="give the class, or its name")
    return one


class RetryPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """How long to wait before the next attempt, and for which errors there is one.

    `schedule` walks through `delays` and repeats the last; `exponential` is base · factor^(attempt - 1) up to
    `max_delay`; `fixed` is `base`. `jitter` is a ± fraction. `retry_on` and `give_up_on` are exception
    classes or their names, bare or with their module; an error's base classes count. Seconds everywhere.
    """

    backoff: Literal["schedule", "exponential", "fixed"] = "schedule"
    delays: tuple[float, ...] = (15, 30, 60)
    base: float = 15
    factor: float = 2
    max_delay: float = 7200
    jitter: float = 0.0
    retry_on: Errors = ("Exception",)
    give_up_on: Errors = ()

    def __post_init__(self) -> None:
        _one_of("backoff", self.backoff, ("schedule", "exponential", "fixed"))
        given: object = self.delays
        if not isinstance(given, list | tuple):
            raise ConfigError(f"delays={given!r} is no list of seconds")
        delays = tuple(one.total_seconds() if isinstance(one, timedelta) else one for one in given)
        msgspec.structs.force_setattr(self, "delays", delays)
        _in_seconds(self, "base", "max_delay")
        for name in ("retry_on", "give_up_on"):
            msgspec.structs.force_setattr(self, name, _class_names(name, getattr(self, name)))
        for delay in delays:
            _seconds("delays", delay)
        _seconds("base", self.base)
        _seconds("max_delay", self.max_delay)
        if self.backoff == "schedule" and not self.delays:
            raise ConfigError("delays is empty", hint="give at least one delay, or max_attempts=1 for no retries")
        if not _number(self.jitter) or not 0 <= self.jitter <= 1:
            raise ConfigError(f"jitter={self.jitter!r} is not a fraction between 0 and 1")
        if not _number(self.factor) or self.factor < 1:
            raise ConfigError(f"factor={self.factor!r} is not a number ≥ 1")

    @classmethod
    def extended(cls) -> RetryPolicy:
        """Two hours at the longest: 15 s, 30 s, 1, 2, 5, 10, 20, 40 min, 1 h, 2 h; the last repeats."""
        return cls(delays=(15, 30, 60, 120, 300, 600, 1200, 2400, 3600, 7200))


class BatchConfig(msgspec.Struct, frozen=True, omit_defaults=True):
    """Many items per handler call. `size` items, or what is there `timeout` seconds after the first became ready,
    or `max_bytes` of payload, whichever comes first."""

    size: int
    timeout: float = 0.0
    max_bytes: int = 4 * 2**20
    on_error: Literal["retry_all", "bisect", "retry_singly"] = "retry_all"
    key: Key = None
    """Dotted path into the payload, or a function of it: groups never mix its values."""

    def __post_init__(self) -> None:
        _in_seconds(self, "timeout")
        _one_of("batch: on_error", self.on_error, ("retry_all", "bisect", "retry_singly"))
        _count("size", self.size)
        _count("max_bytes", self.max_bytes)
        _seconds("timeout", self.timeout)


class ConcurrencyLimit(msgspec.Struct, frozen=True, omit_defaults=True):
    """At most `n` executions (or groups: `unit="group"`) in flight over all workers; `key`, a dotted path into the
    payload or a function of it, makes it one limit for each value."""

    n: int
    key: Key = msgspec.field(default=None)
    unit: Literal["execution", "group"] = "execution"

    def __post_init__(self) -> None:
        _count("concurrency", self.n)
        if self.unit not in ("execution", "group"):
            raise ConfigError(f"concurrency: unit={self.unit!r} is neither 'execution' nor 'group'")


class RateLimit(msgspec.Struct, frozen=True, omit_defaults=True):
    """A token bucket: `n` starts (or units: `units`, a dotted path to a number in the payload, or a function of it) in
    `per` seconds, at most `burst` (None: n) at once. What is over waits in the queue, in order. An item that costs more
    than `burst` runs once the bucket is full, and the next ones wait until it is paid for."""

    n: float
    per: float
    key: Key = None
    burst: float | None = None
    units: Key = None

    def __post_init__(self) -> None:
        _in_seconds(self, "per")
        for name, value in (("n", self.n), ("per", self.per), ("burst", self.burst)):
            if value is not None and (not _number(value) or value <= 0):
                raise ConfigError(f"rate_limit: {name}={value!r} is not a number > 0")


class FailurePolicy(msgspec.Struct, frozen=True, kw_only=True):
    """When a batch stops burning. Past `max_failed` failed executions (a number ≥ 1) or `max_failed_ratio` of its
    total, or `burst` failures in a row without one success, the batch is paused (`then="pause"`) or failed:
    what has not started is cancelled (`then="fail"`)."""

    max_failed: int | None = None
    max_failed_ratio: float | None = None
    burst: int | None = None
    then: Literal["pause", "fail"] = "pause"

    def __post_init__(self) -> None:
        if self.max_failed is not None:
            _count("max_failed", self.max_failed)
        if self.burst is not None:
            _count("burst", self.burst)
        if self.max_failed_ratio is not None and not 0 < self.max_failed_ratio <= 1:
            raise ConfigError(f"max_failed_ratio={self.max_failed_ratio!r} is not a fraction between 0 and 1")


class TaskPolicy(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Everything about a task that outlives the process that defined it; a batch keeps the one it was made with."""

    queue: str = "default"
    max_attempts: int = 3
    retry: RetryPolicy = RetryPolicy()
    max_losses: int = 3
    timeout: float | None = None
    """Seconds of running time of one attempt."""
    max_concurrency: int | None = None
    """Executions of the task in flight, over all workers."""
    batch: BatchConfig | None = None
    failures: FailurePolicy = FailurePolicy()
    cancel_grace: float = 30.0
    limits: tuple[ConcurrencyLimit, ...] = ()
    """Beside `max_concurrency`: keyed ones, and those that count groups."""
    rates: tuple[RateLimit, ...] = ()
    window: Window | None = None
    """When it may start; None: always."""
    retention: Retention = KEEP
    rerun_lost: bool = True
    """False: what has lost its worker has failed, alone or not: it was begun, and is never begun twice."""

    def __post_init__(self) -> None:
        _in_seconds(self, "timeout", "cancel_grace")
        for name, kind in (("retry", RetryPolicy), ("retention", Retention), ("failures", FailurePolicy)):
            if not isinstance(getattr(self, name), kind):
                raise ConfigError(f"{name}={getattr(self, name)!r} is no {kind.__name__}")
        _count("max_attempts", self.max_attempts)
        _count("max_losses", self.max_losses)
        if not isinstance(self.rerun_lost, bool):
            raise ConfigError(f"rerun_lost={self.rerun_lost!r} is neither True nor False")
        if self.max_concurrency is not None:
            _count("max_concurrency", self.max_concurrency)
        _seconds("cancel_grace", self.cancel_grace)
        if self.timeout is not None:
            _seconds("timeout", self.timeout)
            if self.timeout == 0:
                raise ConfigError("timeout=0 would never let an attempt run", hint="leave it out for no timeout")
        if not isinstance(self.queue, str):
            raise ConfigError(f"queue={self.queue!r} is no name", hint="give it as text")
        if not 1 <= len(self.queue) <= MAX_NAME:
            raise ConfigError(f"queue {self.queue!r} has {len(self.queue)} characters, 1 to {MAX_NAME} are allowed")
