"""Handlers that say something, for child processes: they must be importable."""

from __future__ import annotations

import asyncio
import ctypes
import logging
import os
import signal
import sys
import threading

from stook.worker.context import Context, SyncContext

__all__ = ["says"]

libc = ctypes.CDLL(None)


def says(what: str, ctx: SyncContext) -> str:  # noqa: C901, PLR0912 -- one branch per way of saying something
    match what:
        case "log":
            ctx.logger.info("hello %s", "there", tries=3)
        case "print":
            print("out")
            print("err", file=sys.stderr)
        case "unfinished":
            sys.stdout.write("no newline")
        case "bytes":
            os.write(1, b"\xff\xfe raw\n")
            os.write(2, b"raw err\n")
        case "c":
            libc.puts(b"from C")
            libc.printf(b"unfinished C")
        case "killed":
            print("last words")
            os.write(1, b"half a line")
            ctx.logger.info("about to die")
            os.kill(os.getpid(), signal.SIGKILL)
        case "exit":
            print("going")
            os._exit(7)
        case "talks and dies":
            for number in range(3000):
                ctx.logger.info("line %d", number)
            os.kill(os.getpid(), signal.SIGKILL)
        case "flood":
            line = b"x" * 99 + b"\n"
            for _ in range(500):
                os.write(1, line * 1000)
        case "thread":
            thread = threading.Thread(target=print, args=("from a thread",))
            thread.start()
            thread.join()
        case _:
            print(f"item {what}")
    return what


async def says_async(what: str, ctx: Context) -> str:
    ctx.logger.warning(what)
    await asyncio.to_thread(print, "aside")
    return what


def bare(what: str) -> str:
    logging.getLogger("a.library").warning("about %s", what)
    return what
