"""What executions say: kept with their outcomes or while they run, fenced by the lease, read from any place on."""

from __future__ import annotations

import msgspec
import pytest

from stook.core.errors import NotFound, OptionError
from stook.core.ids import execution_id
from stook.core.log import TAIL, AttemptLogs, LogPart
from stook.core.outcome import Settlement
from stook.core.retry_scope import RetryScope
from stook.core.states import State
from stook.store.script.delete import delete, purge
from stook.store.script.log import keep_logs
from stook.store.script.read.execution_view import show_item
from stook.store.script.read.logs import read_logs
from stook.store.script.renew import renew
from stook.store.script.retry import retry
from stook.store.script.sweep import expire_leases
from tests.contract.batches import (
    drain,
    fail,
    policy,
    run_due,
    send,
    states_of,
    submit_items,
    succeed,
    take,
    take_one,
)


def part(offset, *numbers, part=0, dropped=0, leader=None, of=None):
    """Lines with these numbers, each saying its own."""
    lines = [{"line": one, "at": 1000 + one, "source": "s", "message": f"m{one}", "of": of} for one in numbers]
    last = max(numbers, default=0)
    if dropped:
        lines.append({"line": last, "at": 0, "source": "stook", "message": f"{dropped} lines dropped"})
    body = b"" if leader is not None else msgspec.json.encode(lines)
    return LogPart(offset, part, last, len(numbers), dropped, body, leader)


def said(one, *parts):
    return AttemptLogs(one.token, one.batch_id, parts)


async def keep(store, *logs):
    return await store.write(keep_logs, logs)


async def lines(store, batch_id, index=0, **how):
    page = await store.read(read_logs, batch_id, index, **how)
    return [(one.attempt, one.run, one.message) for one in page.lines]


async def messages(store, batch_id, index=0, **how):
    return [message for _, _, message in await lines(store, batch_id, index, **how)]


def with_logs(settlement, *parts):
    return msgspec.structs.replace(settlement, logs=parts)


async def test_lines_come_with_the_outcome(store):
    batch_id = await submit_items(store, 3)
    one = await take_one(store)
    await send(store, with_logs(succeed(one), part(1, 1, 2)))
    assert await messages(store, batch_id, 1) == ["m1", "m2"]
    assert await messages(store, batch_id, 0) == []
    (entry, _) = (await store.read(read_logs, batch_id, 1)).lines
    assert (entry.round, entry.attempt, entry.line, entry.at, entry.source) == (1, 1, 1, 1001, "s")


async def test_lines_may_come_before_any_outcome_of_the_slice(store):
    batch_id = await submit_items(store, 3)
    one = await take_one(store)
    await send(store, Settlement(one.token, one.batch_id, (), [], (), logs=[part(0, 1)]))
    assert (await send(store, succeed(one))).lost == []
    assert await messages(store, batch_id) == ["m1"]


async def test_who_says_nothing_costs_no_statement(store):
    await submit_items(store, 3)
    await send(store, succeed(await take_one(store)))
    assert not [name for name in store.statements if "log" in name]


async def test_logs_of_an_outcome_under_a_lost_lease_are_left_out(store):
    batch_id = await submit_items(store, 1)
    one = await take_one(store)
    store.clock.advance(60)
    await store.write(expire_leases)
    assert (await send(store, with_logs(succeed(one), part(0, 1)))).lost == [one.token]
    assert await messages(store, batch_id) == []


async def test_lines_of_one_that_runs_can_be_read(store):
    batch_id = await submit_items(store, 2)
    one = await take_one(store)
    assert await keep(store, said(one, part(0, 1, 2))) == []
    assert await messages(store, batch_id) == ["m1", "m2"]
    await keep(store, said(one, part(0, 3, part=1)))
    await send(store, with_logs(succeed(one), part(0, 4, part=2)))
    assert await messages(store, batch_id) == ["m1", "m2", "m3", "m4"]


async def test_what_is_sent_twice_is_there_once(store):
    batch_id = await submit_items(store, 1)
    one = await take_one(store)
    await keep(store, said(one, part(0, 1, 2)))
    await keep(store, said(one, part(0, 1, 2), part(0, 3, part=1)))
    await send(store, with_logs(succeed(one), part(0, 1, 2), part(0, 3, part=1), part(0, 3, part=1)))
    assert await messages(store, batch_id) == ["m1", "m2", "m3"]


async def test_the_last_lines_are_replaced_by_later_ones_alone(store):
    batch_id = await submit_items(store, 1)
    one = await take_one(store)
    await keep(store, said(one, part(0, 1), part(0, 7, 8, part=TAIL, dropped=5)))
    assert await messages(store, batch_id) == ["m1", "m7", "m8", "5 lines dropped"]
    await keep(store, said(one, part(0, 8, 9, part=TAIL, dropped=6)))
    await keep(store, said(one, part(0, 7, 8, part=TAIL, dropped=5)))  # late on its way
    assert await messages(store, batch_id) == ["m1", "m8", "m9", "6 lines dropped"]
    counted = (await store.read(show_item, batch_id, 0)).logs
    assert [(one.round, one.attempt, one.lines, one.dropped) for one in counted] == [(1, 1, 3, 6)]


async def test_a_lost_lease_keeps_what_it_had_and_gets_nothing_more(store):
    batch_id = await submit_items(store, 1)
    one = await take_one(store)
    await keep(store, said(one, part(0, 1)))
    store.clock.advance(60)
    await store.write(expire_leases)
    states = await states_of(store, batch_id)
    assert await keep(store, said(one, part(0, 2, part=1))) == [one.token]
    assert await states_of(store, batch_id) == states == bytes([State.queued])
    again = await take_one(store)
    await keep(store, said(again, part(0, 1)))
    await send(store, with_logs(succeed(again), part(0, 2, part=1)))
    assert await lines(store, batch_id) == [(1, 0, "m1"), (1, 1, "m1"), (1, 1, "m2")]


async def test_a_token_of_another_batch_or_item_writes_nothing(store):
    mine, other = await submit_items(store, 4, per=2), await submit_items(store, 1)
    slices = {(one.batch_id, one.first): one for one in (await take(store)).slices}
    one = slices[mine, 2]
    assert await keep(store, AttemptLogs(one.token, other, [part(0, 1)])) == [one.token]
    assert await keep(store, said(one, part(2, 1), part(-1, 1), part(0, 1, leader=5))) == []
    (rows,) = await store.tables.fetch("select count(*) from log")
    assert rows[0][0] == 0


async def test_attempts_and_rounds_follow_each_other(store):
    batch_id = await submit_items(store, 1, policy=policy(max_attempts=2))
    one = await take_one(store)
    await send(store, with_logs(fail(one), part(0, 1)))
    await run_due(store, 3600)
    await send(store, with_logs(fail(await take_one(store)), part(0, 1, 2)))
    await store.write(retry, batch_id, RetryScope())
    await send(store, with_logs(succeed(await take_one(store)), part(0, 1)))
    found = (await store.read(read_logs, batch_id, 0)).lines
    assert [(one.round, one.attempt, one.line) for one in found] == [(1, 1, 1), (1, 2, 1), (1, 2, 2), (2, 1, 1)]
    assert [one[0] for one in await lines(store, batch_id, attempt=2)] == [2, 2]
    counted = (await store.read(show_item, batch_id, 0)).logs
    assert [(one.round, one.attempt, one.lines) for one in counted] == [(1, 1, 1), (1, 2, 2), (2, 1, 1)]


async def test_pages_are_complete_and_without_repetition(store):
    batch_id = await submit_items(store, 1)
    one = await take_one(store)
    parts = [part(0, 3 * at + 1, 3 * at + 2, 3 * at + 3, part=at) for at in range(70)]
    await keep(store, said(one, *parts, part(0, 500, 501, part=TAIL, dropped=9)))
    whole = await messages(store, batch_id)
    assert len(whole) == 213
    for limit in (1, 2, 7, 212):
        found, after = [], None
        while True:
            page = await store.read(read_logs, batch_id, 0, after=after, limit=limit)
            found += [entry.message for entry in page.lines]
            after = page.next
            if after is None:
                break
        assert found == whole
    last = (await store.read(read_logs, batch_id, 0)).lines[-1].cursor
    assert await messages(store, batch_id, after=last) == []


async def test_a_cursor_goes_on_behind_lines_that_were_replaced(store):
    batch_id = await submit_items(store, 1)
    one = await take_one(store)
    await keep(store, said(one, part(0, 1), part(0, 7, 8, part=TAIL, dropped=5)))
    cursor = (await store.read(read_logs, batch_id, 0)).lines[-1].cursor
    await keep(store, said(one, part(0, 8, 9, 10, part=TAIL, dropped=6)))
    assert await messages(store, batch_id, after=cursor) == ["m9", "m10", "6 lines dropped"]


async def test_a_group_keeps_its_lines_once_and_each_member_shows_its_own(store):
    batch_id = await submit_items(store, 3)
    one = await take_one(store)
    body = msgspec.json.encode(
        [
            {"line": 1, "at": 1, "source": "s", "message": "all"},
            {"line": 2, "at": 2, "source": "s", "message": "second", "of": execution_id(batch_id, 1)},
        ]
    )
    shared = [LogPart(0, 0, 2, 1, 0, body), LogPart(1, 0, 2, 2, 0, b"", 0), LogPart(2, 0, 2, 1, 0, b"", 0)]
    await send(store, with_logs(succeed(one), *shared))
    assert [await messages(store, batch_id, index) for index in range(3)] == [["all"], ["all", "second"], ["all"]]
    (rows,) = await store.tables.fetch("select length(body) from log order by idx")
    assert [row[0] for row in rows] == [len(body), 0, 0]


async def test_lines_go_with_their_batch(store):
    batch_id = await submit_items(store, 2)
    one = await take_one(store)
    await send(store, with_logs(succeed(one), part(0, 1), part(1, 1)))
    kept = await submit_items(store, 1)
    await send(store, with_logs(succeed(await take_one(store)), part(0, 1)))
    await store.write(delete, batch_id)
    with pytest.raises(NotFound):
        await messages(store, batch_id)
    while await store.write(purge, 1) is not None:
        pass
    (rows,) = await store.tables.fetch("select batch_id from log")
    assert [row[0] for row in rows] == [kept]


async def test_lines_written_together_may_be_large(store):
    batch_id = await submit_items(store, 200)
    one = await take_one(store)
    text = "x" * 60_000
    body = msgspec.json.encode([{"line": 1, "at": 1, "source": "s", "message": text}])
    await send(store, with_logs(succeed(one), *(LogPart(offset, 0, 1, 1, 0, body) for offset in one.offsets)))
    assert store.statements["write_log"] > 1
    assert await messages(store, batch_id, 199) == [text]


async def test_keeping_logs_does_not_hold_up_renewal(store):
    batch_id = await submit_items(store, 1)
    one = await take_one(store, lease=10)
    store.clock.advance(9)
    await keep(store, said(one, part(0, 1)))
    await store.write(renew, [one.token], lambda now: now + 10_000_000)
    store.clock.advance(9)
    assert await keep(store, said(one, part(0, 2, part=1))) == []
    assert await drain(store) == 0
    assert await messages(store, batch_id) == ["m1", "m2"]


@pytest.mark.parametrize("cursor", ["", "1", "1.1.0", "1.1.0.x", "1.1.0.99999999999", "1.1.0.1.1", "-1.1.0.1"])
async def test_what_is_no_cursor_is_refused(store, cursor):
    batch_id = await submit_items(store, 1)
    with pytest.raises(OptionError, match="is no cursor"):
        await store.read(read_logs, batch_id, 0, after=cursor)


async def test_there_is_no_log_of_an_item_that_is_not_there(store):
    batch_id = await submit_items(store, 2)
    with pytest.raises(NotFound, match="it has items 0 to 1"):
        await store.read(read_logs, batch_id, 2)
