"""stook's own client for batch jobs, in both spellings, and `stook invoke batch`, against a real server."""

from __future__ import annotations

import asyncio
import io
import json
import sys

import pytest

from stook.cli import main
from stook.client.kernel import AsyncKernel, Kernel
from stook.core.errors import ConfigError, Conflict, KeyConflict, NotFound, OptionError, PayloadError
from stook.worker.verdicts import NonRetryable
from tests.docs.pages import examples, said


async def pay(payload):
    if payload == "bad":
        raise NonRetryable("no such account")
    return {"paid": payload}


@pytest.fixture
def key(kernel):
    _, secret = kernel.serving.call(kernel.services.keys.create(kernel.project, "own", ("read", "submit", "operate")))
    return secret


@pytest.fixture
def own(kernel, key):
    with Kernel(base_url=f"{kernel.serving.url}/kernel", api_key=key) as made:
        yield made


@pytest.fixture
def shop(kernel):
    return kernel.deploy("shop", "pay")


ACTION = {"app_name": "shop", "action_name": "pay"}


def texts(*payloads):
    return [json.dumps(one) for one in payloads]


def test_a_batch_from_its_creation_to_its_results(kernel, own, shop):
    made = own.invocations.batch.create(**ACTION, payloads=texts(1, "bad", 3), max_concurrency=2, item_ids=list("abc"))
    assert (made.total_count, made.status, made.max_concurrency) == (3, "queued", 2)
    with kernel.running(shop, pay=pay):
        events = list(own.batch_jobs.follow(made.batch_job_id))
    assert events[0].event == "batch_state"
    last = events[-1]
    assert (last.event, last.batch_job.status, last.batch_job.invocations) == ("batch_state", "partially_failed", None)
    assert all(one.total_count == 3 for one in events if one.event == "batch_progress")
    found = own.batch_jobs.retrieve(made.batch_job_id)
    assert [one.payload for one in found.invocations] == ["1", '"bad"', "3"]
    assert [one.status for one in found.invocations] == ["succeeded", "failed", "succeeded"]
    assert (found.succeeded_count, found.failed_count, found.created_at <= found.finished_at) == (2, 1, True)
    results = list(own.batch_jobs.results(made.batch_job_id))
    assert [(one.index, one.item_id, one.output) for one in results][0::2] == [
        (0, "a", '{"paid":1}'),
        (2, "c", '{"paid":3}'),
    ]
    assert results[1].status_reason
    again = own.batch_jobs.retry(made.batch_job_id)
    assert again.total_count == 1


def test_the_other_spelling_is_the_same(kernel, own, shop):
    made = own.invocations.create_batch(**ACTION, payloads=texts(1))
    with kernel.running(shop, pay=pay):
        last = list(own.batch_jobs.stream_progress(made.batch_job_id))[-1]
    assert last.batch_job.status == "succeeded"
    assert [one.event for one in own.batch_jobs.events.retrieve(made.batch_job_id)] == ["batch_state"]


def test_lists_are_plain(own, shop):
    made = [own.invocations.create_batch(**ACTION, payloads=texts(n)).batch_job_id for n in range(3)]
    assert [one.id for one in own.batch_jobs.list()] == made[::-1]
    assert [one.id for one in own.batch_jobs.list(app_name="shop", status="queued", limit=1, offset=1)] == [made[1]]
    assert own.batch_jobs.list(app_name="another") == []


def test_what_is_cancelled_has_the_output(own, shop):
    made = own.invocations.create_batch(**ACTION, payloads=texts(1, 2))
    own.batch_jobs.cancel(made.batch_job_id, output='"enough"')
    last = list(own.batch_jobs.follow(made.batch_job_id))[-1]
    assert last.batch_job.status == "failed"
    assert {one.output for one in own.batch_jobs.results(made.batch_job_id)} == {'"enough"'}
    with pytest.raises(Conflict):
        own.batch_jobs.cancel(made.batch_job_id)


def test_a_key_is_one_batch(own, shop):
    create = own.invocations.batch.create
    made = create(**ACTION, payloads=texts(1), idempotency_key="k")
    assert create(**ACTION, payloads=texts(1), idempotency_key="k").batch_job_id == made.batch_job_id
    with pytest.raises(KeyConflict):
        create(**ACTION, payloads=texts(2), idempotency_key="k")


def test_what_is_refused_says_what_is_wrong(kernel, own, shop):
    create = own.invocations.batch.create
    with pytest.raises(PayloadError) as wrong:
        create(**ACTION, payloads=["1", "{", "2", "nul"])
    assert (wrong.value.index, "payloads[1]" in f"{wrong.value.message} {wrong.value.hint}") == (1, True)
    with pytest.raises(OptionError):
        create(**ACTION, payloads=[])
    with pytest.raises(NotFound):
        create(app_name="shop", action_name="nothing", payloads=["1"])
    with pytest.raises(NotFound):
        own.batch_jobs.retrieve("nothing")
    with pytest.raises(NotFound):
        next(own.batch_jobs.follow("nothing"))
    assert own.batch_jobs.list() == []
    with Kernel(base_url=own.base_url, api_key="stk_wrong") as stranger, pytest.raises(ConfigError):
        stranger.batch_jobs.list()


def test_awaited_it_is_the_same(kernel, key, shop):
    async def main():
        async with AsyncKernel(base_url=f"{kernel.serving.url}/kernel", api_key=key) as own:
            made = await own.invocations.batch.create(**ACTION, payloads=texts(1, 2))
            last = [one async for one in own.batch_jobs.events.retrieve(made.batch_job_id)][-1]
            outputs = [one.output async for one in own.batch_jobs.results(made.batch_job_id)]
            return last.batch_job.status, outputs, len(await own.batch_jobs.list(limit=5))

    with kernel.running(shop, pay=pay):
        assert asyncio.run(main()) == ("succeeded", ['{"paid":1}', '{"paid":2}'], 1)


def test_the_address_comes_from_the_environment(monkeypatch):
    for name in ("KERNEL_BASE_URL", "KERNEL_API_KEY", "STOOK_SERVER", "STOOK_KEY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ConfigError):
        Kernel()
    monkeypatch.setenv("STOOK_SERVER", "http://stook.test:1/")
    with Kernel() as own:
        assert own.base_url == "http://stook.test:1/kernel"
    monkeypatch.setenv("KERNEL_BASE_URL", "http://kernel.test:1/k")
    with Kernel() as own:
        assert own.base_url == "http://kernel.test:1/k"


def test_the_page_says_what_happens(kernel, key, shop, monkeypatch, capsys):
    (example,) = (one for one in examples("docs/sdk.md", "python") if "client.kernel" in one.text)
    monkeypatch.setenv("KERNEL_BASE_URL", f"{kernel.serving.url}/kernel")
    monkeypatch.setenv("KERNEL_API_KEY", key)
    with kernel.running(shop, pay=pay):
        exec(compile(example.text, "sdk.md", "exec"), {})
    first, *results, last = capsys.readouterr().out.splitlines()
    assert [first, last] == said(example)
    assert [one.split()[:2] for one in results] == [["0", "succeeded"], ["1", "failed"], ["2", "succeeded"]]


# -------------------------------------------------------------------------------------------------- the command line


def invoked(*words):
    """`stook invoke batch`, here."""
    return main(["invoke", "batch", *map(str, words)])


@pytest.fixture
def at_server(kernel, key, monkeypatch):
    monkeypatch.setenv("STOOK_SERVER", kernel.serving.url)
    monkeypatch.setenv("STOOK_KEY", key)


def test_json_lines_in_and_out(kernel, shop, at_server, tmp_path, capfd, monkeypatch):
    (tmp_path / "in.jsonl").write_text('1\n\n"bad"\n{"n": 3}\n')
    with kernel.running(shop, pay=pay):
        assert invoked("shop", "pay", tmp_path / "in.jsonl", "-c", 2) == 1
        rows = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
        assert [(row["index"], row["state"]) for row in rows] == [(0, "succeeded"), (1, "failed"), (2, "succeeded")]
        assert [rows[2]["input"], rows[2]["result"]] == [{"n": 3}, {"paid": {"n": 3}}]
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"7\n")))
        assert invoked("shop", "pay", "-", "-v", "latest", "-o", tmp_path / "out.csv") == 0
    assert "paid" in (tmp_path / "out.csv").read_text()


@pytest.mark.parametrize("store", [False, True])
def test_what_is_wrong_is_one_line_and_nothing_done(kernel, shop, at_server, store, tmp_path, capfd, monkeypatch):
    if store:
        monkeypatch.delenv("STOOK_SERVER")
        monkeypatch.delenv("STOOK_KEY")
        monkeypatch.setenv("STOOK_URL", kernel.serving.session.store.url)
        monkeypatch.setenv("STOOK_PROJECT", kernel.project)
    good, bad, empty = tmp_path / "good.jsonl", tmp_path / "bad.jsonl", tmp_path / "empty.jsonl"
    good.write_text("1\n")
    bad.write_text("1\n{\n")
    empty.write_text("\n")
    for words, why in (
        (("shop", "pay", bad), "bad.jsonl:2"),
        (("shop", "pay", empty), "no payload"),
        (("shop", "nothing", good), "nothing"),
        (("nobody", "pay", good), "nobody"),
        (("shop", "pay", good, "-v", "v9"), "v9"),
        (("shop", "pay", good, "-c", 0), "concurrency"),
    ):
        assert invoked(*words) == 2, words
        error = capfd.readouterr().err
        assert error.startswith("stook: "), error
        assert (why in error, len(error.splitlines())) == (True, 1), error
    assert kernel.client.get("/batch_jobs").json() == []


def test_in_a_store_of_this_machine(kernel, shop, capfd, monkeypatch, tmp_path):
    monkeypatch.setenv("STOOK_URL", kernel.serving.session.store.url)
    monkeypatch.setenv("STOOK_PROJECT", kernel.project)
    (tmp_path / "in.jsonl").write_text("1\n2\n")
    assert invoked("shop", "pay", tmp_path / "in.jsonl", "--no-wait", "--timeout", 60) == 0
    job = capfd.readouterr().out.strip()
    found = kernel.client.get(f"/batch_jobs/{job}").json()
    assert [one["payload"] for one in found["invocations"]] == ["1", "2"]
