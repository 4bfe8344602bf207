"""What operators did: written once, listed, and a probing retry that can be aborted."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest

from stook.core.errors import Conflict, NotFound, OptionError
from stook.core.ids import execution_id
from stook.engine.actions import Actions
from stook.engine.recording import write_recorded
from stook.store.script.acted import acted, cancel_counted
from stook.store.script.cancel_items import cancel_items
from stook.store.script.delete import delete, purge
from stook.store.script.pause import pause
from stook.store.script.quota import set_batch_limit, set_quota
from stook.store.script.retry import retry
from stook.store.script.stop import cancel
from stook.store.statement import Now
from tests.contract.batches import batch_of, claim_all, drain, fail, indexes, send, states_of, submit_items, take_one
from tests.contract.ended_batches import FAILED, ended


@pytest.fixture
def actions(store):
    return Actions(store, "default")


async def record(store, actions, kind, batch_id, *words):
    """An act that changes nothing but says that it affected so many. `words`: scope, actor, affected, state."""
    scope, actor, affected, state = words

    def act():
        yield Now()
        return affected

    by = actions.recording(kind, batch_id, scope, actor, may_run=state == "running")
    await write_recorded(store, by, partial(act), affected=int)
    return by.action


async def probing(store, actions):
    """A retry of 40 failed items that first tries 10."""
    batch_id = await ended(store, 100, range(40), per=30)
    count = await store.write(retry, batch_id, FAILED, probe=10)
    action = await record(store, actions, "retry", batch_id, "failed", "k1", count, "running")
    assert (action.state, action.affected, action.finished_at) == ("running", 10, None)
    return batch_id, action


async def test_an_action_is_found_as_it_was_recorded(store, actions):
    batch_id = await submit_items(store, 3)
    made = await record(store, actions, "cancel", batch_id, "all", "k1", 3, "finished")
    assert (made.kind, made.batch_id, made.scope, made.actor) == ("cancel", batch_id, "all", "k1")
    assert (made.state, made.affected) == ("finished", 3)
    assert made.created_at == made.finished_at == store.clock.now
    assert made.public_batch_id == execution_id(batch_id, 0)
    assert await actions.find(made.id) == made


async def test_what_was_done_to_no_batch_is_an_action_too(store, actions):
    made = await record(store, actions, "key.created", None, "ci", "k1", 1, "finished")
    assert (made.batch_id, made.public_batch_id) == (None, None)
    assert await actions.list() == [made]


async def test_actions_are_listed_newest_first_in_pages(store, actions):
    first, second = await submit_items(store, 1), await submit_items(store, 1)
    made = [
        await record(store, actions, "pause", (first, second, None)[n % 3], "", "k", 1, "finished") for n in range(9)
    ]
    newest = made[::-1]
    assert await actions.list() == newest
    assert await actions.list(limit=4) == newest[:4]
    assert await actions.list(after=newest[3].id, limit=4) == newest[4:8]
    assert await actions.list(after=newest[-1].id) == []
    assert await actions.list(batch_id=second) == [one for one in newest if one.batch_id == second]
    assert await actions.list(batch_id=first, after=newest[4].id) == [
        one for one in newest[5:] if one.batch_id == first
    ]
    with pytest.raises(OptionError, match="limit"):
        await actions.list(limit=0)


async def test_a_foreign_action_is_not_there(store, actions):
    batch_id, action = await probing(store, actions)
    theirs = Actions(store, "q")
    assert await theirs.list() == await theirs.list(batch_id=batch_id) == []
    for look in (theirs.find, theirs.abort):
        with pytest.raises(NotFound, match="no such action"):
            await look(action.id)
    with pytest.raises(NotFound, match="no such action"):
        await actions.find(execution_id(store.ids(), 0))
    with pytest.raises(NotFound):
        await actions.find("nonsense")


async def test_the_log_outlives_the_batch(store, actions):
    batch_id = await submit_items(store, 2)
    await drain(store)
    made = await record(store, actions, "delete", batch_id, "all", "k1", 2, "finished")
    await store.write(delete, batch_id)
    while await store.write(purge):
        pass
    assert await actions.list(batch_id=batch_id) == [made]


async def test_a_probe_that_does_well_finishes_its_action_with_the_rest(store, actions):
    _, action = await probing(store, actions)
    store.clock.advance(5)
    await drain(store)
    found = await actions.find(action.id)
    assert (found.state, found.affected, found.finished_at) == ("finished", 40, store.clock.now)
    with pytest.raises(Conflict, match="is finished"):
        await actions.abort(action.id)


async def test_a_probe_that_fails_finishes_its_action_too(store, actions):
    _, action = await probing(store, actions)
    await send(store, fail(await take_one(store), retryable=False))
    found = await actions.find(action.id)
    assert (found.state, found.affected) == ("finished", 10)


async def test_cancelling_the_batch_aborts_the_retry(store, actions):
    batch_id, action = await probing(store, actions)
    await store.write(cancel, batch_id, hard=False, reason="")
    assert (await actions.find(action.id)).state == "aborted"


@pytest.mark.parametrize("when", ["before", "while it runs"])
async def test_an_aborted_retry_leaves_the_rest_as_it_was(store, actions, when):
    batch_id, action = await probing(store, actions)
    one = await take_one(store) if when == "while it runs" else None
    store.clock.advance(1)
    aborted = await actions.abort(action.id)
    assert (aborted.state, aborted.finished_at) == ("aborted", store.clock.now)
    assert await actions.find(action.id) == aborted
    with pytest.raises(Conflict, match="is aborted"):
        await actions.abort(action.id)
    assert (indexes(one) if one else indexes(await claim_all(store))) == list(range(10))
    if one:
        await drain(store)
    before = (await states_of(store, batch_id))[10:40]
    await store.write(cancel, batch_id, hard=False, reason="")
    assert (await states_of(store, batch_id))[10:40] == before, "what was held back has ended long ago"


async def test_after_an_abort_the_probe_ends_the_batch_and_the_rest_stays_failed(store, actions):
    batch_id, action = await probing(store, actions)
    one = await take_one(store)
    await actions.abort(action.id)
    from tests.contract.batches import succeed

    await send(store, succeed(one))
    batch = await batch_of(store, batch_id)
    assert (batch.ended, batch.failed, batch.succeeded) == ("partially_failed", 30, 70)
    assert "aborted" in batch.reason
    assert await store.write(retry, batch_id, FAILED) == 30, "it can be retried again"


async def test_aborting_ends_a_batch_whose_probe_is_all_that_it_waited_for(store, actions):
    """Its last items were cancelled one by one, which judges no probe."""
    batch_id, action = await probing(store, actions)
    await store.write(pause, batch_id, reason="")
    await actions.abort(action.id)
    assert (await batch_of(store, batch_id)).phase == "paused"


async def test_a_retry_whose_probe_was_judged_before_it_is_recorded_is_finished(store, actions):
    batch_id = await ended(store, 100, range(40), per=30)
    await store.write(retry, batch_id, FAILED, probe=10)
    await drain(store)
    assert (await record(store, actions, "retry", batch_id, "failed", "k", 10, "running")).state == "finished"
    gone = store.ids()
    assert (await record(store, actions, "retry", gone, "failed", "k", 10, "running")).state == "finished"


async def test_aborts_and_the_probes_end_at_once_agree(store, actions):
    _, action = await probing(store, actions)
    one = await take_one(store)
    from stook.core.ids import parse_id
    from stook.store.script.action import abort_action
    from stook.store.script.settle import settle
    from tests.contract.batches import succeed

    raw = store.store
    answers = await asyncio.gather(
        raw.write(abort_action, "default", parse_id(action.id)),
        raw.write(settle, [succeed(one)], store.draw),
        raw.write(abort_action, "default", parse_id(action.id)),
        return_exceptions=True,
    )
    await store.audit()
    refused = [one for one in answers if isinstance(one, Conflict)]
    found = await actions.find(action.id)
    assert (found.state, len(refused)) in (("aborted", 1), ("finished", 2))


class Crash(Exception):
    """The process dies here."""


def dying(script, place):
    """The statements of a verb up to the one at `place`, where it ends."""
    answer, number = None, 0
    try:
        while True:
            statement = script.send(answer)
            if number == place:
                raise Crash
            number += 1
            answer = yield statement
    except StopIteration as end:
        return end.value


ACTS = {
    "pause": lambda batch_id: partial(pause, batch_id, reason="r"),
    "cancel": lambda batch_id: partial(cancel_counted, batch_id, hard=True, reason="r"),
    "cancel_items": lambda batch_id: partial(cancel_items, batch_id, [3]),
    "limit": lambda batch_id: partial(set_batch_limit, batch_id, 2),
    "quota": lambda batch_id: partial(set_quota, "task", "default", "t", 2),
}


@pytest.mark.parametrize("name", ACTS)
async def test_an_act_and_its_action_are_there_together_or_not_at_all(store, actions, name):
    """Whatever the statement in which the process dies."""
    batch_id = await submit_items(store, 8)
    tables = "select * from batch", "select * from state", "select * from segment", "select * from quota"
    before = await store.tables.fetch(*tables)
    by = actions.recording("act", batch_id, "all", "k")
    place = 0
    while True:
        act = ACTS[name](batch_id)
        try:
            await store.write(lambda act=act: dying(acted(by.note, act, lambda _: 1), place))  # noqa: B023
        except Crash:
            assert await actions.list() == []
            assert await store.tables.fetch(*tables) == before
            place += 1
            continue
        break
    (made,) = await actions.list()
    assert (made.actor, made.affected, place >= 3) == ("k", 1, True)
    assert await store.tables.fetch(*tables) != before


async def test_what_changed_nothing_leaves_no_action_where_none_is_wanted(store, actions):
    batch_id = await submit_items(store, 2)
    await drain(store)
    by = actions.recording("cancel", batch_id, "execution 1", "k", if_any=True)
    act = partial(cancel_items, batch_id, [1])
    await write_recorded(store, by, act, affected=lambda found: len(found.ended) + len(found.asked))
    assert await actions.list() == []


async def test_a_hard_cancel_counts_what_it_ends_and_what_it_stops(store):
    batch_id = await submit_items(store, 9)
    await take_one(store, 4)
    assert await store.write(cancel_counted, batch_id, hard=False, reason="") == 5
    assert await store.write(cancel_counted, batch_id, hard=True, reason="") == 4
