"""Runs a handler's coroutine inside the awaiting task, but in a context of the item's own.

    consumer task ──await──▶ drive ──context.run(coroutine.send)──▶ handler
                                                                      │ awaits a future
    event loop ◀──────────── the future, handed through ◀────────────┘

So a ContextVar set for one item is not there for the next, while `asyncio.current_task()` is the consumer, and
`asyncio.timeout` and `TaskGroup` inside the handler work as in any task. No task is made per item.
"""

from __future__ import annotations

import types
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Generator
    from contextvars import Context

__all__ = ["drive", "foreign"]


@types.coroutine
def drive(context: Context, coroutine: Coroutine[Any, Any, Any], step: Any) -> Generator[Any, Any, Any]:
    """The coroutine's result. `step` is what its first `send(None)` yielded, run by the caller in `context`."""
    run = context.run
    try:
        while True:
            try:
                sent = yield step
            except GeneratorExit:
                run(coroutine.close)
                raise
            except BaseException as error:  # noqa: BLE001 -- belongs to the handler, whatever it is
                step = _step(run, coroutine.throw, error)
            else:
                step = _step(run, coroutine.send, sent)
    except StopIteration as stop:
        return stop.value


def _step(run: Callable[..., Any], call: Callable[[Any], Any], given: Any) -> Any:
    try:
        return run(call, given)
    except GeneratorExit as error:
        raise foreign(error) from error


def foreign(error: BaseException) -> RuntimeError:
    """For an exception of a handler's that would be taken for the end of the task that awaits it."""
    return RuntimeError(f"the handler raised {type(error).__name__}")
