from __future__ import annotations

import msgspec

from stook.core.policy import BatchConfig, ConcurrencyLimit, RateLimit, TaskPolicy
from stook.core.window import Window
from stook.store.script.pause import pause, resume
from stook.store.script.quota import set_batch_limit, set_quota
from stook.store.script.read.why import why_batch_waits, why_item_waits_to_run, why_project_waits
from stook.store.script.stop import cancel
from stook.store.script.submit import seal
from stook.store.script.sweep import expire_leases
from stook.store.script.worker_row import forget_worker, see_worker
from tests.contract.batches import drain, fail, policy, run_due, send, submit_items, take, take_one
from tests.contract.laned import submit_values


async def why(store, batch):
    return await store.read(why_batch_waits, batch)


async def serve(store, *tasks, worker="w"):
    await store.write(see_worker, worker, "host", "1", msgspec.json.encode(tasks).decode())


async def test_no_worker_serves_the_task(store):
    batch = await submit_items(store, 3)
    assert await why(store, batch) == ["no worker serves task 't': no worker is running"]
    await serve(store, "other")
    assert await why(store, batch) == ["no worker serves task 't': 1 is running, for task 'other'"]
    await serve(store, "t", worker="w2")
    assert await why(store, batch) == ["nothing holds it back: the next free worker takes it"]
    store.clock.advance(31)
    assert await why(store, batch) == ["no worker serves task 't': no worker is running"], "not seen for too long"
    await serve(store, "t")
    await store.write(forget_worker, "w")
    assert await store.read(why_project_waits, "default") == [
        "task 't': no worker serves task 't': no worker is running"
    ]
    await store.write(see_worker, "p/w", "host", "1", '["t"]', "p")
    assert await why(store, batch) == ["no worker serves task 't': no worker is running"], "another project's worker"
    await store.write(see_worker, "p/w", "host", "1", '["t"]', "default")
    assert await why(store, batch) == ["nothing holds it back: the next free worker takes it"]


async def test_a_limit_is_named_with_its_numbers(store):
    await serve(store, "t")
    batch = await submit_items(store, 10)
    for scope, name in (("project", ""), ("queue", "default"), ("task", "t")):
        await store.write(set_quota, scope, "default", name, 3)
    assert len(await take_and_count(store)) == 3
    assert await why(store, batch) == [
        "concurrency 3/3 of project 'default'",
        "concurrency 3/3 of queue 'default'",
        "concurrency 3/3 of task 't'",
    ]
    await store.write(set_quota, "queue", "default", "default", None, paused=True)
    assert (await why(store, batch))[0] == "queue 'default' is paused"
    await submit_items(store, 1, project="other")
    assert await store.read(why_project_waits, "other") == [], "another project's limits"


async def take_and_count(store):
    return [offset for one in (await take(store)).slices for offset in one.offsets]


async def test_the_batch_is_at_its_own_limit_and_then_ramps_up(store):
    await serve(store, "t")
    batch = await submit_items(store, 50)
    await store.write(set_batch_limit, batch, 2)
    await take(store)
    assert await why(store, batch) == ["concurrency 2/2 of this batch"]
    await store.write(pause, batch, reason="lunch")
    assert await why(store, batch) == ["it is paused: lunch", "2 still running"]
    await store.write(resume, batch)
    await store.write(set_batch_limit, batch, None)
    await take(store)
    assert await why(store, batch) == ["it was resumed just now: 4 at once, twice as many every second"]
    store.clock.advance(11)
    assert await why(store, batch) == ["4 running, 46 queued behind them: it goes as fast as its workers do"]


async def test_what_is_due_later_says_when(store):
    batch = await submit_items(store, 3, run_at=store.clock.after(12))
    assert await why(store, batch) == ["3 are due later, the next in 12 s"]
    await run_due(store, 13)
    await send(store, fail(await take_one(store)))
    assert await why(store, batch) == ["3 are due later, the next in 15 s"]


async def test_a_group_waits_to_fill(store):
    await serve(store, "t")
    grouped = policy(batch=BatchConfig(5, timeout=30))
    batch = await submit_items(store, 2, policy=grouped)
    store.clock.advance(10)
    assert await why(store, batch) == ["waiting for a group to fill: 2 of 5, it goes in 20 s"]
    assert await store.read(why_project_waits, "default") == [
        "task 't': waiting for a group to fill: 2 of 5, it goes in 20 s"
    ]
    await submit_items(store, 3, policy=grouped)
    assert await why(store, batch) == ["nothing holds it back: the next free worker takes it"]


async def test_others_go_first(store):
    await serve(store, "t")
    await submit_items(store, 100, per=10)
    late = await submit_items(store, 100, per=10, priority=-1)
    await submit_items(store, 7, priority=3)
    await submit_items(store, 5, priority=5, project="other")
    assert await why(store, late) == [
        "107 executions of other batches go first",
        "it shares the workers with project 'other'",
    ]


async def test_fair_shares_put_nobody_behind_a_whole_batch(store):
    await serve(store, "t")
    await submit_items(store, 1000, per=10)
    small = await submit_items(store, 10)
    (said,) = await why(store, small)
    assert said == "10 executions of other batches go first"


async def test_a_suspect_waits_for_an_idle_worker(store):
    await serve(store, "t")
    batch = await submit_items(store, 1)
    await take_one(store, lease=1)
    store.clock.advance(2)
    await store.write(expire_leases)
    (said,) = await why(store, batch)
    assert said.startswith("1 lost its worker and waits to run alone")


async def test_everything_that_can_run_does(store):
    batch = await submit_items(store, 3)
    held = await take_one(store)
    assert await why(store, batch) == ["all that can run does: 3 running"]
    await store.write(cancel, batch, hard=False, reason="wrong file")
    assert await why(store, batch) == ["it is being cancelled: wrong file", "3 still running"]
    await send(store, fail(held, kind="released"))
    assert await why(store, batch) == ["it has ended: cancelled"]


async def test_an_open_batch_waits_for_more(store):
    batch = await submit_items(store, 0, sealed=False)
    assert await why(store, batch) == ["nothing was submitted yet, and its submission is not finished"]
    await store.write(seal, batch)
    assert await why(store, batch) == ["it has ended: succeeded"]


async def test_a_project_lists_its_tasks_and_pauses(store):
    await serve(store, "served")
    await submit_items(store, 3, task="served")
    await submit_items(store, 3, task="lonely")
    await submit_items(store, 3, task="elsewhere", project="other")
    held = await submit_items(store, 3, task="lonely", name="night")
    await store.write(pause, held, reason="budget")
    assert await store.read(why_project_waits, "default") == [
        "task 'lonely': no worker serves task 'lonely': 1 is running, for task 'served'",
        "batch 'night' is paused: budget",
    ]
    await drain(store, tasks=["lonely"])
    assert await store.read(why_project_waits, "default") == ["batch 'night' is paused: budget"]


async def test_a_closed_window_says_when_it_opens(store):
    await serve(store, "t")
    batch = await submit_items(store, 3, policy=policy(window=Window("03:00", "04:00")))
    await take(store)  # the first claim that meets it makes its terms known
    (said,) = await why(store, batch)
    assert said.startswith("window closed: it opens in ")
    assert await store.read(why_project_waits, "default") == [f"task 't': {said}"]


async def test_a_keyed_limit_is_named_with_its_value_when_nothing_else_could_start(store):
    await serve(store, "t")
    terms = TaskPolicy(limits=(ConcurrencyLimit(2, key="tenant"), ConcurrencyLimit(9, unit="group")))
    batch = await submit_values(store, [{"tenant": "acme"}] * 5, terms)
    await take(store)
    assert await why(store, batch) == ["concurrency 2/2 (tenant=acme)"]
    other = await submit_values(store, [{"tenant": "acme"}, {"tenant": 7}], terms)
    assert "concurrency" not in " ".join(await why(store, other)), "one of them may start"


async def test_a_rate_says_when_the_next_may_start(store):
    await serve(store, "t")
    terms = TaskPolicy(rates=(RateLimit(2, 60, key="tenant"),))
    batch = await submit_values(store, [{"tenant": "acme"}] * 5, terms)
    await take(store)
    assert await why(store, batch) == ["rate limit 2 per 60 s (tenant=acme): the next may start in 30 s"]


async def test_one_item_is_told_what_holds_its_own_lane_back(store):
    terms = TaskPolicy(limits=(ConcurrencyLimit(3, key="tenant"),))
    batch = await submit_values(store, [{"tenant": "acme"}] * 5 + [{"tenant": "other"}], terms)

    async def waits(index):
        return await store.read(why_item_waits_to_run, batch, 0, index)

    assert await waits(4) == ["no worker serves task 't': no worker is running"]
    await serve(store, "t")
    held = (await take(store, items=4, tasks=["t"])).slices
    assert sum(len(one.offsets) for one in held) == 4
    assert await waits(4) == ["concurrency 3/3 (tenant=acme)"]
    (running,) = {one.first + one.offsets[0] for one in held if "other" in one.lane}
    assert (running, await waits(running)) == (5, []), "it runs"
    assert not any("tenant" in one for one in await why(store, await submit_values(store, [{"tenant": "new"}], terms)))


async def test_one_item_is_told_of_its_own_time_and_limits(store):
    await serve(store, "t")
    later = await submit_items(store, 2, run_at=store.clock.after(12))
    assert await store.read(why_item_waits_to_run, later, 0, 1) == ["it is due in 12 s"]
    first = await submit_items(store, 3)
    free = "nothing holds it back: the next free worker takes it"
    assert await store.read(why_item_waits_to_run, first, 0, 2) == [free]
    await store.write(set_quota, "task", "default", "t", 1)
    await take(store, items=1)
    assert await store.read(why_item_waits_to_run, first, 0, 2) == ["concurrency 1/1 of task 't'"]
    await store.write(pause, first, reason="lunch")
    assert "it is paused: lunch" in await store.read(why_item_waits_to_run, first, 0, 2)
