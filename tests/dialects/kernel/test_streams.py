"""Streams while nothing happens, and when the server goes."""

from __future__ import annotations

import asyncio
import json

import pytest

from tests.dialects.kernel.rig import Kernel
from tests.server.serving import serving

BEATS = 3


@pytest.fixture(scope="module")
def impatient(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("STOOK_SYNCHRONOUS", "off")
        with serving(f"sqlite:///{tmp_path_factory.mktemp('kernel')}/s.db", heartbeat=0.05) as made:
            yield made


def streams(kernel):
    """One of each kind, of what waits."""
    made = kernel.deploy()
    invocation = kernel.invoke(**{"async": True}).json()["id"]
    batch = kernel.batch([1]).json()["id"]
    return [f"/deployments/{made}/events", f"/invocations/{invocation}/events", f"/batch_jobs/{batch}/events"]


def test_silence_is_filled_with_beats_and_followers_leave_nothing_behind(impatient):
    kernel = Kernel(impatient)
    for path in streams(kernel):
        found = []
        with kernel.client.stream("GET", path) as answer:
            for line in answer.iter_lines():
                assert line == "" or line.startswith("data: {")
                if line:
                    found.append(json.loads(line[6:]))
                if [one["event"] for one in found].count("sse_heartbeat") == BEATS:
                    break
        beats = [one for one in found if one["event"] == "sse_heartbeat"]
        assert all(set(one) == {"event", "timestamp"} for one in beats)
        assert "state" in next(one["event"] for one in found if one["event"] != "app_version_summary")
    channels = impatient.services.channels

    async def none_left():
        while channels._open:  # each is closed by the loop once it has seen that its follower is gone
            await asyncio.sleep(0.01)

    impatient.call(none_left())
    kernel.close()


def test_a_server_that_stops_says_so_and_ends_every_stream(tmp_path, monkeypatch):
    monkeypatch.setenv("STOOK_SYNCHRONOUS", "off")
    with serving(f"sqlite:///{tmp_path}/s.db") as served:
        kernel = Kernel(served)
        for path in streams(kernel):
            served.services.channels.stopping.clear()
            with kernel.client.stream("GET", path) as answer:
                lines = answer.iter_lines()
                while "_state" not in next(lines):
                    pass
                served.loop.call_soon_threadsafe(served.services.channels.stop)
                *_, last = [json.loads(line[6:]) for line in lines if line]
            assert (last["event"], last["error"]["code"]) == ("error", "internal_error")
        kernel.close()
