"""Quotas, actions and requests on two real connections, the first stopped between any two of its statements: no
deadlock, and what is counted is right afterwards."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest

from stook.core.errors import Conflict, QuotaExceeded
from stook.core.ids import parse_id
from stook.engine.actions import Actions
from stook.engine.projects import Projects
from stook.engine.recording import write_recorded
from stook.store.script.action import abort_action
from stook.store.script.project import change_project, count_project
from stook.store.script.request import begin_request, keep_requests, purge_requests
from stook.store.script.retry import retry
from stook.store.script.settle import settle
from stook.store.script.stop import cancel
from stook.store.script.submit import append, create_batch, submit
from tests.contract.audit import Audit
from tests.contract.batches import chunked, claim_all, new_batch, payloads, submit_items, succeed, take_one
from tests.contract.ended_batches import FAILED, ended
from tests.contract.test_quota_totals import kept, truth
from tests.store_postgres.stepped import stepped


@pytest.fixture
def installed_postgres(emptied_postgres):
    return emptied_postgres


LIMITS = {"max_queued_items": 10_000, "max_payload_bytes": 10**9, "max_rate": 1e6}
KEYS = [f"k{number}" for number in range(6)]


def submitting(store, **extras):
    new, chunks = new_batch(store), chunked(payloads(6), 2, **extras)
    return lambda: submit(new, chunks)


def settling(store, held):
    return lambda: settle([succeed(one) for one in held], store.draw)


async def two_submissions(store):
    return submitting(store), submitting(store)


async def two_submissions_of_the_same_dedupe_keys(store):
    return submitting(store, dedupe=KEYS), submitting(store, dedupe=KEYS[::-1])


async def submission_and_settlement_of_the_same_dedupe_keys(store):
    await submit_items(store, 6, per=2, dedupe=KEYS[::-1])
    held = await claim_all(store)
    return submitting(store, dedupe=KEYS), settling(store, held)


async def append_and_cancel(store):
    new = new_batch(store)
    await store.write(create_batch, new)
    await store.write(append, new.id, chunked(payloads(4), 2))
    return lambda: append(new.id, chunked(payloads(4), 2)), lambda: cancel(new.id, hard=True, reason="")


async def append_and_change(store):
    new = new_batch(store)
    await store.write(create_batch, new)
    return lambda: append(new.id, chunked(payloads(4), 2)), lambda: change_project("default", {"weight": 2.0})


async def submission_and_count(store):
    await submit_items(store, 5)
    return submitting(store), lambda: count_project("default")


async def settlement_and_count(store):
    await submit_items(store, 6, per=2)
    held = await claim_all(store)
    return settling(store, held), lambda: count_project("default")


async def probing(store):
    batch_id = await ended(store, 60, range(20), per=30)
    by = Actions(store, "default").recording("retry", batch_id, "failed", "k", may_run=True)
    await write_recorded(store, by, partial(retry, batch_id, FAILED, probe=10))
    assert by.action.state == "running"
    return batch_id, by.action


async def abort_and_the_end_of_the_probe(store):
    batch_id, action = await probing(store)
    one = await take_one(store)
    return lambda: abort_action("default", parse_id(action.id)), settling(store, [one])


async def abort_and_cancel(store):
    batch_id, action = await probing(store)
    return lambda: abort_action("default", parse_id(action.id)), lambda: cancel(batch_id, hard=True, reason="")


async def two_beginnings(store):
    ask = ("default", store.ids().hex(), "POST", "/", "d")
    return lambda: begin_request(*ask, 1), lambda: begin_request(*ask, 2)


async def beginning_and_purge(store):
    key = store.ids().hex()
    await store.write(begin_request, "default", key, "POST", "/", "d", 0)
    store.clock.advance(25 * 3600)
    return lambda: begin_request("default", key, "POST", "/", "d", 1), purge_requests


async def two_signs_of_life(store):
    keys = [store.ids().hex() for _ in range(5)]
    for key in keys:
        await store.write(begin_request, "default", key, "POST", "/", "d", 0)
    return lambda: keep_requests("default", keys), lambda: keep_requests("default", keys[::-1])


SCENES = [
    two_submissions,
    two_submissions_of_the_same_dedupe_keys,
    submission_and_settlement_of_the_same_dedupe_keys,
    append_and_cancel,
    append_and_change,
    submission_and_count,
    settlement_and_count,
    abort_and_the_end_of_the_probe,
    abort_and_cancel,
    two_beginnings,
    beginning_and_purge,
    two_signs_of_life,
]


@pytest.mark.parametrize("swapped", [False, True], ids=["", "swapped"])
@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.__name__)
async def test_no_two_verbs_block_each_other_for_good(store, installed_postgres, scene, swapped):
    store.audited = False  # once per interleaving, at its end
    await Projects(store).change("default", **LIMITS)
    async with stepped(installed_postgres, store.clock) as (one, other):
        steps, done = 0, False
        while not done:
            pair = await scene(store)
            first, second = reversed(pair) if swapped else pair
            one.start(first)
            for _ in range(steps):
                done = not await one.step()
            other.start(second)
            await other.go_on()
            answers = await asyncio.gather(one.answer(), other.answer(), return_exceptions=True)
            wrong = [answer for answer in answers if isinstance(answer, Exception)]
            assert all(isinstance(answer, Conflict | QuotaExceeded) for answer in wrong), wrong
            await store.audit()
            assert await kept(store) == await truth(store), steps
            await empty(store)
            store.audit = Audit(store.tables)
            steps += 1
        assert steps > 2


async def empty(store):
    await store.tables.empty("project")
    await store.tables.connection.execute("update project set queued_items = 0, queued_bytes = 0")
