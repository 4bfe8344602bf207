"""Policies: what a task's author decides in advance. Plain values, stored with each batch as JSON."""

from __future__ import annotations

import math
from typing import Final, Literal

import msgspec

from stook.core.errors import ConfigError

__all__ = ["BatchConfig", "FailurePolicy", "RetryPolicy", "TaskPolicy"]

MAX_NAME: Final = 128


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _seconds(name: str, value: float) -> None:
    if not _number(value) or value < 0:
        raise ConfigError(f"{name}={value!r} is not a number of seconds ≥ 0")


def _count(name: str, value: object) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ConfigError(f"{name}={value!r} is not a whole number ≥ 1")


class RetryPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """How long to wait before the next attempt, and for which errors there is one.

    `schedule` walks through `delays` and repeats the last; `exponential` is base · factor^(attempt - 1) up to
    `max_delay`; `fixed` is `base`. `jitter` is a ± fraction. `retry_on` and `give_up_on` are names of exception
    classes, bare or with their module; an error's base classes count. Seconds everywhere.
    """

    backoff: Literal["schedule", "exponential", "fixed"] = "schedule"
    delays: tuple[float, ...] = (15, 30, 60)
    base: float = 15
    factor: float = 2
    max_delay: float = 7200
    jitter: float = 0.0
    retry_on: tuple[str, ...] = ("Exception",)
    give_up_on: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for delay in self.delays:
            _seconds("delays", delay)
        _seconds("base", self.base)
        _seconds("max_delay", self.max_delay)
        if self.backoff == "schedule" and not self.delays:
            raise ConfigError("delays is empty", hint="give at least one delay, or max_attempts=1 for no retries")
        if not 0 <= self.jitter <= 1:
            raise ConfigError(f"jitter={self.jitter!r} is not a fraction between 0 and 1")
        if not _number(self.factor) or self.factor < 1:
            raise ConfigError(f"factor={self.factor!r} is not a number ≥ 1")

    @classmethod
    def extended(cls) -> RetryPolicy:
        """Two hours at the longest: 15 s, 30 s, 1, 2, 5, 10, 20, 40 min, 1 h, 2 h; the last repeats."""
        return cls(delays=(15, 30, 60, 120, 300, 600, 1200, 2400, 3600, 7200))


class BatchConfig(msgspec.Struct, frozen=True):
    """Many items per handler call. `size` items, or what is there `timeout` seconds after the first became ready,
    or `max_bytes` of payload, whichever comes first."""

    size: int
    timeout: float = 0.0
    max_bytes: int = 4 * 2**20
    on_error: Literal["retry_all", "bisect", "retry_singly"] = "retry_all"

    def __post_init__(self) -> None:
        _count("size", self.size)
        _count("max_bytes", self.max_bytes)
        _seconds("timeout", self.timeout)


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


class TaskPolicy(msgspec.Struct, frozen=True, kw_only=True):
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

    def __post_init__(self) -> None:
        _count("max_attempts", self.max_attempts)
        _count("max_losses", self.max_losses)
        if self.max_concurrency is not None:
            _count("max_concurrency", self.max_concurrency)
        _seconds("cancel_grace", self.cancel_grace)
        if self.timeout is not None:
            _seconds("timeout", self.timeout)
            if self.timeout == 0:
                raise ConfigError("timeout=0 would never let an attempt run", hint="leave it out for no timeout")
        if not 1 <= len(self.queue) <= MAX_NAME:
            raise ConfigError(f"queue {self.queue!r} has {len(self.queue)} characters, 1 to {MAX_NAME} are allowed")
