"""Between the engine and what waits: large results, what a source remembers, and who hears of an end."""

from __future__ import annotations

from stook.core.retention import Retention
from stook.core.work import Claim, Remember
from stook.engine.blobs import Blobs
from stook.engine.maintenance import Maintenance
from stook.engine.source import LocalSource
from stook.store.blob_folder import BlobFolder
from stook.store.script.retention import drop_past
from tests.contract.batches import policy, send, submit_items, succeed, take_one
from tests.contract.durable import call, errands, parent_waits, remembered, step, suspended

LARGE = b'"' + b"x" * 100_000 + b'"'


async def claimed(source, *tasks):
    return (await source.claim(Claim("w", tasks, 10, idle=True))).slices


async def test_a_large_result_reaches_the_parent_whole(store, tmp_path):
    source = LocalSource(store.store, Blobs(BlobFolder(tmp_path / "blobs")))
    await parent_waits(store, call("small"), call("large", policy=policy(retention=Retention(0, 0))))
    for one in await claimed(source, "child"):
        results = [LARGE if b"large" in one.payload else b"0"] * len(one.offsets)
        assert not (await source.settle([succeed(one, results=results)])).lost
    await errands(store)
    (one,) = await claimed(source, "t")
    assert remembered(one) == {"small": 0, "large": "x" * 100_000}
    assert one.memo_blobs == ()
    store.clock.advance(10_000)
    assert await store.write(drop_past) == 0, "its result is a parent's memo"


async def test_a_large_result_that_is_lost_is_an_error_of_the_child(store, tmp_path):
    blobs = BlobFolder(tmp_path / "blobs")
    source = LocalSource(store.store, Blobs(blobs))
    await parent_waits(store, call("large"))
    (child,) = await claimed(source, "child")
    await source.settle([succeed(child, results=[LARGE])])
    await errands(store)
    await blobs.drop(child.batch_id)
    (one,) = await claimed(source, "t")
    error = remembered(one)["large"]
    assert (error.kind, "StoreError" in error.type) == ("failed", True)


async def test_maintenance_hears_of_a_childs_end_at_once(store, tmp_path, monkeypatch):
    """It sleeps for a minute, and nothing else would wake it."""
    batch_id = await parent_waits(store, call("c"))
    child = await take_one(store, tasks=("child",))
    maintenance = Maintenance(store.store, Blobs(BlobFolder(tmp_path / "blobs")), "default")
    monkeypatch.setattr("stook.engine.maintenance.LONGEST", 60.0)
    await maintenance.start()
    try:
        mark = store.store.mark()
        await send(store, succeed(child))
        assert await store.store.wait(("task:t",), 30.0, mark)
        assert (await take_one(store)).batch_id == batch_id
    finally:
        await maintenance.stop()


async def test_a_source_remembers(store, tmp_path):
    source = LocalSource(store.store, Blobs(BlobFolder(tmp_path / "blobs")))
    await submit_items(store, 1)
    one = await take_one(store)
    assert await source.remember(
        [Remember(one.token, one.batch_id, 0, [step("a")]), Remember(1, one.batch_id, 0, [])]
    ) == [1]
    await send(store, suspended(one))
    assert remembered(await take_one(store)) == {"a": 1}
