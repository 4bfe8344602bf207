"""What a handler may do with its execution: the methods of `Context`.

Safe points are step, checkpoint, sleep, invoke, gather, wait_for_event and version: there an execution whose cancel was
asked for ends (`Cancelled`), and one whose worker stops or whose window has closed is handed back (`Released`).
"""

from __future__ import annotations

import functools
import inspect
import logging
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any, Final, overload

from stook.core.errors import OptionError
from stook.core.moments import seconds_of
from stook.worker.attempt import Attempt
from stook.worker.children import Call, many_calls, name_of
from stook.worker.conversion import encode_payload
from stook.worker.durable import within
from stook.worker.steps import Step

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable

    from stook.core.moments import Duration, When
    from stook.core.policy import RetryPolicy
    from stook.worker.children import CancelOnTimeout, Named, OnFailure
    from stook.worker.durable import Durable
    from stook.worker.outside import Missed, Overlap

__all__ = ["DurableMethods", "new_step", "say_retry"]

logger = logging.getLogger("stook.worker")

CANCELLED: Final = "Cancelled by user"


class DurableMethods(Attempt):
    __slots__ = ()

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
    ) -> Coroutine[Any, Any, Any]: ...

    @overload
    def step(
        self, name: str, /, *, retry: RetryPolicy | None = None, timeout: Duration | None = None
    ) -> Callable[[Callable[..., Any]], Callable[..., Coroutine[Any, Any, Any]]]: ...

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
        """`await ctx.step("charge", charge, order)`: calls the function once for the execution, on whichever attempt.
        Its value, which is JSON, is durable when this returns; later attempts get it without a call.

        A `def` runs inline. Without a function it is a decorator, whose function is the step each time it is called.
        A name has 1 to 512 characters and belongs to one step: a second step of the name gets the first one's value.
        With `retry` a step that raises is tried again within the attempt: `schedule` policies once after each of
        their delays, others as often as the task has attempts. `timeout` is one try's, in seconds: `StepTimeout`.
        """
        if function is None:

            def decorate(made: Callable[..., Any]) -> Callable[..., Coroutine[Any, Any, Any]]:
                @functools.wraps(made)
                def call(*args: Any, **kwargs: Any) -> Coroutine[Any, Any, Any]:
                    return self._step(new_step(name, made, args, kwargs, retry, timeout, self.max_attempts))

                return call

            return decorate
        return self._step(new_step(name, function, args, kwargs, retry, timeout, self.max_attempts))

    async def _step(self, step: Step) -> Any:
        durable = self._durable()
        memo = await durable.open(step.name)
        if memo is not None:
            return step.decode(memo.value)
        began = perf_counter_ns()
        try:
            raw = step.encode(await _value(durable, step))
        except BaseException:
            durable.leave(step.name)
            raise
        await durable.keep(step.name, raw, perf_counter_ns() - began)
        return step.decode(raw)

    async def sleep(self, key: str, duration: Duration) -> None:
        """Seconds, or a timedelta. The execution leaves its worker and comes back, never earlier; costs no attempt."""
        await self._durable().sleep(key, duration)

    async def sleep_until(self, key: str, when: When) -> None:
        """A datetime with its time zone, or milliseconds since the epoch. As `sleep`."""
        await self._durable().sleep_until(key, when)

    async def checkpoint(self, state: Any = None) -> None:
        """Makes the lease a whole one again, and keeps `state` (JSON), if there is one, as `last_checkpoint`."""
        await self._durable().checkpoint(state)

    @property
    def last_checkpoint(self) -> Any:
        """The state of the newest checkpoint of any attempt; None where there was none."""
        return self._durable().state()

    async def version(self, name: str, current: int) -> int:
        """How to change a handler while executions are on their way: `if await ctx.version("new-billing", 1) >= 1:` the
        new code, else the old. `current` for executions that had not come here yet, 0 for those that went past it
        before the call was there; each keeps what it was told first."""
        return await self._durable().version(name, current)

    async def invoke(
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
        """Starts a child, once per key, and returns its result: the execution is away meanwhile, and costs no attempt.

        `ChildFailed` when it failed for good (`on_failure="fail_parent"`: the parent fails then, without being run),
        `ChildCancelled`, or after `timeout` seconds `ChildTimeout`: a child that had started goes on, its result is not
        delivered, one that had not is cancelled (`cancel_on_timeout`: True cancels both, False neither)."""
        call = Call(
            key,
            task,
            payload,
            timeout=timeout,
            queue=queue,
            priority=priority,
            on_failure=on_failure,
            cancel_on_timeout=cancel_on_timeout,
        )
        return (await self._durable().gather([call], return_exceptions=False))[0]

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

    async def gather(self, *calls: Call, return_exceptions: bool = False) -> list[Any]:
        """Starts all children, waits once, and returns their results in this order. Raises the first failure of them,
        or, with `return_exceptions`, puts each in its place."""
        return await self._durable().gather(calls, return_exceptions=return_exceptions)

    async def invoke_many(
        self,
        key: str,
        task: Named | str,
        items: Iterable[Any],
        *,
        max_parallel: int | None = None,
        timeout: Duration | None = None,
        return_exceptions: bool = False,
    ) -> list[Any]:
        """A child for each payload, under `key[0]`, `key[1]`…, at most `max_parallel` at once. As `gather`."""
        calls = many_calls(key, task, items, max_parallel=max_parallel, timeout=timeout)
        return await self._durable().gather(calls, return_exceptions=return_exceptions)

    async def wait_for_event(
        self, key: str, name: Named | str, *, match: Any = None, timeout: Duration | None = None
    ) -> Any:
        """The payload of the first event of the name since the execution was created, which contains `match` (a JSON
        object). `EventTimeout` after `timeout` seconds."""
        return await self._durable().wait_for_event(key, name, match, timeout)

    async def emit(self, name: Named | str, payload: Any = None) -> str:
        """Emits an event; its id. Not remembered: emit in a step to do it once."""
        return await self._durable().emit(name_of(name), payload)

    async def cancel(self, execution_id: object, *, reason: str = CANCELLED, cancel_children: bool = True) -> bool:
        """Another execution, by its id. False for what is unknown, has ended, or is being cancelled already."""
        return await self._durable().cancel(str(execution_id), reason=reason, cancel_children=cancel_children)

    async def schedule(
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
        """A schedule of the task; the same name overwrites. As `App.schedule`."""
        raw = encode_payload(f"task {name_of(task)!r}", payload)
        await self._durable().schedule(
            name_of(task), name, cron, raw, tz=tz, priority=priority, missed=missed, overlap=overlap
        )

    async def unschedule(self, task: Named | str, name: str, *, cancel_running: bool = True) -> bool:
        """Ends a schedule; False if there is none of the name."""
        return await self._durable().unschedule(name_of(task), name, cancel_running=cancel_running)

    async def heartbeat(self) -> None:
        """Makes the lease a whole one again, and raises as `raise_if_cancelled` does, `LeaseLost` if it is too late."""
        self.raise_if_cancelled()
        await self._durable().extend()


def new_step(
    name: str,
    function: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    retry: RetryPolicy | None,
    timeout: Duration | None,
    most: int,
) -> Step:
    if not callable(function):
        raise OptionError(f"step {name!r}: {function!r} is no function", hint="give the function, not what it returns")
    seconds = None if timeout is None else seconds_of("timeout", timeout)
    return Step(name, function, args, kwargs, retry=retry, timeout=seconds, most=most)


async def _value(durable: Durable, step: Step) -> Any:
    tries = 0
    while True:
        tries += 1
        try:
            with within(step.name):
                value = step.call()
                return await step.finish(value) if inspect.isawaitable(value) else value
        except Exception as error:
            pause = step.pause_after(tries, error)
            if pause is None:
                raise
            say_retry(durable.execution, step.name, tries, pause, error)
        await durable.pause(pause)


def say_retry(execution: str, name: str, tries: int, pause: float, error: Exception) -> None:
    logger.warning(
        "step %r of execution %s failed, try %d follows in %g s: %s", name, execution, tries + 1, pause, error
    )
