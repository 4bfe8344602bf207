"""Results as Parquet, made while they are sent; and batches found by their exact name or key."""

from __future__ import annotations

import io
import json

import pytest

from stook.core.errors import MissingExtra
from stook.wiring import body_items, parquet_results
from tests.server.test_batches_in import NDJSON, lines, refused
from tests.server.test_changes import failed, submit

pq = pytest.importorskip("pyarrow.parquet")


def test_results_as_parquet(served_on_either):
    client = served_on_either.client
    batch = failed(served_on_either, [{"good": 1}, {"n": "ä"}, {"good": [1, None]}], keys=["a", "b", "c"])
    answer = client.get(f"/api/v1/batches/{batch}/results?format=parquet")
    assert answer.headers["content-type"] == "application/vnd.apache.parquet"
    rows = pq.read_table(io.BytesIO(answer.content)).to_pylist()
    assert [(one["index"], one["key"], one["state"]) for one in rows] == [
        (0, "a", "succeeded"),
        (1, "b", "failed"),
        (2, "c", "succeeded"),
    ]
    assert json.loads(rows[2]["result"]) == {"good": [1, None]}
    assert (rows[1]["error_type"], rows[1]["error_message"], rows[1]["result"]) == ("ValueError", "bad", None)
    assert json.loads(rows[1]["error"])["fingerprint"]
    some = client.get(f"/api/v1/batches/{batch}/results?format=parquet&state=failed&order=settled").content
    assert pq.read_table(io.BytesIO(some)).column("index").to_pylist() == [1]
    none = client.get(f"/api/v1/batches/{batch}/results?format=parquet&state=expired").content
    assert pq.read_table(io.BytesIO(none)).num_rows == 0


def test_large_results_come_in_row_groups_while_they_are_made(served, monkeypatch):
    monkeypatch.setattr(parquet_results, "GROUP_BYTES", 200_000)
    items = [{"n": n} for n in range(6000)]
    batch = served.client.post("/api/v1/batches?task=t", content=lines(*items), headers=NDJSON).json()["id"]
    with served.client.stream("GET", f"/api/v1/batches/{batch}/results?format=parquet") as answer:
        pieces = list(answer.iter_raw())
    file = pq.ParquetFile(io.BytesIO(b"".join(pieces)))
    assert (file.metadata.num_rows, file.metadata.num_row_groups) == (6000, 7)
    assert file.read().column("index").to_pylist() == list(range(6000))


def test_a_server_without_pyarrow_says_so(served, monkeypatch):
    def missing():
        raise MissingExtra("Parquet needs pyarrow", hint="pip install 'stook[parquet]'")

    monkeypatch.setattr(body_items, "ParquetResults", missing)
    batch = submit(served.client, [1])
    answer = served.client.get(f"/api/v1/batches/{batch}/results?format=parquet")
    assert "stook[parquet]" in refused(answer, 415, "missing_extra")["hint"]


def test_csv_has_the_same_rows(served):
    batch = failed(served, [{"good": 1}, {"n": 2}])
    text = served.client.get(f"/api/v1/batches/{batch}/results?format=csv").text
    assert [line.split(",")[3] for line in text.splitlines()] == ["state", "succeeded", "failed"]


def test_batches_by_their_exact_name_or_key(served_on_either):
    client = served_on_either.client
    ids = [submit(client, [1], name=name) for name in ("a", "ab", "a", "A")]
    keyed = client.post("/api/v1/batches", json={"task": "t", "items": [1]}, headers={"idempotency-key": "k/1"})

    def found(**query):
        answer = client.get("/api/v1/batches", params=query)
        assert answer.status_code == 200, answer.text
        return [one["id"] for one in answer.json()["data"]]

    assert found(named="a") == [ids[2], ids[0]]
    assert found(named="a", limit=1) == [ids[2]]
    assert found(named="a", after=ids[2]) == [ids[0]]
    assert found(named="a", state="succeeded") == found(named="a", task="u") == found(named="zz\0") == []
    assert found(key="k/1") == [keyed.json()["id"]]
    assert found(key="k") == found(key="\0") == []
    with served_on_either.as_key("read", project="theirs") as theirs:
        assert theirs.get("/api/v1/batches?key=k/1").json()["data"] == []
        assert theirs.get("/api/v1/batches?named=a").json()["data"] == []
    refused(client.get("/api/v1/batches?key=k&state=queued"), 400, "option_error")
