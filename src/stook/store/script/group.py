"""Batched tasks: what is at the front of the queue waits until it fills a group, or its time is up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

from stook.store.script.batch_row import decode_policy

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["group_items", "largest_group"]


class Waiting(Protocol):
    @property
    def task(self) -> str: ...
    @property
    def policy(self) -> str: ...
    @property
    def pos(self) -> int: ...
    @property
    def stop(self) -> int: ...
    @property
    def ready_at(self) -> int: ...
    @property
    def closed(self) -> int: ...


W = TypeVar("W", bound=Waiting)


def group_items(segments: Sequence[W], now: int) -> tuple[list[W], int | None]:
    """The segments that may be claimed now, and when the next forming group closes by its timeout.

    Items of a batched task form a group across batches and workers: they stay in the queue, claimed by nobody, until
    `size` are ready or the oldest has waited `timeout` seconds.
    """
    ready: dict[str, int] = {}
    oldest: dict[str, int] = {}
    for one in segments:
        if not one.closed:
            ready[one.task] = ready.get(one.task, 0) + one.stop - one.pos
            oldest[one.task] = min(oldest.get(one.task, one.ready_at), one.ready_at)
    allowed, wait_until = [], None
    for one in segments:
        config = decode_policy(one.policy).batch
        if config is None or one.closed or ready[one.task] >= config.size:
            allowed.append(one)
            continue
        closes_at = oldest[one.task] + round(config.timeout * 1_000_000)
        if closes_at <= now:
            allowed.append(one)
        else:
            wait_until = closes_at if wait_until is None else min(wait_until, closes_at)
    return allowed, wait_until


def largest_group(segments: Iterable[Waiting]) -> int:
    """The size of the largest group any of them may join; 0 where no task is batched."""
    configs = (decode_policy(one.policy).batch for one in segments)
    return max((config.size for config in configs if config is not None), default=0)
