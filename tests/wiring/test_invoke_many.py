"""`app.invoke_many`: what items are, one transaction or several, what its receipts say."""

from __future__ import annotations

import asyncio

import pytest

from stook import (
    DuplicateKey,
    InvokeManyError,
    Item,
    OptionError,
    PayloadTooLarge,
    PayloadValidationError,
    TaskDef,
    Throttle,
    Throttled,
    UnknownTask,
)
from stook.wiring.item import item_of


@pytest.fixture
def apps(harness_on_either):
    app = harness_on_either.app

    @app.task("double")
    async def double(number: int) -> int:
        return 2 * number

    @app.task("echo")
    async def echo(payload: object) -> object:
        return payload

    return harness_on_either


def sync(harness):
    return harness.app.sync


@pytest.mark.parametrize(
    ("given", "item"),
    [
        (5, Item(5)),
        (None, Item(None)),
        ({}, Item({})),
        ([], Item([])),
        ({"payload": 1}, Item(1)),
        ({"payload": 1, "priority": 2, "dedupe_key": "a"}, Item(1, priority=2, dedupe_key="a")),
        ({"priority": 2}, Item(None, priority=2)),
        ({"name": "x"}, Item({"name": "x"})),
        (Item({"payload": 1}), Item({"payload": 1})),
    ],
    ids=str,
)
def test_a_mapping_with_options_for_keys_and_no_others_is_an_item(given, item):
    found = item_of(given)
    assert (found if isinstance(found, Item) else Item(found.payload)) == item


def test_receipts_are_in_the_order_of_the_items(apps):
    made = sync(apps).invoke_many("double", [1, Item(2, priority=5), {"payload": 3, "tags": ["x"]}], name="mine")
    assert (len(made), made.created, [one.created for one in made]) == (3, 3, [True] * 3)
    assert made.batch_ids == {"double": made.batch_id}
    batch = apps.app.batch("mine")
    assert batch.id == made.batch_id
    apps.run_until_idle()
    assert made.sync.results() == [2, 4, 6]
    assert made[1].sync.status().priority == 5


def test_no_items_ask_nothing_of_the_store(apps, monkeypatch):
    session, _ = apps.app.opened()
    with monkeypatch.context() as patch:
        for method in ("write", "read"):
            patch.setattr(session.store, method, None)
        for atomic in (True, False):
            made = sync(apps).invoke_many("double", [], atomic=atomic)
            assert (list(made), made.batch_id, made.created, made.sync.results()) == ([], None, 0, [])


def test_falsy_payloads_are_payloads(apps):
    given = [0, "", False, [], {}, None]
    made = sync(apps).invoke_many("echo", given)
    apps.run_until_idle()
    assert made.sync.results() == given


@pytest.mark.parametrize("atomic", [True, False])
def test_items_may_come_from_anywhere(apps, atomic):
    async def stream():
        for n in range(7):
            yield n

    for items in (range(7), (n for n in range(7)), iter(range(7)), stream()):
        made = sync(apps).invoke_many("double", items, atomic=atomic, chunk_size=3)
        assert len(made) == 7
        assert made.batch_id
        apps.run_until_idle()
        assert made.sync.results() == [2 * n for n in range(7)]
        assert apps.app.batch(made.batch_id).show().counters.total == 7

    async def run():
        return len(await apps.app.invoke_many("double", stream(), atomic=atomic, chunk_size=3))

    assert asyncio.run(run()) == 7


@pytest.mark.parametrize("items", ["text", b"bytes", {"payload": 1}, 5])
def test_one_value_is_not_many(apps, items):
    with pytest.raises(OptionError, match="one value"):
        sync(apps).invoke_many("double", items)


def test_tasks_may_be_mixed_each_with_a_batch(apps):
    made = sync(apps).invoke_many(None, [Item(1, task="double"), Item("x", task="echo"), Item(2, task="double")])
    assert made.batch_ids.keys() == {"double", "echo"}
    apps.run_until_idle()
    assert made.sync.results() == [2, "x", 4]
    with pytest.raises(OptionError, match="no task is named"):
        sync(apps).invoke_many(None, [1])


def test_one_bad_item_and_nothing_is_written(apps):
    items = [1, "two", Item(3, priority="high"), Item(4, task="nope"), Item(5, run_at=1, delay=1), 6]
    with pytest.raises(PayloadValidationError) as caught:
        sync(apps).invoke_many("double", items)
    assert caught.value.index == 1
    assert [(bad.index, bad.code) for bad in caught.value.errors] == [
        (1, "payload_invalid"),
        (2, "option_error"),
        (3, "unknown_task"),
        (4, "option_error"),
    ]
    assert sync(apps).list() == []


def test_what_is_no_json_is_named_too(apps):
    with pytest.raises(OptionError) as caught:
        sync(apps).invoke_many("echo", [1, Item(1, delay=-1), float("nan")])
    assert [bad.index for bad in caught.value.errors] == [1, 2]


def test_a_payload_too_large_is_named(apps):
    with pytest.raises(PayloadTooLarge) as caught:
        sync(apps).invoke_many("echo", ["x", "y" * (4 * 2**20)])
    assert caught.value.index == 1


def test_an_unknown_task_for_all(apps):
    with pytest.raises(UnknownTask) as caught:
        sync(apps).invoke_many("nope", [1, 2])
    assert [bad.index for bad in caught.value.errors] == [0, 1]


def test_conflicts_show_in_receipts_and_harm_nobody(apps):
    first = sync(apps).invoke("double", 1, dedupe_key="a")
    made = sync(apps).invoke_many(
        "double",
        [
            Item(2, dedupe_key="a"),
            3,
            Item(4, throttle=Throttle(60, "t")),
            Item(5, throttle=Throttle(60, "t")),
            Item(6, dedupe_key="b"),
            Item(7, dedupe_key="b"),
            Item(8, debounce=9),
        ],
    )
    assert [one.reason for one in made] == ["duplicate", None, None, "throttled", "folded", None, None]
    assert made[0].id == first.id
    assert (made[3].id, made[3].blocked_by) == (None, made[2].id)
    assert made[4].id == made[5].id
    assert made.created == 4
    with pytest.raises(Throttled):
        made.sync.results()
    apps.clock.advance(9)
    apps.run_until_idle()
    results = made.sync.results(return_exceptions=True)
    assert isinstance(results.pop(3), Throttled)
    assert results == [2, 6, 8, 14, 14, 16]


def test_nothing_created_is_no_batch(apps):
    sync(apps).invoke("double", 1, dedupe_key="a")
    made = sync(apps).invoke_many("double", [Item(1, dedupe_key="a")])
    assert (made.batch_id, made.created, made.batch_ids) == (None, 0, {})


def test_the_calls_dedupe_is_for_items_that_say_nothing(apps):
    sync(apps).invoke("double", 1, dedupe_key="a")
    items = [Item(2, dedupe_key="a"), Item(3, dedupe_key="a2", dedupe="return_existing"), 4]
    assert [one.reason for one in sync(apps).invoke_many("double", items, dedupe="supersede")] == [
        "superseded",
        None,
        None,
    ]
    with pytest.raises(DuplicateKey) as caught:
        sync(apps).invoke_many("double", [1, Item(2, dedupe_key="a")], dedupe="reject")
    assert (caught.value.index, [bad.index for bad in caught.value.errors]) == (1, [1])


def test_reject_means_keys_of_the_same_call_too(apps):
    items = [Item(n, dedupe_key=key) for n, key in enumerate(["a", "b", "a", "c", "b"])]
    with pytest.raises(DuplicateKey) as caught:
        sync(apps).invoke_many("double", items, dedupe="reject")
    assert [bad.index for bad in caught.value.errors] == [2, 4]
    assert sync(apps).list() == []


def test_in_several_commits_what_was_committed_stays(apps):
    items = [1, 2, 3, 4, "five", 6]
    with pytest.raises(InvokeManyError) as caught:
        sync(apps).invoke_many("double", items, atomic=False, chunk_size=2)
    error = caught.value
    assert (error.committed, error.index, len(error.receipts)) == (4, 4, 4)
    assert isinstance(error.__cause__, PayloadValidationError)
    apps.run_until_idle()
    assert [one.sync.result() for one in error.receipts] == [2, 4, 6, 8]
    assert apps.app.batch(error.receipts[0].sync.status().batch_id).show().state.terminal


def test_items_that_fail_while_they_come_end_the_call(apps):
    def items():
        yield from (1, 2, 3)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        sync(apps).invoke_many("double", items())
    assert sync(apps).list() == []
    with pytest.raises(InvokeManyError) as caught:
        sync(apps).invoke_many("double", items(), atomic=False, chunk_size=2)
    assert (caught.value.committed, caught.value.index) == (2, 2)


def test_a_program_that_dies_between_two_commits_leaves_what_it_committed(apps):
    def items():
        yield from (1, 2, 3)
        raise SystemExit

    with pytest.raises(SystemExit):
        sync(apps).invoke_many("double", items(), atomic=False, chunk_size=2)
    found = sync(apps).list()
    assert len(found) == 2
    apps.clock.advance(3600)
    apps.run_until_idle()
    assert sorted(one.result for one in sync(apps).list()) == [2, 4]
    assert apps.app.batch(found[0].batch_id).show().state.name == "succeeded"


def test_several_commits_fold_and_dedupe_as_one_does(apps):
    items = [Item(n, dedupe_key=f"k{n % 3}") for n in range(6)]
    made = sync(apps).invoke_many("double", items, atomic=False, chunk_size=2)
    assert [one.reason for one in made] == [None, None, None, "duplicate", "duplicate", "duplicate"]
    assert [one.id for one in made[3:]] == [made[0].id, made[1].id, made[2].id]
    assert made.batch_ids == {"double": made.batch_id}


def test_a_large_call_is_in_order_and_whole(apps):
    made = sync(apps).invoke_many("echo", range(3000))
    assert [one.id for one in made] == sorted(one.id for one in made)
    assert made.created == 3000
    view = apps.app.batch(made.batch_id).show()
    assert (view.counters.total, view.sealed_at is None) == (3000, False)
    assert sync(apps).get(made[2999]).state == "queued"


def test_a_task_known_by_definition_alone(apps):
    apps.app.definitions["elsewhere"] = TaskDef("elsewhere", payload=int)
    made = sync(apps).invoke_many("elsewhere", [1, 2])
    assert made.created == 2
    with pytest.raises(PayloadValidationError):
        sync(apps).invoke_many("elsewhere", ["x"])


@pytest.mark.parametrize("options", [{"chunk_size": 0}, {"chunk_size": True}, {"dedupe": "later"}], ids=str)
def test_what_cannot_be_is_refused(apps, options):
    with pytest.raises(OptionError):
        sync(apps).invoke_many("double", [1], **options)
