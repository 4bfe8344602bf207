"""What a submission with dedupe keys has consumed is compared with what is sent again, from any place in any pieces."""

from __future__ import annotations

from collections import Counter

import pytest

from stook.core.errors import KeyConflict
from stook.core.policy import TaskPolicy
from stook.engine.blobs import Blobs
from stook.engine.options import Block, Options, behind
from stook.engine.receiving import Contended, OffsetMismatch, Received, Receiving
from stook.engine.recorded import Recorded
from stook.engine.service import Engine
from stook.store.blob_rows import BlobRows
from stook.store.script.delete import delete, purge
from stook.store.script.submit import append, create_batch
from tests.contract.batches import batch_of, chunked, drain, new_batch, payloads, submit_items

COUNT = 18_000
HELD = 4


@pytest.fixture
def engine(store):
    return Engine(store, Blobs(BlobRows(store), inline=50_000), project="default")


def block(count, *, changed=None, mark=None, start=0, key=None):
    """`changed` is the index of an item that is another one; `mark` has another dedupe key, `key` another id."""
    items = payloads(count)
    if changed is not None:
        items[changed] = b"[]"
    marks = [f"d{index}" if index != mark else "other" for index in range(count)]
    keys = [f"k{index}" if index != key else "other" for index in range(count)]
    return behind(Block(items, keys, marks), start)


async def pieces(whole, size):
    for at in range(0, len(whole.payloads), size):
        yield Block(whole.payloads[at : at + size], whole.keys[at : at + size], whole.dedupe[at : at + size])


async def cut_at(whole, count, size=1000):
    async for piece in pieces(behind(whole, 0), size):
        if count <= 0:
            raise ConnectionResetError
        count -= size
        yield piece


async def held(store):
    await submit_items(store, HELD, dedupe=[f"d{index}" for index in range(HELD)])


def receive(engine, blocks, *, sealed=True):
    return Receiving(engine).stream("t", TaskPolicy(), blocks, Options(key="k"), sealed=sealed)


@pytest.mark.parametrize("stop", [0, 17_000])
async def test_a_cut_stream_goes_on_behind_what_it_consumed(store, engine, stop):
    await held(store)
    with pytest.raises(ConnectionResetError):
        await receive(engine, cut_at(block(COUNT), stop))
    created = await receive(engine, pieces(block(COUNT), 777))
    batch = await batch_of(store, created.batch_id)
    assert (batch.consumed, batch.total, batch.sealed_at is not None) == (COUNT, COUNT - HELD, True)
    for size in (333, 50_000):
        again = await receive(engine, pieces(block(COUNT), size))
        assert (again.batch_id, again.created) == (created.batch_id, False)


@pytest.mark.parametrize("what", ["changed", "mark", "key"])
@pytest.mark.parametrize("index", [0, 512, 17_999])
async def test_other_content_is_named_by_its_first_item(store, engine, what, index):
    await held(store)
    await receive(engine, pieces(block(COUNT), 1000))
    with pytest.raises(KeyConflict, match=f"item {index} is another one") as caught:
        await receive(engine, pieces(block(COUNT, **{what: index}), 1000))
    assert caught.value.index == index


async def test_large_items_are_compared_as_they_were_sent(store, engine):
    large = Block([b'"' + b"x" * 100_000 + b'"', b"1"], None, ["a", "b"])

    async def once(given):
        yield given

    first = await receive(engine, once(large))
    assert (await receive(engine, once(large))).batch_id == first.batch_id
    with pytest.raises(KeyConflict, match="item 0 "):
        await receive(engine, once(Block([b'"' + b"y" * 100_000 + b'"', b"1"], None, ["a", "b"])))


async def test_appends_are_compared_from_any_offset(store, engine):
    await held(store)
    new = new_batch(store)
    await store.write(create_batch, new)
    receiving = Receiving(engine)

    async def sent(start, stop, **options):
        return await receiving.append(new.id, start, pieces(block(stop, start=start, **options), 999), Options())

    assert await sent(0, 700) is None
    assert await sent(300, 1500) is None
    assert (await batch_of(store, new.id)).consumed == 1500
    assert await sent(600, 650) is None
    assert await sent(600, 650, changed=620) == OffsetMismatch(1500, 620)
    assert await sent(1501, 1502) == OffsetMismatch(1500)


async def test_without_a_key_or_dedupe_keys_nothing_is_kept(store, engine):
    await store.write(create_batch, new := new_batch(store))
    await store.write(append, new.id, chunked(payloads(3)))
    assert store.statements["insert_consumed_block"] == 0

    async def once(given):
        yield given

    await receive(engine, once(Block(payloads(3), ["a", "b", "c"])))
    await Receiving(engine).stream("t", TaskPolicy(), once(block(3)), Options())
    assert await store.tables.fetch("select * from consumed_block") == [[]]


async def test_of_two_at_once_one_is_asked_to_come_again(store, engine):
    """A client that was cut off sends again while its first request is still worked on."""
    items, ends = payloads(COUNT), []

    async def sliced(size, stop=COUNT, overtaken_at=None):
        for start in range(0, stop, size):
            if start == overtaken_at:
                ends.append(await receive(engine, sliced(900, stop=start + 100), sealed=False))
            yield Block(items[start : min(start + size, stop)], None, None)

    ends.append(await receive(engine, sliced(700, overtaken_at=16_800)))
    assert Counter(map(type, ends)) == {Contended: 1, Received: 1}
    found = await receive(engine, sliced(333))
    assert found == Received(ends[0].batch_id, created=False)
    batch = await batch_of(store, found.batch_id)
    assert (batch.total, batch.consumed, batch.sealed_at is not None) == (COUNT, COUNT, True)


async def test_it_goes_with_its_batch(store, engine):
    made = await receive(engine, pieces(block(5), 10))
    assert await Recorded(store, made.batch_id).has_digests()
    await drain(store)
    await store.write(delete, made.batch_id)
    while await store.write(purge) is not None:
        pass
    assert await store.tables.fetch("select * from consumed_block") == [[]]
