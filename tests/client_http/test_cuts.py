"""Lines that break: nothing is lost, nothing comes twice."""

from __future__ import annotations

import asyncio
import threading

import pytest

import stook
from stook.client import pieces, submission
from stook.core.errors import ConfigError, StoreUnavailable


def inputs(batch):
    return [result.input for result in batch.results()]


async def echo(number: int) -> int:
    return number


def test_a_stream_of_results_goes_on_where_it_was_cut(client, cut_client, proxy):
    items = [f"item {number} " + "x" * 100 for number in range(5000)]
    batch = client.map("t", items)
    proxy.cut_after(1, 90_000, 200_001, 300, 250_000)
    there = cut_client.batch(batch.id)  # which takes the first of them
    assert inputs(there) == items
    assert proxy.cuts == 5


def test_as_completed_goes_on_where_it_was_cut(served, client, cut_client, proxy):
    """Cut again and again while it runs, and while it reads what has settled long ago."""
    served.know("echo")
    batch = client.map("echo", range(3000))
    there = cut_client.batch(batch.id)
    proxy.cut_all()
    proxy.cut_after(*range(20_000, 20_400, 40), 100, 0, 1000)
    with served.working(echo=echo):
        live = [one.value for one in there.as_completed()]
    assert sorted(live) == list(range(3000))
    assert proxy.cuts >= 10
    proxy.cut_after(50_000, 1, 100_000)
    assert [one.value for one in there.as_completed()] == live


def test_as_completed_survives_cuts_at_any_moment_of_a_running_batch(served, client, cut_client, proxy):
    async def slow(number: int) -> int:
        await asyncio.sleep(0.01)
        return number

    served.know("slow")
    batch = cut_client.map("slow", range(600))
    seen = []
    with served.working(slow=slow):
        for number, one in enumerate(batch.as_completed()):
            seen.append(one.value)
            if number % 60 == 30:
                proxy.cut_all()
    assert sorted(seen) == list(range(600))
    assert proxy.connections > 5


def test_wait_and_follow_survive_cuts(served, client, cut_client, proxy, gate):
    async def gated(number: int) -> int:
        await asyncio.to_thread(gate.event.wait, 20)
        return number

    served.know("gated")
    batch = cut_client.map("gated", [1])
    changes = []
    with served.working(gated=gated):
        for view in batch.follow():
            changes.append(view.state.value)
            if len(changes) < 4:
                proxy.cut_all()
            if view.counters.running:
                gate.open()
        assert batch.wait(20).state.value == "succeeded"
    assert changes[-1] == "succeeded"
    assert proxy.connections > 2


def test_the_answer_of_a_submission_is_lost(client, cut_client, proxy):
    """The server has it; the client hears nothing and sends it again."""
    proxy.cut_after(0, 0, 0)
    batch = cut_client.map("t", list(range(100)))
    assert inputs(batch) == list(range(100))
    assert proxy.cuts == 3
    assert len(list(client.batches())) == 1


def test_a_single_submission_is_made_once(client, cut_client, proxy):
    proxy.cut_after(0, 0)
    first = cut_client.submit("t", 1)
    proxy.cut_all()
    proxy.cut_after(0)
    second = cut_client.submit("t", 2)
    assert first.id != second.id
    assert proxy.cuts == 3
    assert first.show().input == 1


def test_operators_calls_are_made_once(served, client, cut_client, proxy):
    batch = cut_client.map("t", range(10))
    for act in (batch.pause, batch.resume, batch.cancel, batch.delete):
        proxy.cut_all()
        proxy.cut_after(0)
        act()
    assert proxy.cuts == 4
    actions = served.client.get("/api/v1/actions").json()["data"]
    assert sorted(one["kind"] for one in actions) == ["cancel", "delete", "pause", "resume"]


def test_a_file_is_sent_again_and_each_item_is_there_once(client, cut_client, proxy, tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b"".join(b'{"id":%d,"text":"%s"}\n' % (number, b"x" * 50) for number in range(60_000)))
    proxy.cut_sent_after(1_500_000, 100, 3_000_000)
    batch = cut_client.map("t", path, key="id")
    assert proxy.cuts == 3
    assert [one["id"] for one in inputs(batch)] == list(range(60_000))
    assert len(list(client.batches())) == 1


@pytest.mark.parametrize("by_function", [False, True], ids=["field", "function"])
def test_a_streamed_submission_goes_on_where_it_was_cut(client, cut_client, proxy, monkeypatch, by_function):
    monkeypatch.setattr(pieces, "BYTES", 100_000)
    rows = ({"id": number, "text": "x" * 50} for number in range(20_000))
    proxy.cut_sent_after(1000, 300_000, 500, 50_000, 99_000, 250_000)
    proxy.cut_after(0, 600)
    batch = cut_client.map("t", rows, key=(lambda row: str(row["id"])) if by_function else "id")
    assert proxy.cuts == 8
    found = list(batch.results())
    assert [one.input["id"] for one in found] == list(range(20_000))
    assert [one.key for one in found] == [str(number) for number in range(20_000)]
    assert len(list(client.batches())) == 1


def test_an_asynchronous_submission_goes_on_too(served, client, proxy, monkeypatch):
    monkeypatch.setattr(pieces, "BYTES", 50_000)

    async def rows():
        for number in range(10_000):
            yield {"id": number, "text": "x" * 50}

    async def run():
        async with stook.AsyncClient(proxy.url, key=served.secret, retry_seconds=20) as cut_client:
            proxy.cut_sent_after(100, 120_000, 49_000)
            proxy.cut_after(0)
            batch = await cut_client.map("t", rows())
            with served.working(t=lambda row: row["id"]):
                ended = []
                async for one in batch.as_completed():
                    ended.append(one.value)
                    if len(ended) % 1500 == 0:
                        proxy.cut_all()
            return ended

    assert sorted(asyncio.run(run())) == list(range(10_000))
    assert proxy.cuts == 4


def test_another_submission_of_the_same_key_meanwhile_is_the_same_batch(served, client, monkeypatch):
    monkeypatch.setattr(pieces, "ITEMS", 100)
    monkeypatch.setattr(submission, "SMALL", 5)
    found = []

    def send():
        with stook.Client(served.url, key=served.secret) as own:
            found.append(own.map("t", range(5000), idempotency_key="k"))

    threads = [threading.Thread(target=send) for _ in range(3)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len({one.id for one in found}) == 1
    assert inputs(client.batch(found[0].id)) == list(range(5000))


def test_nobody_is_there(served):
    with stook.Client("http://127.0.0.1:9", key="stk_x", retry_seconds=0.3) as client:
        with pytest.raises(StoreUnavailable, match=r"http://127\.0\.0\.1:9: no answer: .*is it running"):
            client.map("t", [1])
        with pytest.raises(StoreUnavailable):
            client.execution("0192f0c1-7b7e-7000-8a2b-3c4d00000000").result()


def test_keys_that_are_not_known(served):
    with (
        stook.Client(served.url, key="stk_x_y") as client,
        pytest.raises(ConfigError, match=f"^{served.url}: .*") as caught,
    ):
        client.map("t", [1])
    assert caught.value.hint
    with served.as_key("read") as http:
        secret = http.headers["authorization"].removeprefix("Bearer ")
    with stook.Client(served.url, key=secret) as client, pytest.raises(ConfigError, match="submit"):
        client.map("t", [1])
