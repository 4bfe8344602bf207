"""Handlers for child processes, which import this module by its name."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import os
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

from stook.worker.definition import define
from stook.worker.words import Context, NonRetryable, RetryAfter, SyncContext

seen = contextvars.ContextVar("seen", default="nothing")


@dataclass
class Row:
    n: int


def double(n):
    return n * 2


def typed(row: Row) -> dict:
    return {"n": row.n}


async def with_a_step(n, ctx: Context):
    return await ctx.step("a", lambda: n)


async def coroutine(n, ctx: Context):
    await asyncio.sleep(0)
    before = seen.get()
    seen.set("set")
    return [n, before, ctx.attempt]


def process(_payload):
    return os.getpid()


def note(given):
    """Appends a line per run to a file, then does what it is told: return, or die."""
    path, how = given
    with open(path, "a") as file:  # noqa: PTH123
        file.write(how + "\n")
    die(how)
    return how


def die(how):
    match how:
        case "SIGKILL" | "SIGSEGV" | "SIGTERM" | "SIGINT":
            os.kill(os.getpid(), getattr(signal, how))
        case "os._exit":
            os._exit(3)
        case "sys.exit":
            sys.exit(4)
        case "raise":
            raise ValueError("raised in a child")
        case "never":
            raise NonRetryable("never")
        case "later":
            raise RetryAfter(6)
    return how


def out_of_memory(counter):
    Path(counter).write_text("pgfault 1\noom_kill 1\n")
    os.kill(os.getpid(), signal.SIGKILL)


def blocked(what, ctx: SyncContext):
    """Says that it runs, then waits for its signal; `what` is a path, or "" for an item that ends at once."""
    if not what:
        return "quick"
    path = Path(what)
    path.with_suffix(".started").write_text(str(os.getpid()))
    try:
        threading.Event().wait(30) if path.suffix == ".deaf" else ctx.signal.wait(30)
    finally:
        path.with_suffix(".cleaned").write_text(str(ctx.signal.reason))
    if path.suffix == ".raises":
        raise ValueError("after the signal")
    return str(ctx.signal.reason)


def deaf(path):
    """Ends neither by a signal it could read nor by SIGTERM."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    Path(path).write_text(str(os.getpid()))
    threading.Event().wait(30)


def leaves_a_grandchild(_payload):
    """A process of its own that outlives it must not hold the line open."""
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(2)"])
    os.kill(os.getpid(), signal.SIGKILL)


def logs(_payload, ctx: SyncContext):
    records = []
    handler = logging.Handler()
    handler.emit = lambda record: records.append([record.getMessage(), record.task, record.attempt])
    logging.getLogger("stook.task").addHandler(handler)
    ctx.logger.warning("hello")
    return [*records, ctx.execution_id]


class Wrapped:
    """What a decorator may leave in a handler's place."""

    def __init__(self, handler):
        self.handler = handler
        self.__wrapped__ = handler

    def definition(self):
        return define(self.handler, name="from the decorator")


@Wrapped
def decorated(n):
    return n + 1


original = decorated.handler
