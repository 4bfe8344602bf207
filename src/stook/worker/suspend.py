"""What ends a handler's call without an outcome. No `except Exception` catches it."""

from __future__ import annotations

from typing import Literal

__all__ = ["Released", "Suspend"]


class Suspend(BaseException):
    """The execution waits for something and goes on later, from the top, with all that it remembers. Let it pass:
    `finally` and `with` blocks run. Swallowed, the next call on the context raises it again."""


class Released(BaseException):
    """The execution is handed back, and goes on later: the worker stops (`shutdown`), or the task's window has closed
    (`window`). Costs no attempt. Let it pass."""

    def __init__(self, reason: Literal["shutdown", "window"]) -> None:
        super().__init__(reason)
        self.reason: Literal["shutdown", "window"] = reason
