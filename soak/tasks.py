"""The tasks under load: each writes down that it started, then does what its payload says."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
from functools import cache
from pathlib import Path
from typing import Any, Final, NoReturn

from soak.journal import Journal, now
from soak.plan import GROUPED, MAX_ATTEMPTS, Item
from stook.core.policy import BatchConfig, RetryPolicy
from stook.wiring.app import App
from stook.worker.event import Event  # noqa: TC001 - handlers are read by their annotations
from stook.worker.verdicts import Fail, NonRetryable, Ok

__all__ = ["FOLDER", "LOAD", "POISON", "SERIAL", "app"]

FOLDER: Final = "STOOK_SOAK_FOLDER"
SERIAL: Final = "STOOK_SOAK_SERIAL"
"""Variables that a worker's process sets for itself and its children."""

_SOON: Final = RetryPolicy(backoff="fixed", base=0.2, jitter=0.5)
_LOSSES: Final = 1_000_000
"""Workers are killed whatever they run: nobody is to blame."""

app = App("soak")
_options: dict[str, Any] = {"max_attempts": MAX_ATTEMPTS, "retry": _SOON, "max_losses": _LOSSES}


class Unlucky(Exception):
    """Another attempt may help."""


@cache
def _starts(process: int) -> Journal:
    return Journal(Path(os.environ[FOLDER]) / f"starts-{os.environ[SERIAL]}-{process}")


def _began(event: Event[Item]) -> None:
    _starts(os.getpid()).line(event.id, event.attempt, now())


def _outcome(event: Event[Item]) -> dict[str, int]:
    item = event.payload
    match item.do:
        case "ok" | "slow":
            pass
        case "flaky":
            if event.attempt <= item.times:
                raise Unlucky(f"attempt {event.attempt} of item {item.n}")
        case "bad":
            raise Unlucky(f"item {item.n} never succeeds")
        case "coin":
            if random.random() < 0.5:
                raise Unlucky("heads")
        case "hopeless":
            raise NonRetryable(f"item {item.n} is hopeless")
        case "exit":
            os._exit(1)
        case "kill":
            _die()
    return {"n": item.n}


def _die() -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


def _run(event: Event[Item]) -> dict[str, int]:
    _began(event)
    if event.payload.seconds:
        time.sleep(event.payload.seconds)
    return _outcome(event)


async def _run_async(event: Event[Item]) -> dict[str, int]:
    _began(event)
    if event.payload.seconds:
        await asyncio.sleep(event.payload.seconds)
    return _outcome(event)


@app.task("soak.async", **_options)
async def in_loop(event: Event[Item]) -> dict[str, int]:
    return await _run_async(event)


@app.task("soak.thread", **_options)
def in_thread(event: Event[Item]) -> dict[str, int]:
    return _run(event)


@app.task("soak.process", **_options)
def in_process(event: Event[Item]) -> dict[str, int]:
    return _run(event)


@app.task(GROUPED, batch=BatchConfig(size=20, timeout=0.2, on_error="bisect"), **_options)
async def in_group(events: list[Event[Item]]) -> list[Ok | Fail]:
    for event in events:
        _began(event)
    await asyncio.sleep(max(event.payload.seconds for event in events))
    if any(event.payload.do == "bad" for event in events):
        raise Unlucky("one of the group is bad")
    return [_verdict(event) for event in events]


def _verdict(event: Event[Item]) -> Ok | Fail:
    try:
        return Ok(_outcome(event))
    except NonRetryable as error:
        return Fail(error, retry=False)
    except Unlucky as error:
        return Fail(error)


@app.task("soak.poison.async", retry=_SOON)
async def poison_in_loop(event: Event[Item]) -> dict[str, int]:
    return await _run_async(event)


@app.task("soak.poison.thread", retry=_SOON)
def poison_in_thread(event: Event[Item]) -> dict[str, int]:
    return _run(event)


@app.task("soak.poison.process", retry=_SOON)
def poison_in_process(event: Event[Item]) -> dict[str, int]:
    return _run(event)


LOAD: Final = ("soak.async", "soak.thread", GROUPED, "soak.process")
POISON: Final = ("soak.poison.async", "soak.poison.thread", "soak.poison.process")
