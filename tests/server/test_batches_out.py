"""Looking at batches: lists, one, its executions, results, states, failures; and what operators do."""

from __future__ import annotations

import csv
import io
import json

import pytest

from tests.server.test_batches_in import refused


async def mixed(number):
    if number % 3 == 2:
        raise ValueError(f"no {number}")
    return number * 10


def submit(served, items, **options):
    answer = served.client.post("/api/v1/batches", json={"task": "t", "items": items, **options})
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]


def wait(served, batch_id):
    with served.client.stream("GET", f"/api/v1/batches/{batch_id}/follow?settled=false") as answer:
        for line in answer.iter_lines():
            if line == "event: end":
                break
    return show(served, batch_id)


def show(served, batch_id):
    return served.client.get(f"/api/v1/batches/{batch_id}").json()


def rows(served, batch_id, query=""):
    text = served.client.get(f"/api/v1/batches/{batch_id}/results{query}").text
    return [json.loads(line) for line in text.splitlines()]


def pages(served, path):
    found, after = [], ""
    while after is not None:
        page = served.client.get(path + after).json()
        found.append(page["data"])
        after = None if page["next"] is None else f"&after={page['next']}"
    return found


def test_a_batch_from_beginning_to_end(served_on_either):
    served = served_on_either
    batch_id = submit(served, list(range(9)), keys=[f"k{number}" for number in range(9)])
    reasons = served.client.get(f"/api/v1/batches/{batch_id}/why").json()["reasons"]
    assert "no worker" in reasons[0]
    with served.working(t=mixed):
        made = wait(served, batch_id)
    assert (made["state"], made["progress"], made["eta_seconds"], made["settled"]) == ("partially_failed", 1.0, 0.0, 9)
    assert made["counters"]["succeeded"] == 6
    assert [len(page) for page in pages(served, f"/api/v1/batches/{batch_id}/executions?limit=4")] == [4, 4, 1]
    failed = served.client.get(f"/api/v1/batches/{batch_id}/executions?state=failed&from=3&to=8&tracebacks=true").json()
    assert [one["index"] for one in failed["data"]] == [5]
    assert failed["data"][0]["error"]["message"] == "no 5"
    assert "ValueError" in failed["data"][0]["error"]["traceback"]
    groups = served.client.get(f"/api/v1/batches/{batch_id}/failures").json()["data"]
    assert [(group["type"], group["failed"], group["first_index"]) for group in groups] == [("ValueError", 3, 2)]
    group = groups[0]["fingerprint"]
    in_group = served.client.get(f"/api/v1/batches/{batch_id}/executions?group={group}").json()["data"]
    assert [one["index"] for one in in_group] == [2, 5, 8]
    one = served.client.get(f"/api/v1/batches/{batch_id}/executions/4").json()
    assert (one["result"], one["key"], len(one["history"])) == (40, "k4", 1)
    assert served.client.get(f"/api/v1/executions/{one['id']}").json() == one
    refused(served.client.get(f"/api/v1/batches/{batch_id}/executions/9"), 404, "not_found")
    refused(served.client.get(f"/api/v1/batches/{batch_id}/executions/x"), 404, "not_found")


def test_results_in_every_format_and_order(served_on_either):
    served = served_on_either
    batch_id = submit(served, list(range(700)))
    with served.working(t=mixed):
        wait(served, batch_id)
    ordered = rows(served, batch_id)
    assert [row["input"] for row in ordered] == list(range(700))
    assert [row["result"] for row in ordered if row["state"] == "succeeded"] == [
        n * 10 for n in range(700) if n % 3 < 2
    ]
    assert rows(served, batch_id, "?after=650") == ordered[650:]
    assert rows(served, batch_id, "?state=failed") == [row for row in ordered if row["state"] == "failed"]
    settled = rows(served, batch_id, "?order=settled")
    assert [row["settle"] for row in settled] == list(range(700))
    assert sorted(settled, key=lambda row: row["index"]) == ordered
    assert rows(served, batch_id, "?order=settled&after=333") == settled[333:]
    assert served.client.get(f"/api/v1/batches/{batch_id}/results?format=json").json() == ordered
    text = served.client.get(f"/api/v1/batches/{batch_id}/results?format=csv").text
    table = list(csv.DictReader(io.StringIO(text)))
    assert [json.loads(row["input"]) for row in table] == list(range(700))
    assert table[2]["error_message"] == "no 2"
    empty = submit(served, [])
    assert served.client.get(f"/api/v1/batches/{empty}/results?format=json").json() == []
    assert rows(served, empty) == []


async def grown(size):
    return "x" * size


def test_large_bodies_pass_one_by_one(served):
    batch_id = submit(served, [1_000_000, 5, 2_000_000])
    with served.working(t=grown):
        wait(served, batch_id)
    page = served.client.get(f"/api/v1/batches/{batch_id}/executions?limit=2").json()
    assert [len(one["result"]) for one in page["data"]] == [1_000_000, 5]
    assert page["next"] == "2"
    assert [len(row["result"]) for row in rows(served, batch_id)] == [1_000_000, 5, 2_000_000]
    assert len(served.client.get(f"/api/v1/batches/{batch_id}/executions/2").json()["result"]) == 2_000_000


def test_line_breaks_in_payloads_do_not_break_lines(served):
    answer = served.client.post(
        "/api/v1/batches", content=b'{"task":"t","items":[{"a":\r\n1},2]}', headers={"content-type": "application/json"}
    )
    assert [row["input"] for row in rows(served, answer.json()["id"])] == [{"a": 1}, 2]


def test_looking_again_costs_nothing_until_something_happens(served):
    batch_id = submit(served, [1])
    tag = served.client.get(f"/api/v1/batches/{batch_id}").headers["etag"]
    again = served.client.get(f"/api/v1/batches/{batch_id}", headers={"if-none-match": f'"other", {tag}'})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    served.client.post(f"/api/v1/batches/{batch_id}/pause")
    changed = served.client.get(f"/api/v1/batches/{batch_id}", headers={"if-none-match": tag})
    assert changed.status_code == 200
    assert changed.headers["etag"] != tag


def test_the_state_map_and_its_changes(served_on_either):
    served = served_on_either
    batch_id = submit(served, list(range(1200)))
    path = f"/api/v1/batches/{batch_id}/states"
    before = served.client.get(path)
    assert before.content == bytes(1200)
    assert served.client.get(path, headers={"if-none-match": before.headers["etag"]}).status_code == 304
    assert served.client.get(f"{path}?from=510&count=5").content == bytes(5)
    with served.working(t=mixed):
        wait(served, batch_id)
    after = served.client.get(path)
    assert after.content == bytes(5 if number % 3 == 2 else 4 for number in range(1200))
    assert served.client.get(f"{path}?from=1199&count=5").content == b"\5"
    changed = served.client.get(path, params={"since": before.headers["stook-cursor"]}).json()
    assert bytes(state for _, state in changed["changes"]) == after.content
    assert [index for index, _ in changed["changes"]] == list(range(1200))
    assert served.client.get(path, params={"since": changed["cursor"]}).json()["changes"] == []
    served.client.post(f"/api/v1/batches/{batch_id}/retry")
    refused(served.client.get(path, params={"since": changed["cursor"]}), 409, "reset")
    refused(served.client.get(path, params={"since": "x"}), 400, "option_error")


def test_lists_of_batches(served):
    ids = [submit(served, [1], name=f"Batch {number}") for number in range(5)]
    served.client.post(f"/api/v1/batches/{ids[1]}/cancel")
    listed = pages(served, "/api/v1/batches?limit=2")
    assert [[one["id"] for one in page] for page in listed] == [[ids[4], ids[3]], [ids[2], ids[1]], [ids[0]]]

    def found(query):
        return [one["id"] for one in served.client.get(f"/api/v1/batches?{query}").json()["data"]]

    assert found("state=cancelled") == [ids[1]]
    assert found("state=cancelled,queued&name=batch 3") == [ids[3]]
    assert found("task=other") == []


def act(served, batch_id, what, **body):
    answer = served.client.post(f"/api/v1/batches/{batch_id}/{what}", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_what_operators_do(served_on_either):
    served = served_on_either
    batch_id = submit(served, list(range(6)))
    paused = act(served, batch_id, "pause", reason="lunch")
    assert (paused["batch"]["state"], paused["batch"]["reason"]) == ("paused", "lunch")
    assert act(served, batch_id, "resume", ramp=False)["batch"]["state"] == "queued"
    assert act(served, batch_id, "limits", max_concurrency=2)["batch"]["max_concurrency"] == 2
    assert act(served, batch_id, "limits", max_concurrency=None)["batch"]["max_concurrency"] is None
    some = act(served, batch_id, "cancel", indexes=[1, 4, 99])
    assert (some["affected"], some["batch"]["counters"]["cancelled"]) == (2, 2)
    with served.working(t=mixed):
        wait(served, batch_id)
        assert act(served, batch_id, "retry", states=["cancelled"])["affected"] == 2
        wait(served, batch_id)
        probed = act(served, batch_id, "retry", probe=1)
        assert (probed["affected"], probed["action"]["kind"]) == (1, "retry")
        wait(served, batch_id)
        until_ended(served, probed["action"]["id"])
    refused(served.client.post(f"/api/v1/actions/{probed['action']['id']}/abort"), 409, "conflict")
    kinds = [one["kind"] for one in served.client.get(f"/api/v1/actions?batch={batch_id}").json()["data"]]
    assert kinds == ["retry", "retry", "cancel", "limits", "limits", "resume", "pause"]
    assert [len(page) for page in pages(served, "/api/v1/actions?limit=3")][:2] == [3, 3]
    assert served.client.delete(f"/api/v1/batches/{batch_id}").status_code == 204
    refused(served.client.get(f"/api/v1/batches/{batch_id}"), 404, "not_found")


def until_ended(served, action_id):
    while served.client.get(f"/api/v1/actions/{action_id}").json()["state"] == "running":
        pass


def test_a_whole_batch_is_cancelled_and_deleted(served):
    batch_id = submit(served, list(range(1000)))
    refused(served.client.delete(f"/api/v1/batches/{batch_id}"), 409, "conflict")
    done = act(served, batch_id, "cancel", reason="never mind")
    assert (done["affected"], done["batch"]["state"], done["batch"]["reason"]) == (1000, "cancelled", "never mind")
    refused(served.client.post(f"/api/v1/batches/{batch_id}/cancel"), 409, "conflict")
    assert served.client.delete(f"/api/v1/batches/{batch_id}").status_code == 204


@pytest.mark.parametrize(
    ("what", "body"),
    [
        ("cancel", {"indexes": []}),
        ("cancel", {"indexes": [-1]}),
        ("retry", {"states": ["succeeded"]}),
        ("retry", {"group": "g", "indexes": [1]}),
        ("retry", {"probe": 0}),
        ("limits", {}),
        ("limits", {"max_concurrency": 0}),
        ("pause", {"reason": "x\0"}),
        ("pause", {"reason": 1}),
    ],
)
def test_an_action_that_cannot_be(served, what, body):
    batch_id = submit(served, [1])
    refused(served.client.post(f"/api/v1/batches/{batch_id}/{what}", json=body), 400, "option_error")
    assert served.client.get("/api/v1/actions").json()["data"] == []


def test_limits_of_queues_and_tasks(served):
    answer = served.client.patch("/api/v1/limits", json={"task": "t", "paused": True})
    assert (answer.status_code, answer.json()["action"]["scope"]) == (200, "task t")
    batch_id = submit(served, [1])
    assert any("paused" in one for one in served.client.get(f"/api/v1/batches/{batch_id}/why").json()["reasons"])
    refused(served.client.patch("/api/v1/limits", json={}), 400, "option_error")
    refused(
        served.client.patch("/api/v1/limits", json={"task": "t", "queue": "q", "paused": True}), 400, "option_error"
    )


def test_single_executions(served_on_either):
    served = served_on_either
    body = {"task": "t", "payload": 4, "dedupe_key": "d", "metadata": {"a": 1}}
    made = served.client.post("/api/v1/executions", json=body)
    assert (made.status_code, made.json()["state"]) == (202, "queued")
    assert made.headers["location"] == f"/api/v1/executions/{made.json()['id']}"
    held = served.client.post("/api/v1/executions", json=body)
    assert (held.status_code, held.json()["id"]) == (200, made.json()["id"])
    cancelled = served.client.post(f"/api/v1/executions/{made.json()['id']}/cancel").json()
    assert cancelled["state"] == "cancelled"
    again = served.client.post(f"/api/v1/executions/{made.json()['id']}/retry").json()
    assert again["state"] == "queued"
    with served.working(t=mixed):
        waited = served.client.post("/api/v1/executions?wait=20", json={"task": "t", "payload": 7})
        assert (waited.status_code, waited.json()["result"]) == (201, 70)
        failed = served.client.post("/api/v1/executions?wait=20", json={"task": "t", "payload": 5}).json()
        assert (failed["state"], failed["error"]["type"]) == ("failed", "ValueError")
    later = served.client.post("/api/v1/executions", json={"task": "t", "payload": 1, "delay": 3600}).json()
    assert (later["state"], later["due_at"] is None) == ("scheduled", False)
    for bad in (
        {"task": "t"},
        {"task": "t", "payload": 1, "delay": -1},
        {"task": "t", "payload": 1, "delay": 1, "run_at": "2026-01-01T00:00:00Z"},
    ):
        refused(served.client.post("/api/v1/executions", json=bad), 400, "option_error")


def test_events_and_tasks(served_on_either):
    served = served_on_either
    ids = [submit(served, []) for _ in range(3)]
    listed = served.client.get("/api/v1/events?limit=2").json()
    rest = served.client.get(f"/api/v1/events?after={listed['next']}").json()
    assert [one["batch_id"] for one in listed["data"] + rest["data"]] == ids
    assert rest["next"] is None
    assert {one["kind"] for one in listed["data"]} == {"batch.finished"}
    assert served.client.get("/api/v1/events?kind=batch.reopened").json()["data"] == []
    assert [one["name"] for one in served.client.get("/api/v1/tasks").json()["data"]] == ["t"]
    assert served.client.get("/api/v1/tasks/t").json()["policy"]["max_attempts"] == 1
    refused(served.client.get("/api/v1/tasks/none"), 404, "not_found")
