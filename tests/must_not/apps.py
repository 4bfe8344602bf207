"""An app on each database, driven step by step with a clock that stands still."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stook.client.batch import Batch
    from stook.testing import Harness

__all__ = ["ended", "values"]


def ended(harness: Harness, batch: Batch[Any], *, step: float = 60.0, most: int = 60) -> list[Any]:
    """Runs what is due and moves the clock until the batch has ended; its results, in order."""
    for _ in range(most):
        harness.run_until_idle()
        found = list(batch.results())
        if found and all(result.done for result in found):
            return found
        harness.clock.advance(step)
    raise AssertionError([result.state for result in batch.results()])


def values(harness: Harness, batch: Batch[Any], **options: Any) -> list[Any]:
    found = ended(harness, batch, **options)
    assert [result.state for result in found] == ["succeeded"] * len(found), [result.error for result in found]
    return [result.value for result in found]
