"""The methods of `SyncContext`: those of `Context`, blocking. Steps run in the handler's thread."""

from __future__ import annotations

import asyncio
import functools
import inspect
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any, TypeVar, overload

from stook.worker.attempt import Attempt
from stook.worker.children import Call, many_calls, name_of
from stook.worker.conversion import encode_payload
from stook.worker.durable import within
from stook.worker.durable_methods import CANCELLED, new_step, say_retry

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable

    from stook.core.moments import Duration, When
    from stook.core.policy import RetryPolicy
    from stook.worker.children import CancelOnTimeout, Named, OnFailure
    from stook.worker.durable import Durable
    from stook.worker.outside import Missed, Overlap
    from stook.worker.steps import Step

__all__ = ["BlockingMethods"]

T = TypeVar("T")


class BlockingMethods(Attempt):
    __slots__ = ()

    def _call(self, durable: Durable, made: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(made, durable.facilities.loop).result()

    @overload
    def step(
        self,
        name: str,
        function: Callable[..., Any],
        /,
        *args: Any,
        retry: RetryPolicy | None = None,
        timeout: Duration | None = None,
        **kwargs: Any,
    ) -> Any: ...

    @overload
    def step(
        self, name: str, /, *, retry: RetryPolicy | None = None, timeout: Duration | None = None
    ) -> Callable[[Callable[..., Any]], Callable[..., Any]]: ...

    def step(
        self,
        name: str,
        function: Callable[..., Any] | None = None,
        /,
        *args: Any,
        retry: RetryPolicy | None = None,
        timeout: Duration | None = None,
        **kwargs: Any,
    ) -> Any:
        """As `Context.step`. A `def` runs in this thread; an `async def` on the worker's loop."""
        if function is None:

            def decorate(made: Callable[..., Any]) -> Callable[..., Any]:
                @functools.wraps(made)
                def call(*args: Any, **kwargs: Any) -> Any:
                    return self._step(new_step(name, made, args, kwargs, retry, timeout, self.max_attempts))

                return call

            return decorate
        return self._step(new_step(name, function, args, kwargs, retry, timeout, self.max_attempts))

    def _step(self, step: Step) -> Any:
        durable = self._durable()
        memo = self._call(durable, durable.open(step.name))
        if memo is not None:
            return step.decode(memo.value)
        began = perf_counter_ns()
        try:
            raw = step.encode(self._value(durable, step))
        except BaseException:
            durable.facilities.loop.call_soon_threadsafe(durable.leave, step.name)
            raise
        self._call(durable, durable.keep(step.name, raw, perf_counter_ns() - began))
        return step.decode(raw)

    def _value(self, durable: Durable, step: Step) -> Any:
        tries = 0
        while True:
            tries += 1
            try:
                with within(step.name):
                    value = step.call()
                    return self._call(durable, step.finish(value)) if inspect.isawaitable(value) else value
            except Exception as error:
                pause = step.pause_after(tries, error)
                if pause is None:
                    raise
                say_retry(durable.execution, step.name, tries, pause, error)
            self._call(durable, durable.pause(pause))

    def sleep(self, key: str, duration: Duration) -> None:
        """As `Context.sleep`."""
        durable = self._durable()
        self._call(durable, durable.sleep(key, duration))

    def sleep_until(self, key: str, when: When) -> None:
        """As `Context.sleep_until`."""
        durable = self._durable()
        self._call(durable, durable.sleep_until(key, when))

    def checkpoint(self, state: Any = None) -> None:
        """As `Context.checkpoint`."""
        durable = self._durable()
        self._call(durable, durable.checkpoint(state))

    @property
    def last_checkpoint(self) -> Any:
        """As `Context.last_checkpoint`."""
        return self._durable().state()

    def version(self, name: str, current: int) -> int:
        """As `Context.version`."""
        durable = self._durable()
        return self._call(durable, durable.version(name, current))

    def invoke(
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
    ) -> Any:
        """As `Context.invoke`."""
        call = self.call(
            key,
            task,
            payload,
            timeout=timeout,
            queue=queue,
            priority=priority,
            on_failure=on_failure,
            cancel_on_timeout=cancel_on_timeout,
        )
        return self.gather(call)[0]

    def call(
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
    ) -> Call:
        """A child for `gather`, with the options of `invoke`."""
        return Call(
            key,
            task,
            payload,
            timeout=timeout,
            queue=queue,
            priority=priority,
            on_failure=on_failure,
            cancel_on_timeout=cancel_on_timeout,
        )

    def gather(self, *calls: Call, return_exceptions: bool = False) -> list[Any]:
        """As `Context.gather`."""
        durable = self._durable()
        return self._call(durable, durable.gather(calls, return_exceptions=return_exceptions))

    def invoke_many(
        self,
        key: str,
        task: Named | str,
        items: Iterable[Any],
        *,
        max_parallel: int | None = None,
        timeout: Duration | None = None,
        return_exceptions: bool = False,
    ) -> list[Any]:
        """As `Context.invoke_many`."""
        calls = many_calls(key, task, items, max_parallel=max_parallel, timeout=timeout)
        return self.gather(*calls, return_exceptions=return_exceptions)

    def wait_for_event(self, key: str, name: Named | str, *, match: Any = None, timeout: Duration | None = None) -> Any:
        """As `Context.wait_for_event`."""
        durable = self._durable()
        return self._call(durable, durable.wait_for_event(key, name, match, timeout))

    def emit(self, name: Named | str, payload: Any = None) -> str:
        """As `Context.emit`."""
        durable = self._durable()
        return self._call(durable, durable.emit(name_of(name), payload))

    def cancel(self, execution_id: object, *, reason: str = CANCELLED, cancel_children: bool = True) -> bool:
        """As `Context.cancel`."""
        durable = self._durable()
        asked = durable.cancel(str(execution_id), reason=reason, cancel_children=cancel_children)
        return self._call(durable, asked)

    def schedule(
        self,
        task: Named | str,
        name: str,
        cron: str,
        payload: Any = None,
        *,
        tz: str = "UTC",
        priority: int = 0,
        missed: Missed = "one",
        overlap: Overlap = "allow",
    ) -> None:
        """As `Context.schedule`."""
        durable = self._durable()
        raw = encode_payload(f"task {name_of(task)!r}", payload)
        asked = durable.schedule(
            name_of(task), name, cron, raw, tz=tz, priority=priority, missed=missed, overlap=overlap
        )
        self._call(durable, asked)

    def unschedule(self, task: Named | str, name: str, *, cancel_running: bool = True) -> bool:
        """As `Context.unschedule`."""
        durable = self._durable()
        return self._call(durable, durable.unschedule(name_of(task), name, cancel_running=cancel_running))

    def heartbeat(self) -> None:
        """As `Context.heartbeat`."""
        self.raise_if_cancelled()
        durable = self._durable()
        self._call(durable, durable.extend())
