"""Batches that have ended, some of their executions badly."""

from __future__ import annotations

from stook.core.fingerprint import fingerprint
from stook.core.retry_scope import RetryScope
from tests.contract.batches import (
    both,
    events_of,
    policy,
    send,
    submit_items,
    take,
    trouble,
)

__all__ = ["ALL", "FAILED", "ONCE", "ended", "kinds", "mark"]

ONCE = policy(max_attempts=1)
FAILED = RetryScope()
ALL = RetryScope(states=("failed", "cancelled", "expired"))


def mark(message):
    return fingerprint("ValueError", message, "f.py:f")


async def ended(store, count=20, bad=(3, 5, 7, 8), *, messages=("boom",), per=512):
    """A batch that has ended, `bad` of it failed, their messages in turn."""
    batch_id = await submit_items(store, count, per=per, policy=ONCE)
    for one in (await take(store)).slices:
        here = [index - one.first for index in bad if one.first <= index < one.first + len(one.offsets)]
        troubles = [
            trouble(offset, message=messages[sorted(bad).index(one.first + offset) % len(messages)]) for offset in here
        ]
        await send(store, both(one, [offset for offset in one.offsets if offset not in here], troubles))
    return batch_id


async def kinds(store, batch_id):
    return [kind.removeprefix("batch.") for kind, _ in await events_of(store, batch_id)]
