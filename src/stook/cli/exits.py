"""What the exit code says.

0    done; for a batch: every execution succeeded
1    some executions failed
2    the command line, the task or the input is wrong; nothing was done
3    the batch did not run to its end: cancelled, expired, or paused
4    the store, or the place of the output, refused: not reachable, full, read-only, newer than this program
130  stopped by Ctrl-C or SIGTERM; what had settled is kept
141  whoever read the output went away
"""

from __future__ import annotations

from enum import IntEnum
from typing import assert_never

from stook.core.errors import NotInstalled, SchemaTooNew, StookError, StoreError
from stook.core.states import BatchState

__all__ = ["Exit", "exit_of_batch", "exit_of_error"]


class Exit(IntEnum):
    DONE = 0
    FAILED = 1
    WRONG = 2
    UNFINISHED = 3
    STORE = 4
    INTERRUPTED = 130
    PIPE = 141


def exit_of_batch(state: BatchState) -> Exit:
    match state:
        case BatchState.succeeded:
            return Exit.DONE
        case BatchState.partially_failed | BatchState.failed:
            return Exit.FAILED
        case (
            BatchState.cancelled
            | BatchState.expired
            | BatchState.open
            | BatchState.queued
            | BatchState.running
            | BatchState.paused
            | BatchState.cancelling
        ):
            return Exit.UNFINISHED
        case _:
            assert_never(state)


def exit_of_error(error: StookError) -> Exit:
    return Exit.STORE if isinstance(error, (StoreError, SchemaTooNew, NotInstalled)) else Exit.WRONG
