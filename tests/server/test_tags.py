"""Tags of items: given or taken from a field, shown, and what filters by them."""

from __future__ import annotations

import pytest

from tests.server.test_batches_in import NDJSON, lines, refused
from tests.server.test_changes import ended, failed, item, submit

CSV = {"content-type": "text/csv"}


def tags_of(client, batch):
    return [one["tags"] for one in client.get(f"/api/v1/batches/{batch}/executions").json()["data"]]


def test_tags_are_given_or_taken_from_a_field_in_every_format(served_on_either):
    client = served_on_either.client
    given = submit(client, [0, 1, 2, 3], tags=["a", ["b", "a"], None, []])
    assert tags_of(client, given) == [["a"], ["a", "b"], [], []]
    items = [{"t": {"x": "a"}}, {"t": {"x": ["b", 7]}}, {"t": None}, {}, 5]
    field = submit(client, items, tag="t.x")
    assert tags_of(client, field) == [["a"], ["7", "b"], [], [], []]
    streamed = client.post("/api/v1/batches?task=t&tag=t.x", content=lines(*items), headers=NDJSON).json()["id"]
    assert tags_of(client, streamed) == tags_of(client, field)
    table = client.post("/api/v1/batches?task=t&tag=c&key=k", content="k,c\n1,red\n2,blue\n", headers=CSV).json()["id"]
    assert tags_of(client, table) == [["red"], ["blue"]]
    open_ = client.post("/api/v1/batches", json={"task": "t", "open": True}).json()["id"]
    append = f"/api/v1/batches/{open_}/items"
    assert client.post(f"{append}?offset=0", json={"items": [1, 2], "tags": ["x", None]}).status_code == 200
    assert client.post(f"{append}?offset=2&tag=t", content=lines({"t": "y"}), headers=NDJSON).status_code == 200
    assert tags_of(client, open_) == [["x"], [], ["y"]]


@pytest.mark.parametrize(
    "body",
    [
        {"items": [1, 2], "tags": ["a"]},
        {"items": [1], "tags": ["a"], "tag": "x"},
        {"items": [1], "tags": [""]},
        {"items": [1], "tags": ["a\0"]},
        {"items": [1], "tags": ["x" * 201]},
        {"items": [1], "tags": [["a"] * 17]},
        {"items": [1], "tags": [5]},
        {"items": [{"t": True}], "tag": "t"},
        {"items": [{"t": [["a"]]}], "tag": "t"},
    ],
    ids=["short", "twice", "empty", "nul", "long", "many", "number", "boolean", "nested"],
)
def test_tags_that_cannot_be(served, body):
    answer = served.client.post("/api/v1/batches", json={"task": "t", **body})
    assert answer.status_code == 400, answer.text
    assert served.client.get("/api/v1/batches").json()["data"] == []


def test_a_bad_tag_of_a_stream_is_named_by_its_line(served):
    answer = served.client.post("/api/v1/batches?task=t&tag=t", content=lines({"t": 1}, {"t": {}}), headers=NDJSON)
    problem = refused(answer, 400, "input_error", index=1)
    assert problem["message"].startswith("body:2: no tag")


def test_executions_results_cancels_and_retries_by_tag(served):
    client = served.client
    tags = [["even"] if n % 2 == 0 else ["odd"] for n in range(6)]
    batch = submit(client, [{"n": n} for n in range(6)], tags=tags)
    found = client.get(f"/api/v1/batches/{batch}/executions?tag=odd&from=2").json()["data"]
    assert [one["index"] for one in found] == [3, 5]
    cut = client.post(f"/api/v1/batches/{batch}/cancel", json={"tag": "even"}).json()
    assert (cut["affected"], cut["items"]["cancelled"], cut["action"]["scope"]) == (
        3,
        [0, 2, 4],
        "executions of tag 'even'",
    )
    ended(served, batch)
    for order in ("input", "settled"):
        rows = client.get(f"/api/v1/batches/{batch}/results?tag=odd&order={order}&format=json").json()
        assert {(one["index"], one["state"]) for one in rows} == {(n, "failed") for n in (1, 3, 5)}
    again = client.post(f"/api/v1/batches/{batch}/retry", json={"tag": "odd", "merge": {"good": 1}}).json()
    assert again["affected"] == 3
    ended(served, batch)
    back = client.post(f"/api/v1/batches/{batch}/retry", json={"states": ["cancelled"], "tag": "even", "to": 3}).json()
    assert back["affected"] == 2


def test_cancelling_by_key_splits_what_became_of_each(served):
    batch = failed(served, [{"good": 1}, {"n": 2}], keys=["a", "b"])
    cut = served.client.post(f"/api/v1/batches/{batch}/cancel", json={"indexes": [0, 9]})
    assert cut.json()["items"] == {"cancelled": [], "stopping": [], "ended": [0], "missing": [9]}
    fresh = submit(served.client, [1, 2], keys=["a", "b"])
    cut = served.client.post(f"/api/v1/batches/{fresh}/cancel", json={"keys": ["b", "zzz"]}).json()
    assert cut["items"]["cancelled"] == [1]
    assert item(served.client, fresh, 0)["state"] == "queued"
