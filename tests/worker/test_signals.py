"""The signal of a running handler: set once, from any thread, seen by all."""

from __future__ import annotations

import asyncio
import threading

import pytest

from stook.worker.assignment import Assignment
from stook.worker.signals import AsyncSignal, Signal, SyncSignal
from stook.worker.words import Cancelled, Context
from tests.worker.running import run


def test_the_first_reason_stays():
    signal = Signal()
    assert (signal.is_set(), signal.reason) == (False, None)
    signal.set("cancelled")
    signal.set("shutdown")
    assert (signal.is_set(), signal.reason) == (True, "cancelled")


def test_watchers_are_called_once_and_at_once_when_it_is_late():
    signal, calls = Signal(), []
    kept, left = (lambda: calls.append("kept")), (lambda: calls.append("left"))
    signal.watch(kept)
    signal.watch(left)
    signal.unwatch(left)
    signal.set("timeout")
    signal.set("timeout")
    signal.watch(lambda: calls.append("late"))
    assert calls == ["kept", "late"]


def test_a_coroutine_wakes_for_a_set_in_another_thread():
    async def main():
        signal = AsyncSignal()
        waiting = [asyncio.create_task(signal.wait()) for _ in range(3)]
        await asyncio.sleep(0)
        threading.Thread(target=signal.set, args=("lease_lost",)).start()
        assert await asyncio.gather(*waiting) == ["lease_lost"] * 3
        assert await signal.wait() == "lease_lost"

    run(main())


def test_a_wait_that_is_given_up_leaves_nothing_behind():
    async def main():
        signal = AsyncSignal()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.001):
                await signal.wait()
        assert signal._watchers is None

    run(main())


def test_a_thread_waits_until_it_is_set_or_its_time_is_over():
    signal = SyncSignal()
    assert signal.wait(0.001) is None
    threading.Thread(target=signal.set, args=("shutdown",)).start()
    assert signal.wait(10) == "shutdown"


@pytest.mark.parametrize("reason", ["cancelled", "timeout", "lease_lost", "shutdown"])
def test_raise_if_cancelled_raises_for_what_must_stop_now(reason):
    context = Context(Assignment(b"\0" * 16, 0, "t", "q", 1, 3, 2.0, 0, {}), 0)
    context.raise_if_cancelled()
    context.signal.set(reason)
    if reason == "shutdown":
        context.raise_if_cancelled()
    else:
        with pytest.raises(Cancelled) as caught:
            context.raise_if_cancelled()
        assert caught.value.reason == reason
    assert not isinstance(Cancelled("cancelled"), Exception)
