"""How a worker works, and what it works on."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from stook.core.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stook.wiring.task import Task

__all__ = ["Worker", "WorkerConfig"]

Duration = timedelta | float

LONGEST_NAME: Final = 128
LONGEST: Final = 1e9
"""Seconds, some thirty years: what clocks are still added to."""
_COUNTS: Final = ("concurrency", "fetch_size", "flush_size", "sweep_limit")
_SECONDS: Final = ("poll_interval", "flush_interval", "lease", "grace")


@dataclass(frozen=True, kw_only=True)
class WorkerConfig:
    """Each number is more than 0. Durations are seconds, or a `timedelta`."""

    concurrency: int = 10
    """Handler calls at once, a group being one."""
    processes: int | None = None
    """`def` handlers run in so many child processes instead of threads."""
    fetch_size: int = 10
    """Executions that a claim asks for; more where more would start at once."""
    poll_interval: Duration = 1.0
    """Work is looked for so often although nobody said that there is some; what is due, too."""
    flush_interval: Duration = 2.0
    """An outcome is written at the latest so long after it; usually much sooner."""
    flush_size: int = 100
    """Outcomes are written at the latest when there are so many."""
    lease: Duration | None = None
    """A worker may be silent so long before others take its executions; None: `STOOK_LEASE_SECONDS`, 60."""
    grace: Duration = 30.0
    """What runs may go on so long when the worker is stopped."""
    sweep_limit: int = 100
    """Lapsed leases and deadlines that one commit handles."""

    def __post_init__(self) -> None:
        for name in _SECONDS:
            value = getattr(self, name)
            if isinstance(value, timedelta):
                object.__setattr__(self, name, value := value.total_seconds())
            if value is not None and not (_is_number(value) and 0 < value <= LONGEST):
                raise ConfigError(f"{name}={value!r} is not a number of seconds > 0", hint=f"at most {LONGEST:g}")
        for name in (*_COUNTS, "processes"):
            value = getattr(self, name)
            if (value is not None or name in _COUNTS) and not (
                isinstance(value, int) and _is_number(value) and value > 0
            ):
                raise ConfigError(f"{name}={value!r} is not a whole number > 0")

    def seconds(self, name: str) -> float:
        """Of an option that is a duration."""
        value: float = getattr(self, name)
        return value

    def options(self) -> Mapping[str, Any]:
        """By name."""
        return {one.name: getattr(self, one.name) for one in fields(self)}


@dataclass(frozen=True)
class Worker:
    """A queue's worker within an orchestrator; made by `App.worker`. Without `tasks` it has all of the app's that
    belong to its queue when it starts. `name` is what it is called in `stook doctor`."""

    queue: str
    tasks: tuple[Task[..., Any, Any], ...] | None
    config: WorkerConfig
    name: str | None = None

    def __post_init__(self) -> None:
        queue: object = self.queue
        if not (isinstance(queue, str) and 0 < len(queue) <= LONGEST_NAME):
            raise ConfigError(f"the queue of a worker is {queue!r}", hint=f"1 to {LONGEST_NAME} characters")
        name: object = self.name
        if name is not None and not (isinstance(name, str) and 0 < len(name) <= LONGEST_NAME):
            raise ConfigError(f"the name of a worker is {name!r}", hint=f"1 to {LONGEST_NAME} characters")
        for task in self.tasks or ():
            if not hasattr(task, "policy"):
                raise ConfigError(f"tasks: {task!r} is none", hint="give what @app.task made")
            if task.policy.queue != self.queue:
                raise ConfigError(
                    f"task {task.name!r} is of queue {task.policy.queue!r}, this worker is of {self.queue!r}",
                    hint=f"give it to app.worker({task.policy.queue!r}, tasks=[…])",
                )


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
