"""What is done by hand to single executions: their input is changed, or they are skipped. Retries by filter."""

from __future__ import annotations

import asyncio

import pytest

from stook.core.errors import Conflict, NotFound, OptionError
from stook.core.retry_scope import RetryScope
from stook.core.states import State
from stook.store.script.change import NewInput, Touched, edit_item, skip_item
from stook.store.script.claim import claim
from stook.store.script.delete import delete, purge
from stook.store.script.pause import pause
from stook.store.script.read.execution_view import show_item
from stook.store.script.read.inputs import inputs as read_submitted
from stook.store.script.read.results import follow_items, results
from stook.store.script.retry import retry
from stook.store.script.stop import cancel
from tests.contract.batches import (
    batch_of,
    claim_all,
    drain,
    events_of,
    fail,
    indexes,
    inputs,
    payload,
    run_due,
    send,
    states_of,
    submit_items,
    succeed,
    take,
    take_one,
)
from tests.contract.ended_batches import FAILED, ended

NEW = b'{"new":  1}'


async def edit(store, batch_id, index, new=NEW, **options):
    return await store.write(edit_item, batch_id, NewInput(index, new), **({"again": True} | options))


async def skip(store, batch_id, index, **options):
    return await store.write(skip_item, batch_id, index, **({"reason": "not worth it"} | options))


async def test_what_waits_gets_its_new_input_when_it_is_claimed(store):
    batch_id = await submit_items(store, 1000)
    assert await edit(store, batch_id, 3) == Touched(done=True, state=State.queued)
    assert await edit(store, batch_id, 700, b"[1]") == Touched(done=True, state=State.queued)
    found = dict(pair for one in await claim_all(store, 100) for pair in zip(indexes(one), inputs(one), strict=True))
    assert {index: content for index, content in found.items() if content != payload(index)} == {3: NEW, 700: b"[1]"}


async def test_the_last_of_several_edits_holds_and_all_are_remembered(store):
    batch_id = await submit_items(store, 5)
    for number in range(3):
        store.clock.advance(1)
        await edit(store, batch_id, 2, b"%d" % number, actor="k1")
    view = await store.read(show_item, batch_id, 2)
    assert (view.item.input, view.original) == (b"2", payload(2))
    assert [(one.kind, one.input, one.actor) for one in view.changes] == [
        ("edit", b"0", "k1"),
        ("edit", b"1", "k1"),
        ("edit", b"2", "k1"),
    ]
    assert inputs(await take_one(store))[2] == b"2"


async def test_nobody_else_s_input_is_changed(store):
    first, second = await submit_items(store, 4), await submit_items(store, 4)
    await edit(store, first, 2)
    assert (await store.read(show_item, second, 2)).changes == []
    assert [row.input for row in await store.read(results, first)] == [payload(0), payload(1), NEW, payload(3)]
    assert [one.payload for one in await store.read(read_submitted, first)] == [payload(at) for at in range(4)]
    taken = {one.batch_id: inputs(one) for one in (await take(store)).slices}
    assert taken[first][2] == NEW
    assert taken[second][2] == payload(2)


async def test_what_costs_nothing_to_those_who_change_nothing(store):
    await submit_items(store, 40)
    await take(store)
    assert store.statements["read_item_inputs"] == 0


async def test_a_later_item_waits_for_its_time_with_its_new_input(store):
    batch_id = await submit_items(store, 3, run_at=store.clock.now + 5_000_000)
    assert await edit(store, batch_id, 1) == Touched(done=True, state=State.scheduled)
    assert await claim_all(store) == []
    await run_due(store, 6)
    assert inputs(await take_one(store))[1] == NEW


@pytest.mark.parametrize("what", [edit, skip], ids=["edit", "skip"])
async def test_what_runs_and_what_has_succeeded_stays_as_it_is(store, what):
    batch_id = await submit_items(store, 2)
    one = await take_one(store, 1)
    assert await what(store, batch_id, 0) == Touched(done=False, state=State.running)
    await send(store, succeed(one))
    assert await what(store, batch_id, 0) == Touched(done=False, state=State.succeeded)
    assert (await store.read(show_item, batch_id, 0)).changes == []
    with pytest.raises(NotFound, match="has no item 2"):
        await what(store, batch_id, 2)


async def test_a_failed_one_runs_again_with_its_new_input(store):
    batch_id = await ended(store, 100, [7, 60], per=30)
    assert await edit(store, batch_id, 60) == Touched(done=True, state=State.failed)
    one = await take_one(store)
    assert (indexes(one), inputs(one), one.round) == ([60], [NEW], 2)
    await send(store, succeed(one))
    batch = await batch_of(store, batch_id)
    assert (batch.ended, batch.failed, batch.succeeded) == ("partially_failed", 1, 99)


async def test_a_failed_one_that_is_not_to_run_yet_gets_its_input_at_the_next_retry(store):
    batch_id = await ended(store, 20, [7, 9])
    assert (await edit(store, batch_id, 7, again=False)).done
    assert (await batch_of(store, batch_id)).phase == "closed"
    await store.write(retry, batch_id, FAILED)
    one = await take_one(store)
    assert (indexes(one), inputs(one)) == ([7, 9], [NEW, payload(9)])


async def test_what_was_edited_is_followed_with_the_input_it_ran_with(store):
    batch_id = await submit_items(store, 3)
    await edit(store, batch_id, 1)
    await drain(store)
    assert [row.input for row in (await store.read(follow_items, batch_id)).items] == [payload(0), NEW, payload(2)]


async def test_a_batch_that_is_cancelled_or_tries_a_retry_takes_nothing_up_again(store):
    batch_id = await ended(store, 100, range(40), per=30)
    await store.write(retry, batch_id, FAILED, probe=10)
    for what in (edit, skip):
        with pytest.raises(Conflict, match="already trying a retry"):
            await what(store, batch_id, 39)
    assert (await edit(store, batch_id, 39, again=False)).done
    await take_one(store)
    await store.write(cancel, batch_id, hard=False, reason="")
    with pytest.raises(Conflict, match="is being cancelled"):
        await edit(store, batch_id, 39)


async def test_what_is_skipped_is_cancelled_and_says_so(store):
    batch_id = await submit_items(store, 5)
    assert await skip(store, batch_id, 3, actor="k") == Touched(done=True, state=State.queued)
    assert await skip(store, batch_id, 3) == Touched(done=True, state=State.cancelled), "twice is once"
    view = await store.read(show_item, batch_id, 3)
    assert (view.item.state, view.original) == (State.cancelled, None)
    assert [(one.kind, one.reason, one.actor) for one in view.changes] == [("skip", "not worth it", "k")]
    assert sum(len(indexes(one)) for one in await claim_all(store)) == 4


async def test_what_was_cancelled_otherwise_was_not_skipped(store):
    batch_id = await submit_items(store, 2)
    await store.write(cancel, batch_id, hard=False, reason="")
    assert await skip(store, batch_id, 0) == Touched(done=False, state=State.cancelled)


async def test_a_failed_one_that_is_skipped_counts_as_cancelled_in_an_ended_batch(store):
    batch_id = await ended(store, 10, [4])
    assert await skip(store, batch_id, 4) == Touched(done=True, state=State.failed)
    batch = await batch_of(store, batch_id)
    assert (batch.phase, batch.failed, batch.cancelled, batch.succeeded) == ("closed", 0, 1, 9)
    assert (await states_of(store, batch_id))[4] == State.cancelled
    assert await claim_all(store) == []
    assert [kind for kind, _ in await events_of(store, batch_id)][-2:] == ["batch.reopened", "batch.finished"]
    view = await store.read(show_item, batch_id, 4)
    assert (view.item.round, len(view.attempts)) == (2, 1), "how it failed is still there"


async def test_the_last_one_that_is_skipped_ends_the_batch(store):
    batch_id = await submit_items(store, 1)
    await skip(store, batch_id, 0)
    assert (await batch_of(store, batch_id)).phase == "closed"


async def test_a_paused_batch_is_edited_and_skipped_alike(store):
    batch_id = await submit_items(store, 3)
    await store.write(pause, batch_id, reason="")
    assert (await edit(store, batch_id, 1)).done
    assert (await skip(store, batch_id, 2)).done
    assert (await batch_of(store, batch_id)).phase == "paused"


async def test_a_deleted_batch_leaves_no_changes(store):
    batch_id = await submit_items(store, 3, tags=[["a"], [], ["a", "b"]])
    await edit(store, batch_id, 1)
    await drain(store)
    await store.write(delete, batch_id)
    while await store.write(purge, 1):
        pass
    assert await store.tables.fetch("select * from item_change", "select * from chunk_tag") == [[], []]


@pytest.mark.parametrize("turn", range(6))
async def test_a_claim_and_an_edit_at_once_agree_on_what_runs(store, turn):
    """Either the edit came first, and the claim has the new input, or the claim did, and the edit says so."""
    batch_id = await submit_items(store, 30)
    one = claim_of(store)
    raw = store.store
    first, second = raw.write(claim, one), raw.write(edit_item, batch_id, NewInput(turn, NEW), again=True)
    claimed, touched = await asyncio.gather(first, second)
    await store.audit()
    (slice_,) = claimed.slices or (await take(store)).slices
    assert (inputs(slice_)[turn] == NEW) == touched.done
    assert touched.state is (State.queued if touched.done else State.running)


def claim_of(store):
    from stook.store.script.claim import Ask

    return Ask(
        worker="w",
        tasks=("t",),
        items=100,
        slices=10,
        idle=True,
        lease_until=lambda now: now + 60_000_000,
        tokens=store.tokens,
    )


# ---------------------------------------- retries with new input


async def test_a_retry_gives_some_of_them_a_new_input(store):
    batch_id = await ended(store, 100, range(40), per=30)
    new = [NewInput(3, b"3"), NewInput(39, b"39")]
    assert await store.write(retry, batch_id, FAILED, inputs=new, actor="k") == 40
    found = dict(pair for one in await claim_all(store) for pair in zip(indexes(one), inputs(one), strict=True))
    assert {index for index, content in found.items() if content != payload(index)} == {3, 39}
    assert found[39] == b"39"
    assert (await store.read(show_item, batch_id, 39)).changes[0].actor == "k"


async def test_a_probe_and_the_rest_behind_it_get_their_new_inputs(store):
    batch_id = await ended(store, 100, range(40), per=30)
    new = [NewInput(index, b"[%d]" % index) for index in range(40)]
    assert await store.write(retry, batch_id, FAILED, probe=10, inputs=new) == 10
    one = await take_one(store)
    assert inputs(one) == [b"[%d]" % index for index in range(10)]
    await send(store, succeed(one))
    rest = [content for one in await claim_all(store) for content in inputs(one)]
    assert sorted(rest) == sorted(b"[%d]" % index for index in range(10, 40))


async def test_a_new_input_for_what_is_not_retried_is_refused_and_changes_nothing(store):
    batch_id = await ended(store, 20, [7, 9])
    before = await batch_of(store, batch_id)
    for index in (8, 20, 2**31 - 1):
        with pytest.raises(OptionError, match=f"execution {index} is given") as refused:
            await store.write(retry, batch_id, FAILED, inputs=[NewInput(7, b"1"), NewInput(index, b"1")])
        assert refused.value.index == index
    assert await batch_of(store, batch_id) == before
    assert await store.write(retry, batch_id, FAILED, inputs=[NewInput(8, b"1")], exact=False) == 2
    assert inputs(await take_one(store)) == [payload(7), payload(9)]


# ---------------------------------------- by filter, by tag


async def filtered(store, scope):
    """Twelve items; odd ones failed, those above 6 with another error."""
    keys, tags = [f"k{n}" for n in range(12)], [["even", "all"] if n % 2 == 0 else ["all"] for n in range(12)]
    tags[5] = ["all", "five"]
    batch_id = await submit_items(store, 12, per=5, keys=keys, tags=tags)
    for one in await claim_all(store):
        bad = [offset for offset in one.offsets if (one.first + offset) % 2]
        for offset in bad:
            late = one.first + offset > 6
            words = {"message": "late" if late else "early", "code": "slow" if late else "raised"}
            await send(store, fail(one, offset, retryable=False, **words))
        await send(store, succeed(one, [offset for offset in one.offsets if offset not in bad]))
    count = await store.write(retry, batch_id, scope)
    taken = sorted(index for one in await claim_all(store) for index in indexes(one))
    assert len(taken) == count
    return batch_id, taken


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ({}, [1, 3, 5, 7, 9, 11]),
        ({"tag": "five"}, [5]),
        ({"tag": "even"}, []),
        ({"tag": "nobody's"}, []),
        ({"tag": "\0"}, []),
        ({"code": "slow"}, [7, 9, 11]),
        ({"type": "ValueError"}, [1, 3, 5, 7, 9, 11]),
        ({"type": "KeyError"}, []),
        ({"keys": ("k1", "k2", "k9", "none")}, [1, 9]),
        ({"start": 3, "stop": 8}, [3, 5, 7]),
        ({"start": 10}, [11]),
        ({"tag": "all", "code": "slow", "stop": 10}, [7, 9]),
        ({"indexes": (1, 2, 7), "code": "raised"}, [1]),
    ],
    ids=str,
)
async def test_a_retry_by_filter_takes_what_passes_all_of_it(store, words, wanted):
    batch_id, taken = await filtered(store, RetryScope(**words))
    assert taken == wanted
    (groups,) = await store.tables.fetch("select fingerprint, failed from failure_group")
    left = sorted(count for _, count in groups)
    slow = sum(index > 6 for index in wanted)
    assert left == sorted([3 - slow, 3 - (len(wanted) - slow)]), "the groups count what is still failed"
    assert (await batch_of(store, batch_id)).failed == 6 - len(wanted)


async def test_a_probing_retry_by_filter_lets_the_rest_of_the_filter_go(store):
    batch_id = await ended(store, 100, range(40), per=30)
    assert await store.write(retry, batch_id, RetryScope(start=5, stop=30), probe=10) == 10
    await drain(store)
    assert (await batch_of(store, batch_id)).failed == 15


async def test_tags_are_shown_and_filter(store):
    from stook.store.script.read.executions import executions

    tags = [["a"], [], ["b", "a", "a"], ["ü"]] * 200
    batch_id = await submit_items(store, 800, per=300, tags=tags)
    assert [list(row.tags) for row in await store.read(results, batch_id, 796)] == [["a"], [], ["a", "b"], ["ü"]]
    page = await store.read(executions, batch_id, tag="a", limit=3, after=2)
    assert ([row.index for row in page.rows], page.after) == ([2, 4, 6], 8)
    page = await store.read(executions, batch_id, tag="ü", indexes=range(300, 310))
    assert [row.index for row in page.rows] == [303, 307]
    assert (await store.read(executions, batch_id, tag="c")).rows == []
    await drain(store)
    assert [list(row.tags) for row in (await store.read(follow_items, batch_id)).items[:2]] == [["a"], []]
    plain = await submit_items(store, 40)
    assert store.statements["insert_chunk_tag"] == 0
    assert not any(row.tags for row in await store.read(results, plain))


async def test_items_left_out_for_their_dedupe_keys_take_their_tags_along(store):
    await submit_items(store, 1, dedupe=["x"])
    batch_id = await submit_items(store, 3, dedupe=["x", None, "y"], tags=[["a"], ["b"], ["c"]])
    assert [list(row.tags) for row in await store.read(results, batch_id)] == [["b"], ["c"]]
