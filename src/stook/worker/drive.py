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
    from collections.abc import Coroutine, Generator
    from contextvars import Context

__all__ = ["drive"]


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
                step = run(coroutine.throw, error)
            else:
                step = run(coroutine.send, sent)
    except StopIteration as stop:
        return stop.value
