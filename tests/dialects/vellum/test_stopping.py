"""Who waits for a run does not hold up a server that stops."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import httpx

from tests.dialects.vellum.workflows import Workflows, given
from tests.server.serving import serving


def test_a_server_that_stops_ends_what_waits(tmp_path, monkeypatch):
    monkeypatch.setenv("STOOK_SYNCHRONOUS", "off")
    with serving(f"sqlite:///{tmp_path / 'stook.db'}") as served:
        Workflows(served, tmp_path).release()
        headers = {"x-api-key": served.secret}
        base = f"{served.url}/vellum"
        events = {"inputs": {"do": "greet"}, "external_id": "2"}
        with httpx.Client(base_url=base, headers=headers, timeout=60) as client, ThreadPoolExecutor(3) as threads:
            waiting = [
                threads.submit(client.post, "/v1/execute-workflow", json=given(external_id="0")),
                threads.submit(client.post, "/v1/execute-workflow-stream", json=given(external_id="1")),
                threads.submit(client.post, "/v1/workflow-deployments/hello/execute-stream", json=events),
            ]
            listing = "/v1/workflow-deployments/hello/execution-events"
            while (found := client.get(listing).json())["count"] < 3:
                pass
            served.call(served.server.stop())
            sync, results, told = (one.result(20) for one in waiting)
        ids = {one["parent_context"]["external_id"]: one["span_id"] for one in found["results"]}
        assert sync.status_code == 503
        assert ids["0"] in sync.json()["detail"]
        assert (results.status_code, results.text.strip(), told.status_code, told.text.strip()) == (200, "", 200, "")
