"""stook in one process, on an SQLite file."""

from __future__ import annotations

from pathlib import Path

from bench.probe import Ask, Figures, answer
from bench.subjects import noop
from bench.subjects.operations import operations
from stook import App

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
    """The file as it is when the last connection has closed: SQLite takes its log into it then."""
    noop.drain(ask, url(ask))
    if Path(f"{ask.target}-wal").exists():
        msg = "the log is still there: somebody has the file open"
        raise RuntimeError(msg)
    return {"size_ratio": (Path(ask.target).stat().st_size - SPARE) / noop.size_of_items(ask.n)}


if __name__ == "__main__":
    answer({"drain": drain, "latency": latency, "progress": progress, "operations": operate, "disk": disk})
