"""An app whose tasks are invoked."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from stook import Event, NonRetryable

__all__ = ["Order", "apps", "sync"]


@dataclass
class Order:
    id: int
    note: str = ""


@pytest.fixture
def apps(harness_on_either):
    """The harness, with tasks of its app."""
    app = harness_on_either.app

    @app.task("double")
    async def double(number: int) -> int:
        return 2 * number

    @app.task("seen")
    async def seen(event: Event[Order]) -> dict:
        return {
            "note": event.payload.note,
            "attempt": event.attempt,
            "metadata": event.metadata,
            "tags": list(event.tags),
            "kind": event.kind,
            "name": event.name,
        }

    @app.task("broken", max_attempts=1)
    async def broken(payload: dict) -> None:
        raise NonRetryable("no good")

    return harness_on_either


def sync(harness):
    return harness.app.sync
