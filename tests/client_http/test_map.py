"""`client.map`: lists, iterables, files and frames arrive whole, once, with keys and errors as in-process."""

from __future__ import annotations

import asyncio
import gzip
import json
from datetime import UTC, datetime, timedelta

import pytest

import stook
from stook.client import pieces, submission
from stook.core.errors import DuplicateKeys, InputError, KeyConflict, NotFound, OptionError, PayloadError


def inputs(batch):
    return [result.input for result in batch.results()]


def keys(batch):
    return [result.key for result in batch.results()]


@pytest.fixture
def small_pieces(monkeypatch):
    """A few items make a piece, and a few make a list too long for one body."""
    monkeypatch.setattr(pieces, "ITEMS", 10)
    monkeypatch.setattr(submission, "SMALL", 5)


def test_a_list_in_one_body(client):
    rows = [{"id": "a", "n": 1}, {"id": "b", "n": 2.50, "s": "\ud800"}, {"id": "c", "n": 10**30}]
    at = datetime.now(UTC) + timedelta(hours=1)
    batch = client.map(
        "t", rows, key="id", name="rows", priority=3, max_concurrency=50, deadline=7200, run_at=at, metadata={"x": "ü"}
    )
    assert isinstance(batch, stook.Batch)
    assert inputs(batch) == rows
    assert keys(batch) == ["a", "b", "c"]
    view = batch.show()
    assert (view.name, view.priority, view.max_concurrency, view.metadata) == ("rows", 3, 50, '{"x":"ü"}')
    assert (view.counters.scheduled, view.counters.total, view.state.value) == (3, 3, "queued")
    assert view.deadline_at is not None
    assert view.created_at > 1_700_000_000_000_000


def test_no_items_are_a_batch_that_has_ended(client):
    assert client.map("t", []).wait(5).state.value == "succeeded"
    assert client.map("t", iter([])).wait(5).state.value == "succeeded"


def test_keys_by_a_function_and_by_a_dotted_field(client):
    rows = [{"o": {"id": 1}}, {"o": {"id": 2}}]
    assert keys(client.map("t", rows, key="o.id")) == ["1", "2"]
    assert keys(client.map("t", rows, key=lambda row: row["o"]["id"] * 10)) == ["10", "20"]
    with pytest.raises(DuplicateKeys, match="key 'x' is already used by item 0") as caught:
        client.map("t", rows, key=lambda _: "x")
    assert caught.value.pairs == [("x", 1, 0)]
    with pytest.raises(InputError, match="item 1: no key"):
        client.map("t", [1, 2], key=lambda one: "a" if one == 1 else None)


def test_an_iterable_goes_piece_by_piece(client, small_pieces):
    batch = client.map("t", ({"id": number, "text": "a\nb"} for number in range(57)), key="id", name="long")
    assert inputs(batch) == [{"id": number, "text": "a\nb"} for number in range(57)]
    assert keys(batch) == [str(number) for number in range(57)]
    assert batch.show().sealed_at is not None
    assert keys(client.map("t", iter(range(25)), key=lambda one: f"k{one}")) == [f"k{one}" for one in range(25)]
    assert inputs(client.map("t", list(range(23)))) == list(range(23))


def test_an_async_iterable(served, small_pieces):
    async def rows():
        for number in range(33):
            yield number

    async def run():
        async with stook.AsyncClient(served.url, key=served.secret) as client:
            batch = await client.map("t", rows())
            assert isinstance(batch, stook.AsyncBatch)
            assert [result.input async for result in batch.results()] == list(range(33))
            again = await client.map("t", range(3))
            assert [result.input async for result in again.results()] == [0, 1, 2]

    asyncio.run(run())


def test_an_async_iterable_is_refused_where_no_loop_is(client):
    async def rows():
        yield 1

    with pytest.raises(InputError, match=r"needs an event loop \(use stook.AsyncClient\)"):
        client.map("t", rows())


@pytest.mark.parametrize("ending", ["jsonl", "ndjson.gz", "csv"])
def test_a_file_is_sent_as_it_is(client, tmp_path, ending):
    path = tmp_path / f"rows.{ending}"
    lines = b"".join(b'{"id": %d, "n": 1.50}\n' % number for number in range(3000))
    if ending == "csv":
        lines = b"id,n\n" + b"".join(b"%d,1.50\n" % number for number in range(3000))
    path.write_bytes(gzip.compress(lines) if ending.endswith("gz") else lines)
    batch = client.map("t", path if ending == "csv" else str(path), key="id", name="file", metadata={"a": 1})
    assert [str(one["id"]) for one in inputs(batch)] == [str(number) for number in range(3000)]
    assert keys(batch)[-1] == "2999"
    assert (batch.show().name, json.loads(batch.show().metadata)) == ("file", {"a": 1})


def test_a_file_from_coroutines(served, tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b"".join(b"%d\n" % number for number in range(500_000)))

    async def run():
        async with stook.AsyncClient(served.url, key=served.secret) as client:
            return (await (await client.map("t", path)).show()).counters.total

    assert asyncio.run(run()) == 500_000


def test_files_that_cannot_be_sent(client, tmp_path):
    with pytest.raises(InputError, match=r"no\.csv: cannot be read: No such file"):
        client.map("t", tmp_path / "no.csv")
    with pytest.raises(OptionError, match=r"rows\.xlsx: cannot tell the format"):
        client.map("t", tmp_path / "rows.xlsx")
    (tmp_path / "bad.jsonl").write_bytes(b'{"a":1}\n{"a":}\n')
    with pytest.raises(PayloadError, match=r"body:2.*JSON") as caught:
        client.map("t", tmp_path / "bad.jsonl")
    assert caught.value.index == 1
    assert list(client.batches()) == []


def test_a_bad_item_of_a_list_leaves_nothing(client, served):
    with pytest.raises(PayloadError, match="item 2"):
        client.map("t", [1, 2, float("nan")])
    with pytest.raises(NotFound, match=f"{served.url}: .*nothing"):
        client.map("nothing", [1])
    for wrong, what in (({"a": 1}, "a dict is one value"), (b"x", "a bytes is one"), (3, "an int is one value")):
        with pytest.raises(InputError, match=what):
            client.map("t", wrong)
    with pytest.raises(OptionError, match="did you mean max_concurrency"):
        client.map("t", [1], max_concurency=3)
    with pytest.raises(OptionError, match="has no time zone"):
        client.map("t", [1], run_at=datetime(2030, 1, 1))
    with pytest.raises(OptionError, match="name"):
        client.map("t", [1], name="x" * 1000)
    assert list(client.batches()) == []


def test_a_bad_item_far_down_the_stream_cancels_what_was_submitted(client, small_pieces):
    def rows():
        yield from range(35)
        raise KeyError("the source is gone")

    with pytest.raises(KeyError, match="the source is gone"):
        client.map("t", rows())
    (view,) = client.batches()
    assert view.state.value == "cancelled"
    assert 0 < view.counters.total < 35
    assert "the source is gone" in view.reason
    with pytest.raises(PayloadError, match="item 31"):
        client.map("t", iter([*range(31), float("inf")]))
    with pytest.raises(InputError, match="item 24") as caught:
        client.map("t", iter([{"id": one} if one != 24 else {} for one in range(30)]), key="id")
    assert caught.value.index == 24
    with pytest.raises(DuplicateKeys) as twice:
        client.map("t", iter([{"id": one % 21} for one in range(30)]), key="id")
    assert twice.value.index == 21


def test_a_source_that_fails_at_once_leaves_nothing(client, small_pieces):
    with pytest.raises(PayloadError):
        client.map("t", iter([float("nan")]))
    assert list(client.batches()) == []


@pytest.mark.parametrize("make", [list, iter], ids=["list", "stream"])
def test_an_idempotency_key_is_one_batch(client, small_pieces, make):
    first = client.map("t", make(list(range(25))), idempotency_key="nightly ü")
    again = client.map("t", make(list(range(25))), idempotency_key="nightly ü")
    assert first.id == again.id
    assert client.batch("nightly ü").id == first.id
    for other in ([*range(24), "x"], list(range(24)), list(range(26))):
        with pytest.raises((KeyConflict, stook.StookError)) as caught:
            client.map("t", make(other), idempotency_key="nightly ü")
        assert caught.value.code in ("key_conflict", "conflict"), caught.value
    assert inputs(first) == list(range(25))
    assert first.show().state.value == "queued"


@pytest.mark.parametrize("make", [list, iter, "file"], ids=["list", "stream", "file"])
def test_dedupe_keys_under_an_idempotency_key(client, small_pieces, make, tmp_path):
    """What is left out is known when it is sent again."""
    rows = [{"d": str(number), "id": number} for number in range(25)]
    client.map("t", rows[3:5], dedupe_key="d")

    def send(items):
        if make != "file":
            return client.map("t", make(items), key="id", dedupe_key="d", idempotency_key="k")
        path = tmp_path / "rows.jsonl"
        path.write_text("".join(json.dumps(one) + "\n" for one in items))
        return client.map("t", path, key="id", dedupe_key="d", idempotency_key="k")

    first = send(rows)
    assert inputs(first) == [*rows[:3], *rows[5:]]
    assert send(rows).id == first.id
    assert first.show().counters.total == 23
    with pytest.raises((KeyConflict, stook.StookError)) as caught:
        send([*rows[:4], {"d": "4", "id": "other"}, *rows[5:]])
    assert caught.value.code in ("key_conflict", "conflict"), caught.value


def test_dedupe_leaves_out_what_is_under_way(client, small_pieces):
    rows = [{"d": str(number)} for number in range(3)]
    client.map("t", rows[:2], dedupe_key="d")
    assert inputs(client.map("t", rows, dedupe_key="d")) == rows[2:]
    with pytest.raises(OptionError, match="is no field's name"):
        client.map("t", rows, dedupe_key=str)
