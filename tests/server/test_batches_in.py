"""Batches come in whole, streamed and piece by piece, once however often they are sent."""

from __future__ import annotations

import gzip
import io
import json
import time

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

NDJSON = {"content-type": "application/x-ndjson"}


def lines(*items):
    return b"".join(json.dumps(one).encode() + b"\n" for one in items)


def inputs(served, batch_id):
    text = served.client.get(f"/api/v1/batches/{batch_id}/results").text
    return [json.loads(line)["input"] for line in text.splitlines()]


def refused(response, status, code, **others):
    assert response.status_code == status, response.text
    error = response.json()["error"]
    assert error["code"] == code, error
    assert {name: error[name] for name in others} == others
    return error


def batches(served):
    return served.client.get("/api/v1/batches").json()["data"]


def test_a_batch_with_its_items(served_on_either):
    served = served_on_either
    body = b'{"task":"t","items":[1.50, {"a": "\\u0000"},"\\ud800"],"keys":["x","y","z"],"name":"n","metadata":{"k":1}}'
    answer = served.client.post("/api/v1/batches", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 201
    made = answer.json()
    assert (made["total"], made["state"], made["name"], made["metadata"]) == (3, "queued", "n", {"k": 1})
    assert answer.headers["location"] == f"/api/v1/batches/{made['id']}"
    shown = served.client.get(f"/api/v1/batches/{made['id']}/executions").content
    assert b'"input":1.50,' in shown
    assert b'"input":{"a": "\\u0000"},' in shown
    assert b'"input":"\\ud800",' in shown
    assert served.client.get(f"/api/v1/batches/{made['id']}/executions?key=y").json()["data"][0]["index"] == 1


def compressed(encoding, content):
    match encoding:
        case "gzip":
            return gzip.compress(content[:9]) + gzip.compress(content[9:])
        case "zstd":
            return zstandard.ZstdCompressor().compress(content)
        case _:
            return content


@pytest.mark.parametrize("encoding", ["identity", "gzip", "zstd"])
def test_a_stream_of_lines(served, encoding):
    content = compressed(encoding, lines(*range(40_000)))
    pieces = (content[at : at + 50_001] for at in range(0, len(content), 50_001))
    answer = served.client.post(
        "/api/v1/batches?task=t&name=long", content=pieces, headers={**NDJSON, "content-encoding": encoding}
    )
    assert answer.status_code == 201, answer.text
    assert answer.json()["total"] == 40_000
    assert inputs(served, answer.json()["id"]) == list(range(40_000))


def test_csv_and_parquet(served):
    csv = served.client.post(
        "/api/v1/batches?task=t&key=id", content=b"id,n\na,1\nb,2\n", headers={"content-type": "text/csv"}
    ).json()
    assert inputs(served, csv["id"]) == [{"id": "a", "n": "1"}, {"id": "b", "n": "2"}]
    file = io.BytesIO()
    pq.write_table(pa.table({"n": list(range(3000))}), file)
    answer = served.client.post(
        "/api/v1/batches?task=t",
        content=file.getvalue(),
        headers={"content-type": "application/vnd.apache.parquet"},
    )
    assert inputs(served, answer.json()["id"]) == [{"n": number} for number in range(3000)]


@pytest.mark.parametrize("before", [2, 20_000])
def test_a_bad_line_leaves_nothing(served, before):
    content = lines(*range(before)) + b'{"a":NaN}\n'
    answer = served.client.post("/api/v1/batches?task=t", content=content, headers=NDJSON)
    error = refused(answer, 400, "payload_error", index=before)
    assert error["message"].startswith(f"body:{before + 1}:")
    assert batches(served) == []


@pytest.mark.parametrize(
    ("content", "headers", "status", "code"),
    [
        (b"1\n", {"content-type": "text/plain"}, 415, "unsupported_media_type"),
        (b"1\n", {**NDJSON, "content-encoding": "br"}, 415, "unsupported_media_type"),
        (b"1\n", {**NDJSON, "content-encoding": "gzip"}, 400, "input_error"),
        (gzip.compress(b"1\n", mtime=0)[:-4], {**NDJSON, "content-encoding": "gzip"}, 400, "input_error"),
        (b"1\n", {**NDJSON, "content-encoding": "zstd"}, 400, "input_error"),
        (b"\xff\xfe1\0", NDJSON, 400, "input_error"),
        (b'"\xff"\n', NDJSON, 400, "payload_error"),
        (b"PAR1", {"content-type": "application/vnd.apache.parquet"}, 400, "input_error"),
        (b"a,a\n1,2\n", {"content-type": "text/csv"}, 400, "input_error"),
        (b'"' + b"x" * 5_000_000 + b'"', NDJSON, 413, "payload_too_large"),
    ],
)
def test_a_bad_stream_is_refused(served, content, headers, status, code):
    answer = served.client.post("/api/v1/batches?task=t", content=content, headers=headers)
    refused(answer, status, code)
    assert batches(served) == []


@pytest.mark.parametrize(
    ("body", "code", "others"),
    [
        ({"task": "t"}, "option_error", {"field": "items"}),
        ({"task": "t", "items": [1], "keys": []}, "option_error", {"field": "keys"}),
        ({"task": "t", "items": [1], "keys": ["a"], "key": "a"}, "option_error", {"field": "keys"}),
        ({"task": "t", "items": [{"a": 1}, {}], "key": "a"}, "input_error", {"index": 1}),
        ({"task": "t", "items": [1, 2], "keys": ["a", "a"]}, "duplicate_keys", {"index": 1}),
        ({"task": "t", "items": [1], "delay": -1}, "option_error", {}),
        ({"task": "t", "open": True, "delay": 1}, "option_error", {"field": "delay"}),
        ({"task": "t", "items": [1], "keys": ["a\0"]}, "option_error", {"index": 0}),
    ],
)
def test_a_batch_that_cannot_be(served, body, code, others):
    refused(served.client.post("/api/v1/batches", json=body), 400, code, **others)
    assert batches(served) == []


def test_limits_of_whole_bodies(served):
    item = "x" * 5_000_000
    refused(
        served.client.post("/api/v1/batches", json={"task": "t", "items": [1, item]}), 413, "payload_too_large", index=1
    )
    deep = b'{"task":"t","items":[1,' + b"[" * 600 + b"]" * 600 + b"]}"
    json_type = {"content-type": "application/json"}
    refused(served.client.post("/api/v1/batches", content=deep, headers=json_type), 400, "payload_error", index=1)
    big = b'{"task":"' + b"x" * 33 * 2**20 + b'"}'
    refused(served.client.post("/api/v1/batches", content=big, headers=json_type), 413, "body_too_large")
    pieces = (big[at : at + 100_000] for at in range(0, len(big), 100_000))
    refused(served.client.post("/api/v1/batches", content=pieces, headers=json_type), 413, "body_too_large")
    assert batches(served) == []


@pytest.mark.parametrize("count", [3, 30_000])
def test_the_same_key_is_the_same_batch(served_on_either, count):
    served = served_on_either
    keyed = {**NDJSON, "idempotency-key": "monday \u00e9"}
    keyed["idempotency-key"] = keyed["idempotency-key"].encode()
    content = lines(*range(count))

    def post(content, task="t"):
        return served.client.post(f"/api/v1/batches?task={task}", content=content, headers=keyed)

    first = post(content)
    assert (first.status_code, first.json()["total"]) == (201, count)
    assert first.json()["idempotency_key"] == "monday \u00e9"
    again = post(content)
    assert (again.status_code, again.json()["id"]) == (200, first.json()["id"])
    as_json = served.client.post(
        "/api/v1/batches",
        json={"task": "t", "items": list(range(count))},
        headers={"idempotency-key": keyed["idempotency-key"]},
    )
    assert (as_json.status_code, as_json.json()["id"]) == (200, first.json()["id"])
    refused(post(lines(*range(count - 1))), 409, "key_conflict", index=count - 1)
    refused(post(lines(*range(count + 1))), 409, "key_conflict", index=count)
    refused(post(lines(0, 5, *range(2, count))), 409, "key_conflict", index=1)
    served.know("other")
    assert "'t'" in refused(post(content, task="other"), 409, "key_conflict")["message"]
    assert len(batches(served)) == 1


def test_items_left_out_by_their_dedupe_key_are_still_the_same_batch(served):
    body = {"task": "t", "items": [{"d": "a"}, {"d": "b"}], "dedupe_key": "d"}
    assert served.client.post("/api/v1/batches", json={**body, "items": [{"d": "a"}]}).json()["total"] == 1
    keyed = {"idempotency-key": "k"}
    first = served.client.post("/api/v1/batches", json=body, headers=keyed)
    assert (first.status_code, first.json()["total"]) == (201, 1)
    again = served.client.post("/api/v1/batches", json=body, headers=keyed)
    assert (again.status_code, again.json()["id"]) == (200, first.json()["id"])
    refused(served.client.post("/api/v1/batches", json={**body, "items": []}, headers=keyed), 409, "key_conflict")
    streamed = served.client.post(
        "/api/v1/batches?task=t&dedupe_key=d", content=marked("ab"), headers={**NDJSON, **keyed}
    )
    assert (streamed.status_code, streamed.json()["id"]) == (200, first.json()["id"]), "another format, the same items"


def marked(marks):
    return b"".join(b'{"d":"%c"}\n' % ord(one) for one in marks)


def test_a_stream_with_dedupe_keys_is_one_batch_under_its_key(served_on_either):
    served = served_on_either
    url, headers = "/api/v1/batches?task=t&dedupe_key=d", {**NDJSON, "idempotency-key": "k"}
    served.client.post(url, content=marked("bd"), headers=NDJSON)
    first = served.client.post(url, content=marked("abcde"), headers=headers)
    assert (first.status_code, first.json()["total"], first.json()["consumed"]) == (201, 3, 5)
    again = served.client.post(url, content=marked("abcde"), headers=headers)
    assert (again.status_code, again.json()) == (200, first.json())
    as_csv = {"content-type": "text/csv", "idempotency-key": "k"}
    again = served.client.post(url, content=b"d\na\nb\nc\nd\ne\n", headers=as_csv)
    assert (again.status_code, again.json()["id"]) == (200, first.json()["id"])
    for other, index in (("abcdX", 4), ("aXcde", 1), ("abcd", 4), ("abcdef", 5)):
        refused(served.client.post(url, content=marked(other), headers=headers), 409, "key_conflict", index=index)
    error = served.client.post("/api/v1/batches?task=t", content=marked("abcde"), headers=headers).json()["error"]
    assert (error["code"], error["index"]) == ("key_conflict", 0), "without dedupe keys it is another submission"
    assert len(batches(served)) == 2


def test_a_key_that_stood_for_items_without_dedupe_keys(served):
    headers = {**NDJSON, "idempotency-key": "k"}
    assert served.client.post("/api/v1/batches?task=t", content=marked("abc"), headers=headers).status_code == 201
    answer = served.client.post("/api/v1/batches?task=t&dedupe_key=d", content=marked("abc"), headers=headers)
    refused(answer, 409, "key_conflict", index=0)


def test_a_cut_stream_with_dedupe_keys_goes_on_where_it_stopped(served):
    marks = [b'{"d":"%d","x":"%s"}\n' % (number, b"x" * 100) for number in range(60_000)]
    url, headers = "/api/v1/batches?task=t&dedupe_key=d", {**NDJSON, "idempotency-key": "k"}
    served.client.post(url, content=b"".join(marks[10:20]), headers=NDJSON)

    def pieces():
        yield b"".join(marks[:50_000])
        until(lambda: any(one["consumed"] > 10 for one in batches(served)))
        raise BrokenPipeError

    with pytest.raises((BrokenPipeError, httpx.HTTPError)):
        served.as_secret(served.secret).post(url, content=pieces(), headers=headers)
    until(lambda: not served.services.uploads.running)
    (left,) = (one for one in batches(served) if one["idempotency_key"] == "k")
    assert left["state"] == "open"
    assert 0 < left["consumed"] < 60_000
    other = [*marks[:700], b'{"d":"700","x":"other"}\n', *marks[701:]]
    refused(served.client.post(url, content=b"".join(other), headers=headers), 409, "key_conflict", index=700)
    again = served.client.post(url, content=b"".join(marks), headers=headers).json()
    assert (again["id"], again["consumed"], again["total"]) == (left["id"], 60_000, 59_990)
    assert again["sealed_at"] is not None


def test_items_with_dedupe_keys_are_appended_at_what_was_consumed(served):
    served.client.post("/api/v1/batches?task=t&dedupe_key=d", content=marked("bd"), headers=NDJSON)
    batch = served.client.post("/api/v1/batches", json={"task": "t", "open": True}).json()["id"]

    def append(offset, marks, *, dedupe=True, as_json=False):
        query = {"offset": offset, **({"dedupe_key": "d"} if dedupe else {})}
        url = f"/api/v1/batches/{batch}/items"
        if as_json:
            return served.client.post(url, json={"items": [{"d": one} for one in marks]}, params=query)
        return served.client.post(url, content=marked(marks), params=query, headers=NDJSON)

    assert append(0, "xy", dedupe=False).json() == {"consumed": 2, "total": 2}
    assert append(2, "abc").json() == {"consumed": 5, "total": 4}
    assert append(2, "abc").json() == {"consumed": 5, "total": 4}, "its answer was lost"
    assert append(3, "bcde", as_json=True).json() == {"consumed": 7, "total": 5}, "from within what is there"
    assert append(7, "z", dedupe=False).json() == {"consumed": 8, "total": 6}
    assert append(7, "z", dedupe=False).json() == {"consumed": 8, "total": 6}
    assert append(4, "c").json() == {"consumed": 8, "total": 6}, "a part of what is there"
    refused(append(2, "aXc"), 409, "offset_mismatch", expected=8, index=3)
    refused(append(9, "q"), 409, "offset_mismatch", expected=8)
    assert append(8, "", dedupe=True).json() == {"consumed": 8, "total": 6}


def cut_off(served, content, headers):
    """Sends a part of a body, then closes once some of it has been taken in."""

    def pieces():
        yield content
        until(lambda: batches(served))
        raise BrokenPipeError

    with pytest.raises((BrokenPipeError, httpx.HTTPError)):
        served.as_secret(served.secret).post("/api/v1/batches?task=t", content=pieces(), headers=headers)


def until(what):
    """Another thread, or the server, is at it."""
    limit = time.monotonic() + 10
    while time.monotonic() < limit:
        found = what()
        if found:
            return found
        time.sleep(0.002)
    raise AssertionError("it never was")


def test_a_cut_stream_without_a_key_leaves_nothing(served):
    cut_off(served, lines(*range(60_000)), NDJSON)
    until(lambda: not batches(served))


def test_a_cut_stream_with_a_key_goes_on_where_it_stopped(served):
    keyed = {**NDJSON, "idempotency-key": "k"}
    cut_off(served, lines(*range(60_000)), keyed)
    until(lambda: batches(served) and not served.services.uploads.running)
    left = batches(served)[0]
    assert (left["state"], 0 < left["total"] < 60_000) == ("open", True)
    whole = lines(*range(80_000))
    answer = served.client.post("/api/v1/batches?task=t", content=whole, headers=keyed)
    assert (answer.status_code, answer.json()["id"], answer.json()["total"]) == (200, left["id"], 80_000)
    assert answer.json()["sealed_at"] is not None
    assert inputs(served, left["id"]) == list(range(80_000))


def opened(served):
    return served.client.post("/api/v1/batches", json={"task": "t", "open": True}).json()


def append(served, batch_id, offset, *items, **headers):
    return served.client.post(
        f"/api/v1/batches/{batch_id}/items?offset={offset}", content=lines(*items), headers={**NDJSON, **headers}
    )


def test_open_append_seal(served_on_either):
    served = served_on_either
    made = opened(served)
    assert (made["state"], made["consumed"]) == ("open", 0)
    assert append(served, made["id"], 0, 1, 2).json() == {"consumed": 2, "total": 2}
    assert append(served, made["id"], 0, 1, 2, 3).json() == {"consumed": 3, "total": 3}
    refused(append(served, made["id"], 4, 5), 409, "offset_mismatch", expected=3)
    refused(append(served, made["id"], 1, 7), 409, "offset_mismatch", expected=3, index=1)
    as_json = served.client.post(f"/api/v1/batches/{made['id']}/items?offset=3", json={"items": [4]})
    assert as_json.json() == {"consumed": 4, "total": 4}
    for _ in range(2):
        assert served.client.post(f"/api/v1/batches/{made['id']}/seal").json()["state"] == "queued"
    assert append(served, made["id"], 2, 3, 4).json() == {"consumed": 4, "total": 4}
    refused(append(served, made["id"], 4, 5), 409, "conflict")
    assert inputs(served, made["id"]) == [1, 2, 3, 4]


def test_a_bad_line_of_an_append_stops_there(served):
    made = opened(served)
    answer = served.client.post(
        f"/api/v1/batches/{made['id']}/items?offset=0", content=lines(*range(20_000)) + b"x", headers=NDJSON
    )
    refused(answer, 400, "payload_error", index=20_000)
    now = served.client.get(f"/api/v1/batches/{made['id']}").json()
    assert now["state"] == "open"
    assert append(served, made["id"], now["consumed"], 7).json()["consumed"] == now["consumed"] + 1


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 30), st.integers(1, 12)), max_size=12))
def test_a_producer_that_repeats_itself_changes_nothing(served, sends):
    """Whatever it sends, from wherever: the batch is a beginning of the natural numbers."""
    made = opened(served)
    have = 0
    for offset, count in sends:
        answer = append(served, made["id"], offset, *range(offset, offset + count))
        if offset > have:
            refused(answer, 409, "offset_mismatch", expected=have)
        else:
            have = max(have, offset + count)
            assert answer.json() == {"consumed": have, "total": have}
    assert inputs(served, made["id"]) == list(range(have))
