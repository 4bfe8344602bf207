"""stook in one process, on an SQLite file."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from bench.probe import Ask, Figures, answer
from bench.subjects import noop
from bench.subjects.operations import operations

SPARE = 20_000_000
"""Bytes that a database may have beyond what is proportional."""


def url(ask: Ask) -> str:
    return f"sqlite:///{ask.target}"


def drain(ask: Ask) -> Figures:
    return noop.drain(ask, url(ask))


async def latency(ask: Ask) -> Figures:
    return await noop.latency(ask, url(ask))


def progress(ask: Ask) -> Figures:
    return noop.progress(ask, url(ask))


def operate(ask: Ask) -> Figures:
    return operations(ask, url(ask))


def disk(ask: Ask) -> Figures:
    """The file, after a checkpoint that has taken the log into it."""
    noop.drain(ask, url(ask))
    with closing(sqlite3.connect(ask.target)) as connection:
        busy, _, _ = connection.execute("pragma wal_checkpoint(truncate)").fetchone()
    if busy:
        msg = "somebody has the file open"
        raise RuntimeError(msg)
    return {"size_ratio": (Path(ask.target).stat().st_size - SPARE) / noop.size_of_items(ask.n)}


if __name__ == "__main__":
    answer({"drain": drain, "latency": latency, "progress": progress, "operations": operate, "disk": disk})
