"""A task as a worker needs it: the handler, how to call it, its policy."""

from __future__ import annotations

import inspect
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Literal, assert_never

from stook.core.errors import ConfigError
from stook.core.policy import TaskPolicy
from stook.worker.batch_context import BatchContext, SyncBatchContext
from stook.worker.code_digest import code_digest
from stook.worker.context import Context, SyncContext
from stook.worker.conversion import PayloadReader, encoder_for
from stook.worker.event import Event
from stook.worker.parameters import place_of, read_parameters
from stook.worker.processes.reference import Reference

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from stook.core.triggers import Trigger
    from stook.worker.assignment import Assignment
    from stook.worker.parameters import Parameters

__all__ = ["Home", "Kind", "TaskDefinition", "define"]

Kind = Literal["async", "thread", "process", "batched-async", "batched-thread"]

NOT_GIVEN: Final = object()


@dataclass(frozen=True)
class Home:
    """The app that a task is of: its name, and the names of all tasks that its code has."""

    app: str
    tasks: Callable[[], Collection[str]]


@dataclass(frozen=True, eq=False)
class TaskDefinition:
    """Made by `define`. Compared by identity."""

    name: str
    handler: Callable[..., Any]
    policy: TaskPolicy
    kind: Kind
    parameters: Parameters
    reference: Reference | None = field(default=None)
    """Where a child process finds the handler; only for `process`."""
    strict_steps: bool = False
    """A step's name that is used twice is an error, not a warning."""
    triggers: tuple[Trigger, ...] = ()
    home: Home | None = None
    keeps_time: bool = False
    """The handler itself ends what is over its timeout: not all of its time is the code's."""

    @property
    def batched(self) -> bool:
        return self.policy.batch is not None

    @cached_property
    def is_async(self) -> bool:
        return _is_coroutine(self.handler)

    @cached_property
    def plain(self) -> bool:
        """The handler takes the payload and nothing else: it can be called without any preparation."""
        return self.parameters.takes == "payload" and not self.parameters.context

    @cached_property
    def reader(self) -> PayloadReader:
        return PayloadReader(self.parameters.payload, place_of(self.handler))

    @cached_property
    def encode(self) -> Callable[[Any], bytes]:
        """One result to JSON, checked against the return annotation."""
        return encoder_for(self.parameters.returns, place_of(self.handler))

    @cached_property
    def result_reader(self) -> PayloadReader:
        """From a stored result to what the handler's annotation says."""
        return PayloadReader(self.parameters.returns, place_of(self.handler))

    @cached_property
    def code(self) -> str:
        """A digest of the handler's code."""
        return code_digest(self.handler)

    @cached_property
    def context(self) -> type[Context | SyncContext] | None:
        """None for a handler that does not ask for one."""
        if not self.parameters.context:
            return None
        return Context if self.is_async else SyncContext

    @property
    def group_context(self) -> type[BatchContext | SyncBatchContext]:
        return BatchContext if self.is_async else SyncBatchContext

    def arguments(self, payload: Any, assignment: Assignment, offset: int, context: object) -> tuple[Any, ...]:
        match self.parameters.takes:
            case "nothing":
                given: tuple[Any, ...] = ()
            case "payload":
                given = (payload,)
            case "event":
                given = (Event(payload, assignment, offset),)
            case unknown:
                assert_never(unknown)
        return given if context is None else (*given, context)

    def in_processes(self) -> TaskDefinition:
        """The same task, run in child processes. `ConfigError` if it is batched or cannot be imported there."""
        if self.batched:
            raise ConfigError(
                f"task {self.name!r} is batched, and child processes run one item at a time",
                where=place_of(self.handler),
                hint="leave out --processes, or the task's batch=",
            )
        return replace(self, kind="process", reference=Reference.to(self.handler))


def define(
    handler: Callable[..., Any],
    *,
    name: str | None = None,
    policy: TaskPolicy | None = None,
    payload: Any = NOT_GIVEN,
    returns: Any = NOT_GIVEN,
    processes: bool = False,
    strict_steps: bool = False,
) -> TaskDefinition:
    """A definition from a handler's signature and annotations, which `payload` and `returns` (types) override.

    `async def` runs on the worker's event loop, `def` in threads, either in child processes if `processes`. The name
    defaults to `module.function`. `ConfigError` says what is wrong with the handler, and where it is.
    """
    policy = TaskPolicy() if policy is None else policy
    if not callable(handler):
        raise ConfigError(f"{handler!r} is not a function", hint="give a def or an async def")
    where = place_of(handler)
    if inspect.isgeneratorfunction(handler) or inspect.isasyncgenfunction(handler):
        raise ConfigError(
            f"handler {handler.__qualname__} is a generator, which has no one result", where=where, hint="return it"
        )
    batched = policy.batch is not None
    parameters = read_parameters(handler, batched=batched)
    if payload is not NOT_GIVEN:
        parameters = replace(parameters, payload=Any if payload is None else payload)
    if returns is not NOT_GIVEN:
        parameters = replace(parameters, returns=Any if returns is None else returns)
    is_async = _is_coroutine(handler)
    kind: Kind
    match batched, is_async:
        case True, True:
            kind = "batched-async"
        case True, False:
            kind = "batched-thread"
        case False, True:
            kind = "async"
        case _:
            kind = "thread"
    named = name if name is not None else f"{handler.__module__}.{getattr(handler, '__qualname__', 'handler')}"
    made = TaskDefinition(named, handler, policy, kind, parameters, strict_steps=strict_steps)
    _ = made.reader, made.encode  # a type that cannot be read is the definition's mistake: it is said here
    return made.in_processes() if processes else made


def _is_coroutine(handler: Callable[..., Any]) -> bool:
    """Also for an object whose `__call__` is one."""
    return inspect.iscoroutinefunction(handler) or inspect.iscoroutinefunction(type(handler).__call__)
