"""Hosted executions: what was submitted is what is shown, found and ended."""

from __future__ import annotations

import asyncio

import pytest

from stook.core.errors import OptionError
from stook.core.extras import ItemExtras
from stook.core.hosted_reason import DEPLOYMENT_DELETED, TIMED_OUT, HostedReason
from stook.core.ids import execution_id, parse_id
from stook.core.policy import TaskPolicy
from stook.core.states import State
from stook.engine.catalogue import Catalogue, TaskEntry
from stook.engine.hosted_executions import AlreadyEnded, Ended, ExternalIdHeld
from stook.store.script.delete import delete, purge
from stook.store.script.renew import look
from stook.store.script.stop import cancel
from stook.store.script.sweep import expire_leases
from tests.contract.batches import batch_of, fail, policy, send, submit_items, succeed, take_one
from tests.contract.hosted import FIRST, PROJECT, Hosting, resolved


@pytest.fixture
def hosting(store):
    return Hosting(store)


async def test_what_was_submitted_is_shown_byte_for_byte(store, hosting):
    made = await hosting.submit(
        b' {"a" :\n1} ', metadata={"run": 7}, external_id="order-1", timeout=30.0, priority=5, actor="key 1"
    )
    found = await hosting.get(made)
    assert (found.payload, found.result, found.output, found.reason) == (b' {"a" :\n1} ', None, None, None)
    assert (found.dialect, found.deployment_id, found.app, found.action) == ("kernel", FIRST, "shop", "pay")
    assert (found.label, found.version_id, found.actor, found.batch_id) == ("latest", "v-latest", "key 1", None)
    assert (found.state, found.begun, found.created_at) == (State.queued, False, store.clock.now)
    assert (found.metadata, found.external_id, found.timeout) == ({"run": 7}, "order-1", 30.0)
    one = await hosting.take_one()
    assert one.metadata["hosted"] == {"label": "latest", "version_id": "v-latest", "actor": "key 1"}
    (own,) = one.extras.values()
    assert (own.external_id, own.timeout, one.priority) == ("order-1", 30.0, 5)


async def test_no_payload_is_another_thing_than_null(hosting):
    none, null = await hosting.submit(None), await hosting.submit(b"null")
    assert [(await hosting.get(one)).payload for one in (none, null)] == [None, b"null"]
    bare, given = await hosting.take_all()
    assert [one.extras for one in (bare, given)] == [{0: ItemExtras(empty=True)}, {}]


async def test_a_run_from_its_beginning_to_its_end(store, hosting):
    made = await hosting.submit()
    store.clock.advance(1)
    one = await hosting.take_one()
    begun = store.clock.now
    found = await hosting.get(made)
    assert (found.state, found.begun, found.attempt, found.started_at) == (State.running, True, 1, begun)
    await send(store, succeed(one, results=[b'{"a": 1}']))
    found = await hosting.get(made)
    assert (found.state, found.result, found.finished_at, found.given) == (State.succeeded, b'{"a": 1}', begun, False)
    assert found.started_at == begun - 7, "it took seven microseconds"


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("raised", HostedReason.raised),
        ("attempt_timeout", HostedReason.timed_out),
        ("result_not_serializable", HostedReason.not_json),
        ("result_too_large", HostedReason.too_large),
        ("process_exited", HostedReason.exited),
        ("worker_lost", HostedReason.lost),
    ],
)
async def test_why_it_failed_has_a_word(store, hosting, code, reason):
    made = await hosting.submit()
    await send(store, fail(await hosting.take_one(), code=code, retryable=False, traceback="Traceback…"))
    found = await hosting.get(made)
    assert (found.state, found.reason, found.error.message) == (State.failed, reason, "boom")
    assert found.error.traceback == "Traceback…"
    (listed,) = (await hosting.executions.list(PROJECT, dialect="kernel")).items
    assert (listed.reason, listed.error.traceback) == (reason, "")


async def test_a_worker_that_dies_fails_what_is_never_run_twice(store, hosting):
    """Together with others, and not alone with its worker."""
    batch_id = await submit_items(store, 5, policy=policy(max_attempts=1, rerun_lost=False))
    await take_one(store, 3)
    store.clock.advance(61)
    await store.write(expire_leases)
    batch = await batch_of(store, batch_id)
    assert (batch.failed, batch.total - batch.terminal) == (3, 2)


async def test_one_that_waits_again_was_begun(store, hosting):
    vellum = resolved("workflow", dialect="vellum", task="retried")
    await Catalogue(store, PROJECT).see([TaskEntry("retried", "default", TaskPolicy(max_attempts=2))])
    made = await hosting.submit(of=vellum)
    begun = store.clock.now
    await send(store, fail(await hosting.take_one(vellum)))
    found = await hosting.get(made)
    assert (found.state, found.begun, found.started_at) == (State.scheduled, True, begun - 9)
    assert await hosting.ids(dialect="vellum", states={State.scheduled, State.queued}, begun=False) == []
    assert await hosting.ids(dialect="vellum", states={State.scheduled, State.running}, begun=True) == [made]


async def test_those_that_arrive_together_share_a_commit(store, hosting):
    await hosting.submit(b"0")  # the policy of its task is known from here on
    made = await asyncio.gather(
        *(hosting.submit(b"%d" % n, external_id=f"n{n}" if n % 2 else None) for n in range(100))
    )
    assert len({parse_id(one)[:12] for one in made}) == 1
    assert store.statements["insert_hosted_batch"] == 1
    assert [(await hosting.get(one)).payload for one in made[::33]] == [b"0", b"33", b"66", b"99"]


# -------------------------------------------------------------------------------------------------- external ids


async def test_an_external_id_is_one_executions_alone(store, hosting):
    made = await hosting.submit(b"1", external_id="x")
    again = await hosting.executions.submit(PROJECT, resolved("other"), b"2", external_id="x")
    assert again == ExternalIdHeld(made, "x")
    await send(store, succeed(await hosting.take_one()))
    assert await hosting.executions.submit(PROJECT, resolved(), b"3", external_id="x") == again, (
        "also once it has ended"
    )
    assert (await hosting.executions.by_external_id(PROJECT, "x")).id == made
    assert await hosting.executions.by_external_id("another", "x") is None
    assert isinstance(await hosting.executions.submit("another", resolved(), b"4", external_id="x"), str)
    assert await hosting.ids() == [made], "nothing is left of those that came too late"


async def test_of_two_at_the_same_moment_one_wins(store, other):
    """Two processes, each with others in the same commit."""
    here, there = Hosting(store), Hosting(other)
    store.audited = other.audited = False
    for number in range(10):
        name = f"n{number}"
        first, second, *rest = await asyncio.gather(
            here.executions.submit(PROJECT, resolved(), b"1", external_id=name),
            there.executions.submit(PROJECT, resolved(), b"2", external_id=name),
            *(
                one.executions.submit(PROJECT, resolved(), b"3", external_id=f"{name}-{place}")
                for place, one in enumerate([here, there] * 3)
            ),
        )
        winner, loser = (first, second) if isinstance(first, str) else (second, first)
        assert loser == ExternalIdHeld(winner, name)
        assert all(isinstance(one, str) for one in rest), rest
    await store.audit()
    assert len(await here.ids()) == 10 * 7


async def test_the_same_id_twice_at_the_same_moment_in_one_process(hosting):
    made = await asyncio.gather(
        *(hosting.executions.submit(PROJECT, resolved(), b"%d" % n, external_id="x") for n in range(5)),
        hosting.submit(b"9"),
    )
    (winner,) = (one for one in made[:5] if isinstance(one, str))
    assert [one for one in made[:5] if one != winner] == [ExternalIdHeld(winner, "x")] * 4
    assert sorted(await hosting.ids()) == sorted([winner, made[5]])


@pytest.mark.parametrize("name", ["", "a\0b", "\ud800", "x" * 513])
async def test_a_name_that_cannot_be_is_refused_and_found_nowhere(hosting, name):
    with pytest.raises(OptionError):
        await hosting.submit(external_id=name)
    assert await hosting.executions.by_external_id(PROJECT, name) is None


async def test_what_is_deleted_gives_its_name_back(store, hosting):
    made = await hosting.submit(external_id="x")
    one = await hosting.take_one()
    await hosting.executions.finish(PROJECT, made, output="by hand")
    await store.write(delete, one.batch_id)
    assert await hosting.get(made) is None
    assert await hosting.ids() == []
    while await store.write(purge):
        pass
    assert isinstance(await hosting.executions.submit(PROJECT, resolved(), b"1", external_id="x"), str)
    for table in ("hosted_batch", "external_id", "given_output"):
        (rows,) = await store.tables.fetch(f"select batch_id from {table}")
        assert [row for row in rows if row[0] == one.batch_id] == []


# --------------------------------------------------------------------------------------------------------- ending


@pytest.mark.parametrize(
    ("output", "result"),
    [
        (None, b"null"),
        ('{"a": 1}', b'{"a": 1}'),
        ("not JSON", b'"not JSON"'),
        (' "spaced" ', b'" \\"spaced\\" "'),
        ("\0\ud800é", None),
        ('"' + "x" * 100_000 + '"', b'"' + b"x" * 100_000 + b'"'),
    ],
)
@pytest.mark.parametrize("running", [False, True])
async def test_somebody_else_says_what_it_came_to(store, hosting, output, result, running):
    made = await hosting.submit()
    one = await hosting.take_one() if running else None
    assert await hosting.executions.finish(PROJECT, made, output=output) == Ended(running=False)
    found = await hosting.get(made)
    assert (found.state, found.given, found.output, found.finished_at) == (
        State.succeeded, True, output, store.clock.now
    )  # fmt: skip
    assert result is None or found.result == result
    assert await hosting.executions.finish(PROJECT, made, output="2") == AlreadyEnded(State.succeeded)
    assert await hosting.executions.cancel(PROJECT, made, output="2") == AlreadyEnded(State.succeeded)
    if one is not None:
        assert (await store.write(look, [one.token])).lost == [one.token], "its worker hears of it"
        assert (await send(store, succeed(one))).lost == [one.token], "and is not heard any more"
    assert not await hosting.take_all()
    assert (await hosting.get(made)).output == output


async def test_of_an_end_from_outside_and_its_workers_one_counts(store, other):
    """On two connections, at the same moment."""
    here, there = Hosting(store), Hosting(other)
    made = (await here.batches.create(PROJECT, resolved(), [b"%d" % n for n in range(24)])).id
    held = [await here.take_one(items=3) for _ in range(8)]
    ids = [item.id async for items in here.batches.items(PROJECT, made) for item in items]
    for one in held:
        index = one.first + one.offsets[1]
        ended, settled = await asyncio.gather(
            there.executions.finish(PROJECT, ids[index], output='"outside"'), send(store, succeed(one))
        )
        found = await here.get(ids[index])
        assert found.given == (ended == Ended(running=False)) == (settled.stale == 1), (ended, settled)
        assert found.result == (b'"outside"' if found.given else b'{"done":%d}' % index)
    assert (await here.batches.get(PROJECT, made)).counters.succeeded == 24


async def test_one_of_several_in_a_workers_hands_is_finished(store, hosting):
    made = (await hosting.batches.create(PROJECT, resolved(), [b"%d" % n for n in range(6)])).id
    one = await hosting.take_one(items=5)
    ids = [item.id async for items in hosting.batches.items(PROJECT, made) for item in items]
    await hosting.executions.finish(PROJECT, ids[2], output="7")
    answer = await store.write(look, [one.token])
    assert (answer.lost, answer.cancelled) == ([], [(one.token, [2])])
    settled = await send(store, succeed(one))
    assert (settled.stale, settled.lost) == (1, [])
    assert (await hosting.get(ids[2])).result == b"7"
    assert (await hosting.batches.get(PROJECT, made)).counters.succeeded == 5


async def test_one_that_waits_is_cancelled_at_once(store, hosting):
    made = await hosting.submit()
    assert await hosting.executions.cancel(PROJECT, made, output="by me") == Ended(running=False)
    found = await hosting.get(made)
    assert (found.state, found.reason, found.output, found.given) == (
        State.cancelled, HostedReason.cancelled, "by me", True
    )  # fmt: skip
    assert await hosting.executions.finish(PROJECT, made, output="1") == AlreadyEnded(State.cancelled)
    assert not await hosting.take_all()


async def test_one_that_runs_is_stopped_and_ends_cancelled_whatever_it_says(store, hosting):
    made = await hosting.submit()
    one = await hosting.take_one()
    assert await hosting.executions.cancel(PROJECT, made, output="by me", reason=TIMED_OUT) == Ended(running=True)
    found = await hosting.get(made)
    assert (found.state, found.stopping, found.output) == (State.running, True, None)
    assert await hosting.executions.cancel(PROJECT, made, output="later") == AlreadyEnded(State.cancelling)
    assert await hosting.executions.finish(PROJECT, made, output="later") == AlreadyEnded(State.cancelling)
    assert (await store.write(look, [one.token])).cancelled == [(one.token, [0])]
    await send(store, succeed(one))
    found = await hosting.get(made)
    assert (found.state, found.reason, found.output, found.result) == (
        State.cancelled, HostedReason.timed_out, "by me", None
    )  # fmt: skip


async def test_what_a_deleted_deployment_left_waiting_says_so(store, hosting):
    made = await hosting.submit()
    await store.write(cancel, parse_id(made), hard=False, reason=DEPLOYMENT_DELETED)
    assert (await hosting.get(made)).reason is HostedReason.deployment_deleted


async def test_another_projects_execution_is_not_there(hosting):
    made = await hosting.submit()
    executions = hosting.executions
    assert await executions.get("another", made) is None
    assert await executions.finish("another", made, output=None) is None
    assert await executions.cancel("another", made) is None
    assert await executions.get(PROJECT, "nonsense") is None
    assert await executions.get(PROJECT, made[:-1] + "7") is None, "beyond the last of its batch"
    assert (await hosting.get(made)).state is State.queued


async def test_what_is_not_hosted_is_not_there(store, hosting):
    native = await submit_items(store, 1)
    assert await hosting.get(execution_id(native, 0)) is None
    assert await hosting.executions.cancel(PROJECT, execution_id(native, 0)) is None
    assert await hosting.ids() == []


async def test_waiting_for_the_end(store):
    hosting = Hosting(store.store)
    made = await hosting.submit()
    assert (await hosting.executions.wait_for_end(PROJECT, made, 0.01)).state is State.queued
    one = await Hosting(store).take_one()
    waiting = asyncio.ensure_future(hosting.executions.wait_for_end(PROJECT, made, 30.0))
    await asyncio.sleep(0)
    await send(store, succeed(one))
    assert (await waiting).state is State.succeeded
    assert (await hosting.executions.wait_for_end(PROJECT, made, 0)).state is State.succeeded
    for engine in hosting._engines.values():
        await engine.feeds.close()
