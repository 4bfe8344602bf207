"""`task.map`: whatever goes in comes out, once, in its order, as what the handler's annotation says."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TypedDict

import msgspec
import pytest

from stook import BatchConfig, Fail, Ok
from stook.core.errors import ConfigError, DuplicateKeys, InputError, OptionError, PayloadError, PayloadTooLarge


@dataclass
class Row:
    order_id: str
    cents: int


@dataclass
class Priced:
    order_id: str
    euros: float


class Point(msgspec.Struct):
    x: int
    y: int


class Named(TypedDict):
    name: str


@pytest.fixture
def price(harness):
    @harness.app.task(name := "price")
    async def handler(row: Row) -> Priced:
        return Priced(row.order_id, row.cents / 100)

    assert handler.name == name
    return handler


def rows(count):
    return [Row(f"o{number}", number) for number in range(count)]


def priced(count):
    return [Priced(f"o{number}", number / 100) for number in range(count)]


def values(batch):
    return [result.value for result in batch.results()]


async def asynchronous(items):
    for item in items:
        yield item


@pytest.mark.parametrize("shape", [list, iter, asynchronous, dict.fromkeys], ids=["list", "iterator", "async", "view"])
def test_any_iterable_is_taken(harness_on_either, shape):
    harness = harness_on_either

    @harness.app.task
    async def double(number: int) -> int:
        return number * 2

    items = shape(range(1000))
    if isinstance(items, dict):
        items = items.keys()
    batch = double.map(items)
    assert batch.show().counters.total == 1000
    harness.run_until_idle()
    assert values(batch) == [number * 2 for number in range(1000)]
    assert [result.index for result in batch.results()] == list(range(1000))


def test_results_are_what_the_annotation_says(harness, price):
    batch = price.map(rows(3))
    harness.run_until_idle()
    assert values(batch) == priced(3)
    assert [result.value for result in batch.as_completed()] == priced(3)
    assert batch.result(index=1).value == Priced("o1", 0.01)
    assert harness.app.batch(batch.id).result(index=1).value == Priced("o1", 0.01)
    assert batch.result(index=1).input == {"order_id": "o1", "cents": 1}


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (Point, Point(1, 2)),
        (Named, {"name": "n"}),
        (list[Point], [Point(0, 1)]),
        (dt.datetime, dt.datetime(2030, 1, 1)),
    ],
)
def test_results_of_many_types_come_back_as_they_were(harness, kind, value):
    task = harness.app.task("given", returns=kind)(lambda _: value)
    batch = task.map([1])
    harness.run_until_idle()
    assert values(batch) == [value]


def test_results_of_verdicts_are_plain_json(harness):
    @harness.app.task(batch=BatchConfig(size=10), max_attempts=1)
    async def judge(numbers: list[int]) -> list[Ok | Fail]:
        return [Ok({"n": number}) if number else Fail("zero", retry=False) for number in numbers]

    batch = judge.map([1, 0, 2])
    harness.run_until_idle()
    assert [result.value if result.ok else result.error.message for result in batch.results()] == [
        {"n": 1},
        "zero",
        {"n": 2},
    ]


def test_a_task_is_still_the_function(price):
    assert price.__name__ == "handler"
    with pytest.raises(TypeError, match="missing 1 required"):
        price()


@pytest.mark.parametrize("items", [{"order_id": "o1"}, "rows.csv", b"abc", bytearray(b"abc"), 5, None, Point(1, 2)])
@pytest.mark.parametrize("dedupe_key", [None, str], ids=["plain", "marked"])
def test_one_value_is_not_taken_for_many(harness, price, items, dedupe_key):
    with pytest.raises(InputError, match=r"is one value, not many \(put it into a list, or use submit\)"):
        price.map(items, dedupe_key=dedupe_key)
    assert all_batches(harness) == []


def test_no_items_are_a_batch_that_has_ended(price):
    view = price.map([]).wait(timeout=0)
    assert (view.state.value, view.counters.total) == ("succeeded", 0)


# ------------------------------------------------------------------------------------------------------------- keys


@pytest.mark.parametrize("key", ["order_id", lambda row: row.order_id], ids=["field", "function"])
def test_a_key_finds_its_item(harness, price, key):
    batch = price.map(rows(700), key=key)
    harness.run_until_idle()
    found = batch.result(key="o600")
    assert (found.index, found.key, found.value) == (600, "o600", Priced("o600", 6.0))
    assert [result.key for result in batch.results()][:3] == ["o0", "o1", "o2"]


@pytest.mark.parametrize("key", ["place.id", lambda item: item["place"]["id"]], ids=["dotted", "function"])
def test_numbers_are_keys_too(harness, key):
    @harness.app.task
    async def nothing(item: dict) -> None: ...

    batch = nothing.map([{"place": {"id": number}} for number in range(3)], key=key)
    assert batch.result(key="2").index == 2


@pytest.mark.parametrize("shape", [list, iter], ids=["list", "iterator"])
def test_an_item_without_its_key_is_named(harness, price, shape):
    items = [*rows(2), {"cents": 5}]
    with pytest.raises(InputError, match="item 2: no key: the field 'order_id' is missing"):
        price.map(shape(items), key="order_id")
    assert all_batches(harness) == []


@pytest.mark.parametrize("shape", [list, iter], ids=["list", "iterator"])
def test_equal_keys_are_refused_with_both_places(harness, price, shape):
    items = [Row("a", 1), Row("b", 2), Row("a", 3), Row("b", 4)]
    with pytest.raises(DuplicateKeys, match="item 2: key 'a' is already used by item 0, and 1 more") as caught:
        price.map(shape(items), key="order_id")
    assert caught.value.pairs == [("a", 2, 0), ("b", 3, 1)]
    assert all_batches(harness) == []


@pytest.mark.parametrize("option", ["key", "dedupe_key"])
def test_a_key_too_long_for_an_index_is_refused(harness, price, option):
    with pytest.raises(OptionError, match=rf"item 1: {option} has 600 bytes, at most 512 are allowed \(use a hash"):
        price.map([Row("a", 1), Row("b" * 600, 2)], **{option: "order_id"})
    assert all_batches(harness) == []


# ------------------------------------------------------------------------------------------------------- bad items


def all_batches(harness):
    session, portal = harness.app.opened()
    return [view.state.value for view in portal.call(session.engine.batches()).batches]


BAD = [
    (float("nan"), PayloadError, r"item 700: \$.n: NaN is not JSON \(use None"),
    (float("-inf"), PayloadError, r"item 700: \$.n: -Infinity is not JSON"),
    (object(), PayloadError, r"item 700: \$.n: object is not JSON"),
    ("x" * 2_000_000, PayloadTooLarge, "item 700: 2000008 bytes of JSON, the limit is 1000000"),
]


@pytest.fixture
def small_limit(monkeypatch):
    monkeypatch.setenv("STOOK_MAX_PAYLOAD_BYTES", "1000000")


@pytest.mark.usefixtures("small_limit")
@pytest.mark.parametrize(("value", "error", "said"), BAD, ids=["nan", "infinity", "object", "size"])
@pytest.mark.parametrize("shape", [list, iter, asynchronous], ids=["list", "iterator", "async"])
def test_a_bad_item_is_named_and_nothing_of_its_batch_runs(harness, shape, value, error, said):
    ran = []

    @harness.app.task
    async def record(item: dict) -> None:
        ran.append(item)

    items = [{"n": number} for number in range(1000)]
    items[700]["n"] = value
    with pytest.raises(error, match=said) as caught:
        record.map(shape(items))
    assert caught.value.index == 700
    harness.run_until_idle()
    assert ran == []
    assert all_batches(harness) == []


def broken(count):
    yield from range(count)
    raise KeyError("the source broke")


@pytest.mark.parametrize(
    ("items", "error", "said"),
    [
        (lambda: broken(40_000), KeyError, "the source broke"),
        (lambda: asynchronous(broken(40_000)), KeyError, "the source broke"),
        (lambda: iter([*range(40_000), float("nan")]), PayloadError, "item 40000: "),
    ],
    ids=["iterator", "async", "nan"],
)
def test_what_an_endless_source_had_given_before_it_broke_is_cancelled(harness, items, error, said):
    ran = []

    @harness.app.task
    async def record(number: int) -> None:
        ran.append(number)

    with pytest.raises(error, match=said):
        record.map(items(), name="broken")
    view = harness.app.batch("broken").show()
    assert view.state.value == "cancelled"
    assert view.counters.cancelled == view.counters.total > 0
    assert view.reason.startswith("its submission failed: ")
    assert said in view.reason
    harness.run_until_idle()
    assert ran == []


def test_a_handler_that_cannot_work_is_found_before_anything_is_written(harness):
    @harness.app.task
    async def wrong(*, first: int, second: int) -> None: ...

    for submit in (lambda: wrong.map([1]), lambda: wrong.map(iter([1])), lambda: wrong.submit(1)):
        with pytest.raises(ConfigError, match=r"test_map.py:\d+: handler .*wrong.* asks for more than it can be given"):
            submit()
    assert all_batches(harness) == []
