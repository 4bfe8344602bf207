"""What `stook show` shows."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final, Protocol

import msgspec

from stook.cli.documents import batch_document, execution_document, failure_document
from stook.cli.failure_table import failure_table
from stook.cli.figures import count, duration, moment, one_line
from stook.cli.tables import console_for, facts, table
from stook.core.errors import NotFound

if TYPE_CHECKING:
    from stook.cli.tables import Cell
    from stook.client.backend import Reading
    from stook.store.script.read.batch_view import BatchView
    from stook.store.script.read.execution_view import Attempt, ExecutionView
    from stook.store.script.read.failures import FailureGroup

__all__ = ["Shown", "find_item", "look_at_batch", "look_at_item"]

_GROUPS: Final = 5
_TEXT: Final = 2000
_STATES: Final = ("succeeded", "failed", "cancelled", "expired", "running", "queued", "scheduled", "suspended")


class Shown(Protocol):
    def document(self) -> dict[str, Any]: ...

    def draw(self) -> None: ...


async def look_at_batch(engine: Reading, view: BatchView) -> Shown:
    return _Batch(view, await engine.failure_groups(view.id), await engine.why(view.id))


async def look_at_item(engine: Reading, view: BatchView, item: str) -> Shown:
    return _Item(await find_item(engine, view, item))


async def find_item(engine: Reading, view: BatchView, item: str) -> ExecutionView:
    """A number is an index where there is such an item, else a key."""
    if item.isdecimal():
        try:
            return await engine.item(view.id, index=int(item))
        except NotFound:
            if not await _has_key(engine, view, item):
                raise
    return await engine.item(view.id, key=item)


async def _has_key(engine: Reading, view: BatchView, key: str) -> bool:
    try:
        await engine.item(view.id, key=key)
    except NotFound:
        return False
    return True


class _Batch:
    def __init__(self, view: BatchView, groups: list[FailureGroup], why: list[str]) -> None:
        self._view = view
        self._groups = groups
        self._why = why

    def document(self) -> dict[str, Any]:
        failures = [failure_document(group) for group in self._groups]
        return batch_document(self._view) | {"why": self._why, "failures": failures}

    def draw(self) -> None:
        view = self._view
        console = console_for(sys.stdout)
        console.print(facts(self._facts()))
        console.print()
        numbers = [(name, count(number)) for name in _STATES if (number := getattr(view.counters, name))]
        console.print(table(("state", "#executions"), [*numbers, ("total", count(view.counters.total))]))
        if not view.state.terminal:
            console.print()
            for reason in self._why:
                console.print(f"- {one_line(reason)}")
        failed = [group for group in self._groups if group.failed]
        if failed:
            console.print()
            console.print(failure_table(failed[:_GROUPS]))
            console.print(f"\nmore: stook failures {view.public_id}      again: stook retry {view.public_id} --failed")

    def _facts(self) -> list[tuple[str, Cell]]:
        view = self._view
        pairs = [
            ("batch", view.public_id),
            ("name", "" if view.name == view.task else one_line(view.name)),
            ("task", view.task),
            ("state", view.state.value),
            ("reason", one_line(view.reason or "")),
            ("project", "" if view.project == "default" else view.project),
            ("submitted", moment(view.created_at)),
            ("started", moment(view.started_at)),
            ("ended", moment(view.finished_at)),
            ("took", _took(view)),
            ("deadline", _moment(view.deadline_at)),
            ("retries", _count(view.retries)),
            ("losses", _count(view.losses)),
            ("round", str(view.round) if view.round > 1 else ""),
            ("at once", _count(view.max_concurrency)),
            ("metadata", one_line(view.metadata or "", _TEXT)),
        ]
        return [(name, value) for name, value in pairs if value]


def _moment(at: int | None) -> str:
    return "" if at is None else moment(at)


def _count(number: int | None) -> str:
    return count(number) if number else ""


def _text(raw: bytes | None) -> str:
    return one_line((raw or b"").decode(errors="backslashreplace"), _TEXT)


def _took(view: BatchView) -> str:
    if view.started_at is None or view.finished_at is None:
        return ""
    return duration((view.finished_at - view.started_at) / 1_000_000)


class _Item:
    def __init__(self, view: ExecutionView) -> None:
        self._view = view

    def document(self) -> dict[str, Any]:
        attempts = [msgspec.structs.asdict(one) for one in self._view.attempts]
        for attempt in attempts:
            if attempt["error"] is not None:
                attempt["error"] = msgspec.structs.asdict(attempt["error"])
        return execution_document(self._view.item) | {"attempts_made": attempts}

    def draw(self) -> None:
        console = console_for(sys.stdout)
        console.print(facts(self._facts()))
        for attempt in self._view.attempts:
            console.print(f"\n{_headline(attempt)}", style="bold")
            if attempt.error is not None and attempt.error.traceback:
                for line in attempt.error.traceback.splitlines():
                    console.print(f"    {_indented(line)}")

    def _facts(self) -> list[tuple[str, Cell]]:
        item, lease, waits = self._view.item, self._view.lease, self._view.waits
        pairs = [
            ("execution", item.id),
            ("index", str(item.index)),
            ("key", one_line(item.key or "")),
            ("state", item.state.name),
            ("worker", "" if lease is None else lease.worker),
            ("due", "" if waits is None else _moment(waits.due_at)),
            ("ended", _moment(item.finished_at)),
            ("input", _text(item.input)),
            ("result", _text(item.result)),
        ]
        return [(name, value) for name, value in pairs if value]


def _headline(attempt: Attempt) -> str:
    number = f"attempt {attempt.attempt}" + (f", loss {attempt.loss}" if attempt.loss else "")
    again = f" of round {attempt.round}" if attempt.round > 1 else ""
    took = "" if attempt.duration is None else f" after {duration(attempt.duration / 1_000_000)}"
    error = attempt.error
    ended = "succeeded" if error is None else one_line(f"{error.type}: {error.message}", _TEXT)
    return f"{number}{again}, {moment(attempt.ended_at)}{took}: {ended}"


def _indented(line: str) -> str:
    """A traceback's indentation says something."""
    bare = line.lstrip(" ")
    return " " * (len(line) - len(bare)) + one_line(bare)
