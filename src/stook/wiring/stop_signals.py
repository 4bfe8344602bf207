"""Signals that ask a program to stop, and a reader of its output that is gone."""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import signal
import stat
import sys
import threading
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["BROKEN_PIPE", "stop_signals"]

BROKEN_PIPE: Final = "EPIPE"
"""What `heard` is told when standard output or error is a pipe that nobody reads any more."""
_STOPPING: Final = ("SIGINT", "SIGTERM", "SIGHUP", "SIGUSR2", "SIGABRT")
_LOOK: Final = 0.25
"""Seconds between two looks at the pipes."""


@contextlib.contextmanager
def stop_signals(heard: Callable[[str], None]) -> Iterator[None]:
    """While it is open, `heard` is told on the running loop what asks to stop: a signal's name, or `BROKEN_PIPE`.
    SIGPIPE is ignored. On leaving, the handlers are as they were. Signals are the main thread's: elsewhere only the
    pipes are watched."""
    loop = asyncio.get_running_loop()
    with contextlib.ExitStack() as leaving:
        if threading.current_thread() is threading.main_thread():
            for name in (*_STOPPING, "SIGPIPE"):
                one = getattr(signal, name, None)
                if one is not None:
                    leaving.enter_context(_handled(loop, one, heard))
        watching = loop.create_task(_watch(heard), name="stook-pipes")
        leaving.callback(watching.cancel)
        yield


@contextlib.contextmanager
def _handled(loop: asyncio.AbstractEventLoop, one: signal.Signals, heard: Callable[[str], None]) -> Iterator[None]:
    before = signal.getsignal(one)
    if one.name == "SIGPIPE":
        signal.signal(one, signal.SIG_IGN)
    else:
        loop.add_signal_handler(one, heard, one.name)
    try:
        yield
    finally:
        if one.name != "SIGPIPE":
            loop.remove_signal_handler(one)
        signal.signal(one, signal.SIG_DFL if before is None else before)


async def _watch(heard: Callable[[str], None]) -> None:
    pipes = select.poll()
    watched = [file for file in (sys.__stdout__, sys.__stderr__) if file is not None and _is_pipe(file.fileno)]
    for file in watched:
        pipes.register(file.fileno(), 0)
    while watched:
        broken = [number for number, event in pipes.poll(0) if event & (select.POLLERR | select.POLLHUP)]
        if broken:
            _swallow(broken)
            heard(BROKEN_PIPE)
            return
        await asyncio.sleep(_LOOK)


def _swallow(broken: list[int]) -> None:
    """What is still said there must not fail."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for number in broken:
        os.dup2(nowhere, number)
    os.close(nowhere)


def _is_pipe(number: Callable[[], int]) -> bool:
    try:
        return stat.S_ISFIFO(os.fstat(number()).st_mode)
    except (OSError, ValueError):
        return False
