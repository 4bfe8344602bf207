"""Calls of other executions: from what a handler asks for to a wait, and from what is remembered to a value."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Literal, Protocol, assert_never

import msgspec

from stook.core.errors import OptionError
from stook.core.moments import seconds_of
from stook.core.policy import TaskPolicy
from stook.core.wait import ChildCall, Wait
from stook.worker.conversion import PayloadReader, encode_payload
from stook.worker.failures import ChildCancelled, ChildFailed, ChildTimeout, EventTimeout

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stook.core.memo import Memo
    from stook.core.moments import Duration
    from stook.worker.definition import TaskDefinition

    CancelOnTimeout = bool | Literal["unstarted"]
    OnFailure = Literal["raise", "fail_parent"]

__all__ = ["Call", "Named", "event_value", "many_calls", "name_of"]

_BARE = PayloadReader(Any)


class Named(Protocol):
    """A task, or its definition in a catalogue."""

    @property
    def name(self) -> str: ...


class Call:
    """A child that `ctx.gather` is to start: made by `ctx.call`. Nothing happens before."""

    __slots__ = (
        *("cancel_on_timeout", "group", "key", "max_parallel", "on_failure", "payload", "priority", "queue", "task"),
        "timeout",
    )

    def __init__(
        self,
        key: str,
        task: Named | str,
        payload: Any = None,
        *,
        timeout: Duration | None = None,
        queue: str | None = None,
        priority: int | None = None,
        on_failure: OnFailure = "raise",
        cancel_on_timeout: CancelOnTimeout = "unstarted",
        group: str | None = None,
        max_parallel: int | None = None,
    ) -> None:
        if on_failure not in ("raise", "fail_parent"):
            raise OptionError(f"on_failure={on_failure!r} is neither 'raise' nor 'fail_parent'")
        if cancel_on_timeout not in ("unstarted", True, False):
            raise OptionError(f"cancel_on_timeout={cancel_on_timeout!r} is not 'unstarted', True or False")
        _check_whole("priority", priority, -(2**31))
        _check_whole("max_parallel", max_parallel, 1)
        self.key = key
        self.task = task
        self.payload = payload
        self.timeout = None if timeout is None else seconds_of("timeout", timeout)
        self.queue = queue if queue is not None or isinstance(task, str) else _queue_of(task)
        self.priority = priority
        self.on_failure: OnFailure = on_failure
        self.cancel_on_timeout: CancelOnTimeout = cancel_on_timeout
        self.group = group
        self.max_parallel = max_parallel

    def wait(self, known: Mapping[str, TaskDefinition], *, trace: str | None, code: str) -> Wait:
        """`PayloadValidationError` where the task is known here and does not take the payload."""
        name = name_of(self.task)
        payload = encode_payload(f"task {name!r}", self.payload)
        policy = getattr(self.task, "policy", None)
        definition = known.get(name)
        if definition is not None:
            definition.reader.read(payload)
            policy = definition.policy
        on_timeout: Literal["unstarted", "always", "never"] = "unstarted"
        if isinstance(self.cancel_on_timeout, bool):
            on_timeout = "always" if self.cancel_on_timeout else "never"
        child = ChildCall(
            task=name,
            payload=payload,
            queue=self.queue,
            priority=self.priority,
            policy=msgspec.json.encode(policy).decode() if isinstance(policy, TaskPolicy) else None,
            on_failure=self.on_failure,
            cancel_on_timeout=on_timeout,
            group=self.group,
            max_parallel=self.max_parallel,
            trace=trace,
        )
        return Wait(self.key, "child", seconds=self.timeout, child=child, code=code)

    def value(self, memo: Memo, known: Mapping[str, TaskDefinition]) -> Any:
        """What the child returned; raises what became of it instead."""
        error = memo.error
        if error is not None:
            match error.kind:
                case "timeout":
                    raise ChildTimeout(error.message, key=self.key, child_id=error.child_id)
                case "cancelled":
                    message = _said("Child execution was cancelled", error.message)
                    raise ChildCancelled(message, key=self.key, error=error)
                case "failed":
                    raise ChildFailed(_said("Child execution failed", error.message), key=self.key, error=error)
                case "expired":
                    raise ChildFailed(_said("Child execution expired", error.message), key=self.key, error=error)
                case unknown:
                    assert_never(unknown)
        definition = known.get(name_of(self.task))
        reader = _BARE if definition is None else definition.result_reader
        return reader.read(memo.value)


def many_calls(
    key: str, task: Named | str, items: Any, *, max_parallel: int | None, timeout: Duration | None
) -> list[Call]:
    """One for each item, under `key[0]`, `key[1]` and so on."""
    if not isinstance(items, Iterable):
        raise OptionError(f"invoke_many: {items!r} is no list of payloads")
    return [
        Call(f"{key}[{index}]", task, item, timeout=timeout, group=key, max_parallel=max_parallel)
        for index, item in enumerate(items)
    ]


def event_value(memo: Memo) -> Any:
    """The event's payload; `EventTimeout` if none came."""
    if memo.error is not None:
        raise EventTimeout(memo.error.message, key=memo.key)
    return _BARE.read(memo.value)


def name_of(task: Named | str) -> str:
    """Of a task, an event, or their definitions. `OptionError` for what has none."""
    name = task if isinstance(task, str) else getattr(task, "name", None)
    if not isinstance(name, str) or not name:
        raise OptionError(f"{task!r} is neither a name nor something that has one")
    return name


def _check_whole(name: str, value: object, least: int) -> None:
    if value is not None and not (isinstance(value, int) and least <= value < 2**31):
        raise OptionError(f"{name}={value!r} is not a whole number from {least} to {2**31 - 1}")


def _queue_of(task: Named) -> str | None:
    queue = getattr(task, "queue", None)
    return queue if isinstance(queue, str) else None


def _said(what: str, message: str) -> str:
    return message if message.startswith(what) else f"{what}: {message}"
