"""`idempotency_key`: the same key is the same batch, continued where a submission broke off, or refused."""

from __future__ import annotations

import pytest

from stook.core.errors import KeyConflict, StoreFull
from stook.engine.intake import BITE_ITEMS


@pytest.fixture
def ran():
    return []


def record_on(app, ran):
    @app.task
    async def record(number: int) -> int:
        ran.append(number)
        return number

    return record


MANY = 3 * BITE_ITEMS


class KilledError(BaseException):
    """Not an error of stook's: nobody tidies up after it, as after SIGKILL."""


def cut_off(task, session, at, **options):
    """A submission that ends in the middle without a word."""

    def items():
        yield from range(at)
        raise KilledError

    engine = session.engine
    give_up, engine.give_up = engine.give_up, lambda *_: (_ for _ in ()).throw(KilledError)
    try:
        with pytest.raises(KilledError):
            task.map(items(), **options)
    finally:
        engine.give_up = give_up


@pytest.mark.parametrize("shape", [list, iter], ids=["list", "iterator"])
def test_the_same_again_is_the_same_batch(harness_on_either, ran, shape):
    harness = harness_on_either
    record = record_on(harness.app, ran)
    first = record.map(shape(range(1000)), idempotency_key="k")
    again = record.map(shape(range(1000)), idempotency_key="k")
    assert again.id == first.id
    harness.run_until_idle()
    assert record.map(shape(range(1000)), idempotency_key="k").show().counters.succeeded == 1000
    assert ran == list(range(1000))
    assert harness.app.batch("k").id == first.id


def test_a_submission_that_broke_off_goes_on_where_it_stopped(harness_on_either, ran):
    harness = harness_on_either
    record = record_on(harness.app, ran)
    session, _ = harness.app.opened()
    cut_off(record, session, MANY - 100, idempotency_key="k", name="cut")
    cut = harness.app.batch("cut").show()
    assert cut.state.value == "open"
    assert 0 < cut.counters.total < MANY - 100
    harness.run_until_idle()
    assert len(ran) == cut.counters.total  # an open batch runs already
    batch = record.map(iter(range(MANY)), idempotency_key="k")
    assert batch.id == cut.public_id
    harness.run_until_idle()
    assert sorted(ran) == list(range(MANY))
    assert batch.show().state.value == "succeeded"
    assert [result.value for result in batch.results()] == list(range(MANY))


def test_a_list_that_broke_off_goes_on_and_no_other_list_does(harness, ran):
    record = record_on(harness.app, ran)
    session, _portal = harness.app.opened()
    add, calls = session.engine.store.write, []

    async def write(verb, *args, **options):
        calls.append(verb.__name__)
        if calls.count("append") == 2:
            raise StoreFull("no room")
        return await add(verb, *args, **options)

    session.engine.store.write = write
    session.engine.give_up, give_up = write_nothing, session.engine.give_up
    with pytest.raises(StoreFull):
        record.map(list(range(2 * BITE_ITEMS + 1)), idempotency_key="k", name="cut")
    session.engine.store.write, session.engine.give_up = add, give_up
    cut = harness.app.batch("cut").show()
    assert cut.state.value == "open"
    assert BITE_ITEMS <= cut.counters.total < 2 * BITE_ITEMS

    with pytest.raises(KeyConflict, match="key 'k' already stands for a batch with other content"):
        record.map(list(range(1, 2 * BITE_ITEMS + 2)), idempotency_key="k")
    batch = record.map(list(range(2 * BITE_ITEMS + 1)), idempotency_key="k")
    assert batch.id == cut.public_id
    harness.run_until_idle()
    assert sorted(ran) == list(range(2 * BITE_ITEMS + 1))


async def write_nothing(*_):
    raise StoreFull("still no room")


@pytest.mark.parametrize(
    "other", [[1, 2, 4], [1, 2], [1, 2, 3, 4], [12, 3], [3, 2, 1]], ids=["item", "fewer", "more", "joined", "order"]
)
def test_other_content_under_the_same_key_is_refused(harness, ran, other):
    record = record_on(harness.app, ran)
    first = record.map([1, 2, 3], idempotency_key="k")
    with pytest.raises(KeyConflict, match=r"key 'k' already stands for .* \(use another key, or the same content\)"):
        record.map(other, idempotency_key="k")
    assert first.show().counters.total == 3
    harness.run_until_idle()
    assert ran == [1, 2, 3]


def test_other_keys_of_the_items_are_other_content(harness):
    @harness.app.task
    async def nothing(item: dict) -> None: ...

    items = [{"a": 1, "b": 2}]
    nothing.map(items, key="a", idempotency_key="k")
    with pytest.raises(KeyConflict):
        nothing.map(items, key="b", idempotency_key="k")


@pytest.mark.parametrize("shape", [list, iter], ids=["list", "iterator"])
def test_a_key_of_another_task_is_refused(harness, ran, shape):
    record = record_on(harness.app, ran)

    @harness.app.task
    async def other(number: int) -> None: ...

    record.map(shape([1, 2]), idempotency_key="k")
    with pytest.raises(KeyConflict):
        other.map(shape([1, 2]), idempotency_key="k")


def test_a_submission_that_failed_frees_its_key(harness, ran):
    record = record_on(harness.app, ran)
    with pytest.raises(ValueError, match="NaN"):
        record.map(iter([1, float("nan")]), idempotency_key="k")
    assert record.map([7], idempotency_key="k").show().counters.total == 1


def test_a_deleted_batch_frees_its_key(harness, ran):
    record = record_on(harness.app, ran)
    first = record.map([1], idempotency_key="k")
    harness.run_until_idle()
    first.delete()
    assert record.map([2], idempotency_key="k").id != first.id
