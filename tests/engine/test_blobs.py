"""Large payloads and results lie apart, byte for byte, and are seen by handlers and readers as if they did not."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path

import pytest

from stook import RetryPolicy
from stook.core.chunk import starts_of
from stook.core.errors import ConfigError, PayloadTooLarge, StoreError, StoreUnavailable
from stook.core.picks import unpack
from stook.engine.blobs import Blobs
from stook.engine.intake import Chunker
from stook.store.blob_folder import BlobFolder

LARGE = "ä\0\ud800" * 40_000
"""Characters that not every text column holds."""


def test_large_bodies_come_back_exactly(harness_on_either):
    harness, seen = harness_on_either, {}

    @harness.app.task
    async def turn(item: dict) -> dict:
        seen[item["n"]] = item["text"]
        return {"text": item["text"][::-1]}

    texts = {0: "small", 1: LARGE, 2: "", 3: LARGE + "!", 4: "x" * 70_000}
    batch = turn.map([{"n": n, "text": text} for n, text in texts.items()], key="n")
    single = turn.submit({"n": 5, "text": LARGE + "?"})
    assert [result.input["text"] for result in batch.results()] == list(texts.values())
    harness.run_until_idle()
    assert seen == texts | {5: LARGE + "?"}
    turned = [text[::-1] for text in texts.values()]
    assert [result.value["text"] for result in batch.results()] == turned
    assert {result.index: result.value["text"] for result in batch.as_completed()} == dict(enumerate(turned))
    assert batch.result(key="3").value["text"] == turned[3]
    assert batch.result(index=1).input == {"n": 1, "text": LARGE}
    assert single.result()["text"] == (LARGE + "?")[::-1]


def test_large_results_of_failed_and_retried_neighbours(harness_on_either):
    harness = harness_on_either

    @harness.app.task(max_attempts=1)
    async def sometimes(n: int) -> str:
        if n % 2 and harness.broken:
            raise ValueError(n)
        return str(n) * 100_000

    harness.broken = True
    batch = sometimes.map(range(6))
    harness.run_until_idle()
    harness.broken = False
    batch.retry()
    harness.run_until_idle()
    assert [result.value for result in batch.results()] == [str(n) * 100_000 for n in range(6)]


def blob_names(harness, batch):
    session, portal = harness.app.opened()
    view = batch.show()
    if session.settings.url.startswith("sqlite"):
        folder = Path(f"{session.store.path}.blobs") / view.id.hex()
        return sorted(path.name for path in folder.iterdir()) if folder.exists() else []
    return portal.call(rows(session, view.id))


async def rows(session, batch_id):
    import asyncpg

    connection = await asyncpg.connect(session.settings.url)
    try:
        found = await connection.fetch("select name from stook.blob where batch_id = $1 order by name", batch_id)
    finally:
        await connection.close()
    return [row[0] for row in found]


def test_they_go_with_their_batch(harness_on_either):
    harness = harness_on_either
    echo = harness.app.task("echo")(lambda text: text)
    batch, kept = echo.map(["small", LARGE]), echo.map([LARGE])
    harness.run_until_idle()
    view = batch.show()
    payload, result = blob_names(harness, batch)
    assert payload == "p1"
    assert result.endswith("-1")
    batch.delete()
    session, portal = harness.app.opened()
    portal.call(session.purge())
    batch.show = lambda: view
    assert blob_names(harness, batch) == []
    assert [one.value for one in kept.results()] == [LARGE]


def test_what_lies_at_the_threshold_stays_in_its_row(harness, monkeypatch):
    echo = harness.app.task("echo")(lambda text: text)
    batch = echo.map(["x" * (64 * 1024 - 2), "x" * (64 * 1024 - 1)])
    assert blob_names(harness, batch) == ["p1"]
    harness.run_until_idle()
    assert len(blob_names(harness, batch)) == 2


def damage(harness, batch, name, content):
    session, _ = harness.app.opened()
    path = Path(f"{session.store.path}.blobs") / batch.show().id.hex() / name
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content)


@pytest.mark.parametrize("content", [b'"xx"', None], ids=["changed", "gone"])
def test_a_damaged_payload_fails_its_item_and_no_other(harness, content):
    ran = []
    echo = harness.app.task("echo", retry=RetryPolicy(backoff="fixed", base=15))(ran.append)
    items = ["small", LARGE, LARGE + "!", "last"]
    batch = echo.map(items)
    damage(harness, batch, "p1", content)
    for _ in range(3):
        harness.run_until_idle()
        harness.clock.advance(15)
    assert ran == ["small", LARGE + "!", "last"]
    view = batch.show()
    assert (view.state.value, view.counters.failed, view.losses) == ("partially_failed", 1, 0)
    (group,) = batch.failures
    assert (group.code, group.failed, group.attempts) == ("payload_lost", 1, 3)
    with pytest.raises(StoreError):
        list(batch.results())


def test_a_slice_of_nothing_but_damaged_payloads(harness):
    ran = []
    echo = harness.app.task("echo", max_attempts=1)(ran.append)
    batch = echo.map([LARGE])
    damage(harness, batch, "p0", b"")
    harness.run_until_idle()
    assert ran == []
    assert batch.show().state.value == "failed"


def test_a_payload_that_returns_runs_with_the_next_attempt(harness):
    ran = []
    echo = harness.app.task("echo")(ran.append)
    batch = echo.map([LARGE])
    session, _ = harness.app.opened()
    path = Path(f"{session.store.path}.blobs") / batch.show().id.hex() / "p0"
    away = path.rename(path.with_name("away"))
    harness.run_until_idle()
    assert batch.show().counters.scheduled == 1
    away.rename(path)
    harness.clock.advance(15)
    harness.run_until_idle()
    assert ran == [LARGE]


def test_a_damaged_result_is_noticed(harness):
    echo = harness.app.task("echo")(lambda text: text)
    batch = echo.map([LARGE])
    harness.run_until_idle()
    (name,) = [name for name in blob_names(harness, batch) if name.startswith("r")]
    damage(harness, batch, name, b'"other"')
    said = rf"batch {batch.id}: blob {name} does not match its hash: it was changed or damaged \(restore it"
    for look in (lambda: list(batch.results()), lambda: batch.result(index=0), lambda: list(batch.as_completed())):
        with pytest.raises(StoreError, match=said):
            look()


def test_a_store_that_is_away_is_no_lost_payload(harness, monkeypatch):
    """Nobody knows yet: the worker is told, the item keeps its attempts."""
    echo = harness.app.task("echo")(lambda text: text)
    batch = echo.map([LARGE])
    session, _portal = harness.app.opened()

    async def get(*_):
        raise StoreUnavailable("away")

    monkeypatch.setattr(session.engine.blobs.store, "get", get)
    with pytest.raises(StoreUnavailable):
        harness.crash_worker()
    monkeypatch.undo()
    harness.clock.advance(61)
    harness.run_until_idle()
    assert batch.result(index=0).attempts == 1
    assert batch.show().counters.succeeded == 1


def test_a_result_over_the_limit_fails_its_item_alone(harness, monkeypatch):
    session, _ = harness.app.opened()
    monkeypatch.setattr(session.engine.blobs, "most", 150_000)
    grow = harness.app.task("grow", max_attempts=1)(lambda size: "x" * size)
    batch = grow.map([10, 200_000, 100_000])
    harness.run_until_idle()
    assert [result.state for result in batch.results()] == ["succeeded", "failed", "succeeded"]
    assert "200002 bytes of JSON, the limit is 150000" in batch.failures[0].message


# ------------------------------------------------------------------------------------------------------------- alone


def test_a_reference_is_json_and_says_what_it_stands_for(tmp_path):
    async def main():
        blobs = Blobs(BlobFolder(tmp_path), inline=4, most=8)
        reference = await blobs.put(b"b" * 16, "p0", b"12345678")
        assert reference == b'["p0",8,"%s"]' % hashlib.sha256(b"12345678").hexdigest().encode()
        assert await blobs.get(b"b" * 16, reference) == b"12345678"
        with pytest.raises(PayloadTooLarge, match="item 3: 9 bytes of JSON, the limit is 8"):
            await blobs.put(b"b" * 16, "p3", b"123456789", index=3)
        (chunk,) = await Chunker(blobs, b"b" * 16, 10).cut([b"1", b"12345", b"1234"])
        assert list(unpack(chunk.blobs)) == [1]
        places = starts_of(chunk.starts)
        assert chunk.payloads[places[1] : places[2] - 1].startswith(b'["p11",5,')

    asyncio.run(main())


def test_nothing_is_written_for_a_payload_that_is_refused(harness):
    session, _ = harness.app.opened()
    echo = harness.app.task("echo")(lambda text: text)
    with pytest.raises((PayloadTooLarge, ConfigError)):
        echo.map([LARGE, "x" * 5_000_000])
    assert not Path(f"{session.store.path}.blobs").exists()
