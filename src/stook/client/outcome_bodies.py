"""Outcomes in bodies that a server takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import structs

from stook.core.outcome import Settlement

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from stook.core.outcome import Trouble

__all__ = ["MOST", "outcome_bodies"]

MOST: Final = 4 * 2**20
"""Bytes, about. One outcome that is larger goes alone."""
_ROW: Final = 64
"""Bytes around a result or a trouble."""


def outcome_bodies(settlements: Sequence[Settlement], most: int = MOST) -> Iterator[list[Settlement]]:
    """All of it in order, each outcome once; a slice may be settled in several parts."""
    body: list[Settlement] = []
    size = 0
    for whole in settlements:
        for part, weight in _parts(whole, most):
            if body and size + weight > most:
                yield body
                body, size = [], 0
            body.append(part)
            size += weight
    if body:
        yield body


def _parts(whole: Settlement, most: int) -> Iterator[tuple[Settlement, int]]:
    """With about how many bytes each has."""
    troubled = sum(map(_weight, whole.troubles))
    size = troubled + sum(map(len, whole.results)) + _ROW * len(whole.results)
    if whole.logs:
        # First, and by themselves: a lease goes with its last outcome, and what comes after it is left out.
        logged = sum(_ROW + len(one.body) for one in whole.logs)
        if size + logged <= most:
            yield whole, size + logged
            return
        yield from _logs(whole, most)
        whole = structs.replace(whole, logs=())
    if size <= most:
        yield whole, size
        return
    start = weight = 0
    for place, result in enumerate(whole.results):
        if place > start and weight + len(result) > most:
            yield _cut(whole, slice(start, place), slice(0)), weight
            start, weight = place, 0
        weight += len(result) + _ROW
    if start < len(whole.results):
        yield _cut(whole, slice(start, None), slice(0)), weight
    start = weight = 0
    for place, one in enumerate(whole.troubles):
        length = _weight(one)
        if place > start and weight + length > most:
            yield _cut(whole, slice(0), slice(start, place)), weight
            start, weight = place, 0
        weight += length
    if start < len(whole.troubles):
        yield _cut(whole, slice(0), slice(start, None)), weight


def _weight(one: Trouble) -> int:
    calls = sum(2 * _ROW + len(wait.child.payload) for wait in one.waits if wait.child is not None)
    memos = sum(_ROW + len(memo.value) for memo in one.memos)
    return _ROW + len(one.message) + len(one.traceback) + calls + memos


def _logs(whole: Settlement, most: int) -> Iterator[tuple[Settlement, int]]:
    start = weight = 0
    for place, one in enumerate(whole.logs):
        length = _ROW + len(one.body)
        if place > start and weight + length > most:
            yield _said(whole, slice(start, place)), weight
            start, weight = place, 0
        weight += length
    yield _said(whole, slice(start, None)), weight


def _said(whole: Settlement, part: slice) -> Settlement:
    return Settlement(whole.token, whole.batch_id, (), [], (), logs=whole.logs[part])


def _cut(whole: Settlement, good: slice, bad: slice) -> Settlement:
    return Settlement(
        whole.token,
        whole.batch_id,
        whole.offsets[good],
        whole.results[good],
        whole.durations[good],
        whole.troubles[bad],
    )
