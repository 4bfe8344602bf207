"""A worker's source over HTTP, on a line that loses answers."""

from __future__ import annotations

import asyncio

import pytest

from stook.client.remote_source import RemoteSource
from stook.core.errors import ConfigError, OptionError, PayloadTooLarge, StoreError, StoreUnavailable
from stook.core.log import AttemptLogs, LogPart
from stook.core.outcome import Settlement
from stook.core.work import Claim
from tests.serving.lossy_line import lossy_line
from tests.serving.worker_calls import counters, submitted


@pytest.fixture
def secret(served_on_either):
    _, made = served_on_either.call(served_on_either.services.keys.create("default", "w", ["worker"]))
    return made


def asked(items=100, tasks=("t",)):
    return Claim("w", list(tasks), items, idle=True)


def done(piece, result=b"1"):
    count = len(piece.offsets)
    return Settlement(piece.token, piece.batch_id, piece.offsets, [result] * count, [1] * count)


def on(url, secret, body):
    async def run():
        source = RemoteSource(url, secret)
        try:
            await body(source)
        finally:
            await source.close()

    asyncio.run(run())


def test_a_claim_whose_answer_was_lost_is_found_again(served_on_either, secret):
    batch = submitted(served_on_either, 10)

    async def body(source):
        line.swallow = lambda request: b"worker/claim" in request
        with pytest.raises(StoreUnavailable, match="does not answer"):
            await source.claim(asked(4))
        assert counters(served_on_either, batch)["running"] == 4  # the server has given it
        line.swallow = lambda request: False
        (piece,) = (await source.claim(asked(4))).slices
        assert len(piece.offsets) == 4
        assert counters(served_on_either, batch)["running"] == 4
        (rest,) = (await source.claim(asked())).slices
        assert len(rest.offsets) == 6
        assert (await source.settle([done(piece), done(rest)])).lost == []

    with lossy_line(served_on_either.url) as line:
        on(line.url, secret, body)
    assert counters(served_on_either, batch)["succeeded"] == 10


def test_outcomes_whose_answer_was_lost_are_settled_once(served_on_either, secret):
    batch = submitted(served_on_either, 3)

    async def body(source):
        (piece,) = (await source.claim(asked())).slices
        line.swallow = lambda request: b"worker/settle" in request
        with pytest.raises(StoreUnavailable):
            await source.settle([done(piece)])
        line.swallow = lambda request: False
        assert (await source.settle([done(piece)])).lost == [piece.token]

    with lossy_line(served_on_either.url) as line:
        on(line.url, secret, body)
    assert counters(served_on_either, batch)["succeeded"] == 3


def test_logs_go_while_work_goes_on_and_with_its_outcome(served_on_either, secret):
    batch = submitted(served_on_either, 1)

    def part(number):
        body = b'[{"line":%d,"at":1,"source":"s","message":"m%d"}]' % (number, number)
        return LogPart(0, number - 1, number, 1, 0, body)

    async def body(source):
        (piece,) = (await source.claim(asked())).slices
        line.swallow = lambda request: b"worker/logs" in request
        with pytest.raises(StoreUnavailable):
            await source.keep_logs([AttemptLogs(piece.token, piece.batch_id, [part(1)])])
        line.swallow = lambda request: False
        await source.keep_logs([AttemptLogs(piece.token, piece.batch_id, [part(1), part(2)])])
        await source.keep_logs([AttemptLogs(piece.token + 1, piece.batch_id, [part(9)])])
        settlement = done(piece)
        settlement.logs = [part(2), part(3)]
        assert (await source.settle([settlement])).lost == []

    with lossy_line(served_on_either.url) as line:
        on(line.url, secret, body)
    shown = served_on_either.client.get(f"/api/v1/executions/{batch}/logs").json()["data"]
    assert [one["message"] for one in shown] == ["m1", "m2", "m3"]


def test_results_of_any_size_go_by_value(served_on_either, secret):
    """Above what lies in rows, and together above one body."""
    batch = submitted(served_on_either, 5, items=["x" * 100_000] * 5)
    large = b'"' + b"y" * 2_000_000 + b'"'

    async def body(source):
        (piece,) = (await source.claim(asked())).slices
        assert len(piece.payload) > 500_000
        assert (await source.settle([done(piece, large)])).lost == []

    on(served_on_either.url, secret, body)
    assert counters(served_on_either, batch)["succeeded"] == 5
    row = served_on_either.client.get(f"/api/v1/batches/{batch}/executions/4").json()
    assert len(row["result"]) == 2_000_000


def test_a_result_above_the_limit_is_an_error_of_that_result(served, secret_of):
    submitted(served, 1)

    async def body(source):
        (piece,) = (await source.claim(asked())).slices
        with pytest.raises(PayloadTooLarge):
            await source.settle([done(piece, b'"' + b"y" * (4 * 2**20) + b'"')])
        with pytest.raises(PayloadTooLarge):
            await source.settle([done(piece, b'"' + b"y" * (40 * 2**20) + b'"')])
        assert (await source.settle([done(piece)])).lost == []

    on(served.url, secret_of(served), body)


@pytest.fixture
def secret_of():
    return lambda served: served.call(served.services.keys.create("default", "w", ["worker"]))[1]


def test_renewing_blocks_its_thread_and_not_the_loop(served_on_either, secret):
    submitted(served_on_either, 2)

    async def body(source):
        (piece,) = (await source.claim(asked())).slices
        renewed = await asyncio.to_thread(source.renew, "w", [piece.token, 5], 60.0)
        assert list(renewed.lost) == [5]
        looked = await asyncio.to_thread(source.renew, "w", [piece.token], 0.0)
        assert (list(looked.lost), list(looked.cancelled)) == ([], [])

    on(served_on_either.url, secret, body)


def test_news_come_to_the_next_who_waits_although_the_first_gave_up(served_on_either, secret):
    async def body(source):
        while await source.wait(["t"], 0.06):  # until the request stays open: it may bring news of nothing
            pass
        await asyncio.to_thread(submitted, served_on_either, 1)
        assert await source.wait(["t"], 60)

    on(served_on_either.url, secret, body)


def test_a_revoked_key_is_for_good(served, secret_of):
    secret = secret_of(served)

    async def body(source):
        assert (await source.claim(asked())).slices == []
        key = served.client.get("/api/v1/keys").json()["data"][-1]["id"]
        assert served.client.delete(f"/api/v1/keys/{key}").status_code == 204
        with pytest.raises(StoreError, match="refuses the key") as caught:
            await source.claim(asked())
        assert not isinstance(caught.value, StoreUnavailable)
        assert source.refused is caught.value
        with pytest.raises(StoreError, match="refuses the key"):
            await source.wait(["t"], 60)

    on(served.url, secret, body)


@pytest.mark.parametrize(
    "server", ["localhost:8484", "ftp://x", "http://", "http://x:99999", "http://x/?a=1", "http://me:secret@x", ""]
)
def test_what_is_no_address_is_refused_before_anything_is_sent(server):
    with pytest.raises(ConfigError, match="server"):
        RemoteSource(server, "stk_x_" + "0" * 40)


@pytest.mark.parametrize("key", ["", "short", "with a space in it", "schlüssel-0000", "two\nlines-here"])
def test_what_can_be_no_key_is_refused_before_anything_is_sent(key):
    with pytest.raises((ConfigError, OptionError), match="key|server"):
        RemoteSource("http://127.0.0.1:1", key)


def test_nobody_there_is_worth_another_try():
    async def body(source):
        for call in (source.claim(asked()), source.settle([Settlement(1, b"b", [0], [b"1"], [1])])):
            with pytest.raises(StoreUnavailable, match="does not answer"):
                await call
        with pytest.raises(StoreUnavailable):
            await source.wait(["t"], 60)
        assert source.refused is None

    on("http://127.0.0.1:1", "stk_x_" + "0" * 40, body)
