"""huey on SQLite: one thread (more only contend for the file), results stored, its consumer as it comes.

`drain` syncs as SQLite does unless told otherwise, on every commit; `drain_unsynced` is huey's own faster setting
`fsync=False`, which can lose what the machine had not written when it lost power.
"""

from __future__ import annotations

import logging
import time

from huey import SqliteHuey
from huey.signals import SIGNAL_COMPLETE

from bench.probe import Ask, Figures, answer, result, row

logging.getLogger("huey").setLevel(logging.WARNING)


def drained(ask: Ask, *, fsync: bool | None) -> Figures:
    huey = SqliteHuey(filename=ask.target, fsync=fsync)
    settled: list[float] = []

    @huey.task()
    def noop(value: int, x: str) -> dict[str, object]:
        return result({"value": value})

    # huey says a task is complete once its result is stored.
    @huey.signal(SIGNAL_COMPLETE)
    def on_complete(signal: str, task: object) -> None:
        settled.append(time.perf_counter())

    for index in range(ask.n):
        noop(**row(index))
    consumer = huey.create_consumer(workers=1, periodic=False)
    start = time.perf_counter()
    consumer.start()
    while len(settled) < ask.n:
        time.sleep(0.1)
    consumer.stop(graceful=True)
    return {"rate": ask.n / (settled[-1] - start)}


def drain(ask: Ask) -> Figures:
    return drained(ask, fsync=None)


def drain_unsynced(ask: Ask) -> Figures:
    return drained(ask, fsync=False)


if __name__ == "__main__":
    answer({"drain": drain, "drain_unsynced": drain_unsynced})
