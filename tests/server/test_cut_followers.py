"""Followers that are cut at any byte and go on at another server: the small version of `python -m soak T4`."""

from __future__ import annotations

import asyncio
import contextlib
import random

from soak.cuts import cut_followers
from soak.event_frames import Frame, Frames
from soak.report import Ledger, Trial, as_lines
from stook.config.settings import read_settings
from stook.core.ids import parse_id
from stook.wiring.serving import serving as wired
from stook.wiring.session import open_session
from tests.server.serving import serving
from tests.server.test_batches_in import until
from tests.server.test_batches_out import submit
from tests.server.test_follow import following

CUTS = 60


@contextlib.contextmanager
def a_second_server(served):
    context = wired(served.session, host="127.0.0.1", port=0, grace=5, key=None)
    made = served.call(context.__aenter__())
    try:
        yield made
    finally:
        served.call(context.__aexit__(None, None, None))


async def odd(item):
    if item % 7 == 3:
        raise ValueError("odd")


def test_no_gap_and_no_duplicate_however_often_they_are_cut(served_on_either):
    served, ledger, seed = served_on_either, Ledger(), random.randrange(10**6)

    async def main(urls, batches):
        async with open_session(read_settings(url=served.session.settings.url)) as session:
            return await cut_followers(ledger, session, urls, served.secret, batches, seed=seed, cuts=CUTS, followers=4)

    with a_second_server(served) as second, served.working(t=odd):
        batches = [parse_id(submit(served, list(range(count)))) for count in (1, 300, 4000)]
        happened = asyncio.run(main([served.url, second.url], batches))
    trial = Trial("T4", "either", seed, checks=list(ledger.checks.values()))
    assert trial.passed, "\n".join(as_lines(trial))
    assert happened["cuts"] >= CUTS
    assert happened["switches to another server"] > 0


def test_a_server_whose_last_look_is_older_than_the_cursor_looks_again(where):
    """The cursor is of a server that knew more."""
    with serving(where) as behind:
        behind.know("t")
        made = behind.client.post("/api/v1/batches", json={"task": "t", "items": [1, 2, 4], "open": True}).json()
        path = f"/api/v1/batches/{made['id']}"
        with following(behind, f"{path}/follow") as first:
            stays = iter(first)  # for as long as it is held
            assert next(stays)["id"] == "0"
            channel = behind.services.channels._open[parse_id(made["id"])]
            older = channel.view
            with behind.working(t=odd):
                until(lambda: behind.client.get(path).json()["settled"] == 3)
            behind.loop.call_soon_threadsafe(channel._task.cancel)
            until(channel._task.done)
            channel.view = older
            with following(behind, f"{path}/follow", {"last-event-id": "3"}) as second:
                frame = next(iter(second))
            assert (frame["event"], frame["id"], frame["data"]["settled"]) == ("snapshot", "3", 3)
            with following(behind, f"{path}/follow", {"last-event-id": "4"}) as third:
                assert next(iter(third))["event"] == "reset"


def test_a_frame_counts_once_it_is_whole():
    text = b"retry: 1000\n\n: beat\n\nid: 3\nevent: settled\ndata: {}\n\nevent: error\ndata: 1\n\nid: 4\nevent: se"
    for size in (1, 2, 7, len(text)):
        frames = Frames()
        pieces = [text[at : at + size] for at in range(0, len(text), size)]
        found = [frame for piece in pieces for frame in frames.feed(piece)]
        assert found == [Frame("settled", "3", b"{}"), Frame("error", None, b"1")]
