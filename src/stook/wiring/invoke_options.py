"""What `Task.invoke` and `Task.invoke_many` can be told: as `App.invoke` and `App.invoke_many`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypedDict, TypeVar, Unpack

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Iterable, Mapping, Sequence

    from stook.core.invocation import Dedupe
    from stook.core.moments import Duration, When
    from stook.core.periods import Debounce, Throttle
    from stook.wiring.invocation import Invocation, Invocations
    from stook.wiring.task import Task

__all__ = ["BlockingTask", "InvokeManyOptions", "InvokeOptions"]

T = TypeVar("T")


class InvokeOptions(TypedDict, total=False):
    queue: str | None
    run_at: When | None
    delay: Duration | None
    priority: int
    dedupe_key: str | None
    dedupe: Dedupe
    dedupe_ttl: Duration | None
    throttle: Duration | Throttle | None
    debounce: Duration | Debounce | None
    timeout: Duration | None
    expires_in: Duration | None
    tags: Sequence[str]
    metadata: Mapping[str, Any] | None
    connection: Any


class InvokeManyOptions(TypedDict, total=False):
    atomic: bool
    chunk_size: int
    dedupe: Dedupe
    name: str | None
    connection: Any


class BlockingTask(Generic[T]):
    """`Task.sync`."""

    def __init__(self, task: Task[..., Any, T]) -> None:
        self._task = task

    def invoke(self, payload: Any = None, **options: Unpack[InvokeOptions]) -> Invocation[T]:
        """`App.invoke` of this task, blocking."""
        found: Invocation[T] = self._task.app.sync.invoke(self._task, payload, **options)
        return found

    def invoke_many(
        self, items: Iterable[Any] | AsyncIterable[Any], **options: Unpack[InvokeManyOptions]
    ) -> Invocations[T]:
        """`App.invoke_many` of this task, blocking."""
        found: Invocations[T] = self._task.app.sync.invoke_many(self._task, items, **options)
        return found
