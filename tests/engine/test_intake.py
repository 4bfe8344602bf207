"""Items become chunks and come back byte for byte, whatever their sizes and wherever an intake broke off."""

from __future__ import annotations

import asyncio

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stook.core.chunk import MAX_BYTES, MAX_ITEMS, item_at, starts_of
from stook.core.errors import StoreFull
from stook.core.picks import unpack
from stook.engine.blobs import Blobs
from stook.engine.intake import BITE_BYTES, BITE_ITEMS, Chunker, Intake
from stook.store.script.submit import Appended

INLINE = 1000


class Drawer:
    """A blob store in memory."""

    def __init__(self):
        self.bodies = {}

    async def put(self, batch_id, name, body):
        self.bodies[batch_id, name] = body

    async def get(self, batch_id, name):
        return self.bodies[batch_id, name]


class Notebook:
    """A store that keeps what is appended, as the verb promises: in order, without gaps."""

    def __init__(self, *, fails_at=None):
        self.chunks = []
        self.options = []
        self.fails_at = fails_at
        self.under_way = 0
        self.most = 0

    async def write(self, verb, batch_id, chunks, **options):
        assert verb.__name__ == "append"
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        await asyncio.sleep(0)
        self.under_way -= 1
        if len(self.options) == self.fails_at:
            self.fails_at = None
            raise StoreFull("no room")
        total = sum(chunk.count for chunk in self.chunks)
        assert options["at"] == total
        self.options.append(options)
        self.chunks += chunks
        existing = [
            (offset, b"h" * 16, 7)
            for offset, key in enumerate(key for chunk in chunks for key in chunk.dedupe or ())
            if key == "held"
        ]
        return Appended(total + sum(chunk.count for chunk in chunks), existing)


async def contents(blobs, chunks):
    found = []
    for chunk in chunks:
        places = starts_of(chunk.starts)
        referenced = set(unpack(chunk.blobs)) if chunk.blobs else set()
        for offset in range(chunk.count):
            item = item_at(chunk.payloads, places, offset)
            found.append(await blobs.get(b"b" * 16, item) if offset in referenced else item)
    return found


def item(size, number):
    """Its bytes tell it from others of the same size."""
    text = b'"%d.' % number
    return text + b"x" * max(0, size - len(text) - 1) + b'"'


sizes = st.lists(st.one_of(st.integers(2, 80), st.integers(2, 3 * INLINE), st.sampled_from([MAX_BYTES])), max_size=60)


@given(sizes, st.integers(0, 600), st.booleans())
def test_any_sizes_come_back_in_chunks_within_their_limits(drawn, repeated, keyed):
    items = [item(size, number) for number, size in enumerate([*drawn, *[5] * repeated])]
    keys = [f"k{number}" for number in range(len(items))] if keyed else None

    async def main():
        blobs = Blobs(Drawer(), inline=INLINE)
        chunks = await Chunker(blobs, b"b" * 16).cut(items, keys, keys)
        assert await contents(blobs, chunks) == items
        assert [key for chunk in chunks for key in chunk.keys or ()] == (keys or [])
        assert [key for chunk in chunks for key in chunk.dedupe or ()] == (keys or [])
        for chunk in chunks:
            assert 1 <= chunk.count <= MAX_ITEMS
            assert len(chunk.payloads) - chunk.count - 1 <= MAX_BYTES
            assert len(msgspec.json.decode(chunk.payloads)) == chunk.count
        fewest = -(-len(items) // MAX_ITEMS)
        light = sum(len(one) for one in items if len(one) <= INLINE) + 100 * len(items)
        assert fewest <= len(chunks) <= fewest + light // (MAX_BYTES // 2)

    asyncio.run(main())


def test_an_inline_payload_larger_than_a_chunk_stands_alone():
    async def main():
        blobs = Blobs(Drawer(), inline=2 * MAX_BYTES)
        chunks = await Chunker(blobs, b"b" * 16).cut([b"1", item(MAX_BYTES + 1, 1), b"2"])
        assert [chunk.count for chunk in chunks] == [1, 1, 1]

    asyncio.run(main())


@given(
    st.lists(st.integers(1, 700), min_size=1, max_size=30),
    st.integers(0, 5000),
    st.booleans(),
)
def test_an_intake_goes_on_at_any_item(blocks, cut, keyed):
    """The second intake is given everything again, in other blocks, and begins where the first had come to."""
    count = sum(blocks)
    items, at = [b"%d" % number for number in range(count)], min(cut, count)
    keys = [f"k{number}" for number in range(count)] if keyed else None

    async def main():
        store, blobs = Notebook(), Blobs(Drawer())
        first = Intake(store, blobs, b"b" * 16)
        await first.add(items[:at], keys and keys[:at])
        await first.finish()
        second = Intake(store, blobs, b"b" * 16, at=at)
        done = 0
        for size in blocks:
            await second.add(items[done : done + size], keys and keys[done : done + size])
            done += size
        await second.finish()
        assert await contents(blobs, store.chunks) == items
        assert [key for chunk in store.chunks for key in chunk.keys or ()] == (keys or [])

    asyncio.run(main())


def test_it_goes_out_in_bites_one_after_the_other():
    async def main():
        store, blobs = Notebook(), Blobs(Drawer())
        intake = Intake(store, blobs, b"b" * 16, run_at=5, expires_at=6)
        await intake.add([b"1"] * (3 * BITE_ITEMS + 1))
        assert len(store.options) >= 2
        await intake.finish()
        assert [one["at"] for one in store.options] == [0, BITE_ITEMS, 2 * BITE_ITEMS, 3 * BITE_ITEMS]
        assert {(one["run_at"], one["expires_at"]) for one in store.options} == {(5, 6)}
        assert store.most == 1

    asyncio.run(main())


def test_large_items_go_out_by_their_bytes():
    async def main():
        store = Notebook()
        intake = Intake(store, Blobs(Drawer()), b"b" * 16)
        body = item(BITE_BYTES // 100, 0)
        for _ in range(250):
            await intake.add([body])
        await intake.finish()
        assert [sum(chunk.count for chunk in store.chunks), len(store.options)] == [250, 3]

    asyncio.run(main())


def test_an_append_that_failed_is_heard_and_nothing_follows_it():
    async def main():
        store = Notebook(fails_at=1)
        intake = Intake(store, Blobs(Drawer()), b"b" * 16)
        await intake.add([b"1"] * (2 * BITE_ITEMS))
        with pytest.raises(StoreFull):
            await intake.finish()
        await intake.drop()
        await intake.finish()
        assert sum(chunk.count for chunk in store.chunks) == BITE_ITEMS

    asyncio.run(main())


def test_items_whose_key_is_held_are_named_by_their_place_in_the_input():
    async def main():
        intake = Intake(Notebook(), Blobs(Drawer()), b"b" * 16)
        keys = ["held" if number in (3, BITE_ITEMS + 5) else None for number in range(2 * BITE_ITEMS)]
        await intake.add([b"1"] * len(keys), None, keys)
        await intake.finish()
        assert [place for place, _, _ in intake.existing] == [3, BITE_ITEMS + 5]

    asyncio.run(main())


def test_nothing_given_is_nothing_written():
    async def main():
        store = Notebook()
        intake = Intake(store, Blobs(Drawer()), b"b" * 16)
        await intake.add([])
        await intake.finish()
        assert store.options == []

    asyncio.run(main())
