"""Python values as blocks."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import tracemalloc
from itertools import count, islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stook.core.errors import InputError, PayloadError, PayloadTooLarge
from stook.files.block import BLOCK_BYTES, BLOCK_ITEMS
from stook.files.iterate import async_blocks, blocks


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


async def trickle(values):
    for value in values:
        await asyncio.sleep(0)
        yield value


async def gathered(found):
    return [block async for block in found]


def either_way(values, **options):
    """The blocks of an iterable, after checking that an async iterable gives the same."""
    one = list(blocks(iter(values), **options))
    other = asyncio.run(gathered(async_blocks(trickle(values), **options)))
    assert one == other
    return one


@given(st.lists(st.integers() | st.text(max_size=3), max_size=200), st.integers(0, 10**9))
def test_every_value_comes_once_and_in_order(values, start):
    found = either_way(values, start_index=start, clock=Clock())
    assert [json.loads(one) for block in found for one in block.payloads] == values
    assert [line for block in found for line in block.lines] == list(range(start + 1, start + 1 + len(values)))
    assert all(block.payloads and block.keys is None for block in found)


def test_blocks_grow_to_their_size_and_no_further():
    sizes = [len(block.payloads) for block in either_way(range(20_000), clock=Clock())]
    assert sizes[:4] == [1, 2, 4, 8]
    assert max(sizes) == BLOCK_ITEMS
    large = [sum(map(len, block.payloads)) for block in either_way(["x" * 10_000] * 200, clock=Clock())]
    assert max(large) <= BLOCK_BYTES + 10_002


def test_a_slow_producer_is_not_waited_for():
    clock = Clock()

    def rows():
        yield from range(3000)
        for number in count():
            clock.now += 0.02
            yield number

    late = [len(block.payloads) for block in islice(blocks(rows(), clock=clock), 30)][-10:]
    assert all(1 <= size <= 5 for size in late)  # 20 ms each, 50 ms together, doubling now and then


def test_only_what_a_block_needs_is_taken():
    rows = iter(range(100))
    found = blocks(rows, clock=Clock())
    next(found)
    assert next(rows) == 1


@dataclasses.dataclass
class Row:
    id: int
    name: str


def test_keys_from_a_field_or_a_function():
    rows = [Row(1, "a"), Row(2, "b"), Row(3, "c")]
    by_field = either_way(rows, key="id", clock=Clock())
    by_function = either_way(rows, key=lambda row: row.name, clock=Clock())
    assert [key for block in by_field for key in block.keys] == ["1", "2", "3"]
    assert [key for block in by_function for key in block.keys] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("culprit", "options", "kind", "words"),
    [
        (float("nan"), {}, PayloadError, "item 105: $: NaN is not JSON"),
        (object(), {}, PayloadError, "item 105: $: object is not JSON"),
        ("x" * 99, {"max_item_bytes": 100}, PayloadTooLarge, "item 105: 101 bytes of JSON, the limit is 100"),
        ({"a": 1}, {"key": "id"}, InputError, "item 105: no key: the field 'id' is missing"),
        ({"id": 0}, {"key": lambda row: row["id"] or None}, InputError, "the key function returned is null"),
    ],
)
def test_errors_name_the_item(culprit, options, kind, words):
    with pytest.raises(kind) as caught:
        list(blocks([*({"id": n} for n in range(1, 6)), culprit], start_index=100, **options))
    assert words in str(caught.value)
    assert caught.value.index == 105


@pytest.mark.parametrize("single", ["text", b"bytes", {"a": 1}])
def test_one_value_is_not_many(single):
    with pytest.raises(InputError, match="is one value, not many"):
        next(blocks(single))


def test_the_producers_own_errors_pass_through():
    def rows():
        yield 1
        raise LookupError("theirs")

    with pytest.raises(LookupError, match="theirs"):
        list(blocks(rows()))


def test_memory_is_flat():
    tracemalloc.start()
    try:
        for block in blocks("x" * 1000 for _ in range(30_000)):
            assert block.payloads
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 1 << 20
