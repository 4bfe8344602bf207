"""What a server says to workers, on both databases, request by request."""

from __future__ import annotations

import threading
import time

import msgspec
import pytest

from stook.core.outcome import Settlement, Trouble
from stook.core.policy import TaskPolicy
from stook.core.work import Renewed
from stook.wire.work import SeeTask, SeeWorker, SettleWork, Waited, WaitForWork, WorkerGone, pack, unpack
from tests.serving.worker_calls import WorkerCalls, counters, refused, submitted


@pytest.fixture
def worker(served_on_either):
    with served_on_either.as_key("worker") as client:
        yield WorkerCalls(client)


def test_what_is_claimed_runs_and_what_is_settled_has_ended(served_on_either, worker):
    batch = submitted(served_on_either, 5, metadata={"big": 2**70, "text": "ä"})
    (piece,) = worker.claim().slices
    assert (list(piece.offsets), piece.payload, piece.attempt) == ([0, 1, 2, 3, 4], b"[0,1,2,3,4]", 1)
    assert piece.metadata == {"big": 2**70, "text": "ä"}
    assert counters(served_on_either, batch)["running"] == 5
    settled = worker.settle(
        Settlement(
            piece.token,
            piece.batch_id,
            [0, 1, 2, 3],
            [b' {"n":1e5} ', b"1", b"2", b"null"],
            [1] * 4,
            [Trouble(4, "failed", type="E", message="no\0t", retryable=False)],
        )
    )
    assert (settled.lost, settled.stale, len(settled.closed)) == ([], 0, 1)
    assert counters(served_on_either, batch) | {"succeeded": 4, "failed": 1} == counters(served_on_either, batch)
    rows = served_on_either.client.get(f"/api/v1/batches/{batch}/results?format=ndjson").text.splitlines()
    assert '"result":{"n":1e5}' in rows[0].replace(" ", "")


def test_settling_twice_changes_nothing(served_on_either, worker):
    batch = submitted(served_on_either, 3)
    (piece,) = worker.claim().slices
    assert worker.succeed(piece).lost == []
    assert worker.succeed(piece).lost == [piece.token]
    assert counters(served_on_either, batch)["succeeded"] == 3


def test_a_claim_asked_for_again_is_answered_as_before_and_takes_nothing_more(served_on_either, worker):
    submitted(served_on_either, 10)
    first = worker.claim("one", items=4)
    assert worker.claim("one", items=4) == first
    second = worker.claim("two", items=100)
    assert sum(len(one.offsets) for one in (*first.slices, *second.slices)) == 10
    assert worker.claim("one", items=4).slices == []  # only the last one is kept


def test_the_answer_is_not_given_again_when_half_of_its_lease_is_over(served_on_either, worker):
    submitted(served_on_either, 2)
    (piece,) = worker.claim("one", items=1, lease=0.2).slices
    give_up = 200
    while [one.token for one in worker.claim("one", items=1, lease=0.2).slices] == [piece.token]:
        give_up -= 1
        assert give_up, "it was given for ever"


def test_one_claim_at_a_time_however_often_it_is_sent(served_on_either, worker):
    submitted(served_on_either, 40)
    answers = []

    def ask():
        answers.append(worker.claim("same", items=3))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len(answers) == 8
    assert len({one.slices[0].token for one in answers}) == 1


def test_only_work_of_the_keys_project_is_given(served_on_either):
    with (
        served_on_either.as_key("worker", "submit", project="other") as theirs,
        served_on_either.as_key("worker") as mine,
    ):
        submitted(served_on_either, 2)
        their_batch = submitted(served_on_either, 3, client=theirs)
        (piece,) = WorkerCalls(theirs).claim().slices
        assert len(piece.offsets) == 3
        (own,) = WorkerCalls(mine).claim().slices  # the same worker's name, and another worker
        assert len(own.offsets) == 2
        assert WorkerCalls(theirs).claim().slices[0].token == piece.token
        assert WorkerCalls(theirs).succeed(piece).lost == []
        assert served_on_either.client.get(f"/api/v1/batches/{their_batch}").status_code == 404


def test_leases_are_kept_and_cancellations_heard(served_on_either, worker):
    batch = submitted(served_on_either, 2)
    (piece,) = worker.claim(lease=60).slices
    renewed = unpack(worker.renew(piece.token, 77).content, Renewed)
    assert (list(renewed.lost), list(renewed.cancelled)) == ([77], [])
    served_on_either.client.post(f"/api/v1/batches/{batch}/cancel", json={"hard": True})
    heard = unpack(worker.renew(piece.token, lease=0).content, Renewed)
    assert heard.cancelled == [(piece.token, None)]


def test_news_of_work_come_at_once(served_on_either, worker):
    answers = []

    def ask():
        answers.append(worker.post("wait", WaitForWork(tasks=["t"], timeout=30)))

    waiting = threading.Thread(target=ask)
    waiting.start()
    while waiting.is_alive():
        submitted(served_on_either, 1)
        waiting.join(0.05)
    assert unpack(answers[0].content, Waited).news
    quiet = worker.post("wait", WaitForWork(tasks=["nobody"], timeout=0.0))
    assert isinstance(unpack(quiet.content, Waited).news, bool)


def test_news_between_a_claim_and_the_wait_are_heard(served_on_either, worker):
    assert worker.claim().slices == []
    submitted(served_on_either, 1)
    begun = time.monotonic()
    heard = worker.post("wait", WaitForWork(tasks=["t"], timeout=30, since=worker.mark))
    assert unpack(heard.content, Waited).news
    assert time.monotonic() - begun < 10


@pytest.mark.parametrize("since", ["", "another:1", "nonsense", ":", "x:99999999999999999999999"])
def test_a_mark_of_another_server_means_nothing(served, since):
    with served.as_key("worker") as client:
        answer = WorkerCalls(client).post("wait", WaitForWork(tasks=["t"], timeout=0.0, since=since))
    assert isinstance(unpack(answer.content, Waited).news, bool)


def test_a_server_that_stops_keeps_nobody_waiting(served, monkeypatch):
    with served.as_key("worker") as client:
        worker = WorkerCalls(client)
        answers = []
        begun = threading.Event()
        claims = served.services.worker_claims
        before = claims.wait

        async def wait(*given):
            begun.set()
            return await before(*given)

        monkeypatch.setattr(claims, "wait", wait)
        waiting = threading.Thread(
            target=lambda: answers.append(worker.post("wait", WaitForWork(tasks=["t"], timeout=30)))
        )
        waiting.start()
        assert begun.wait(30)
        served.call(served.server.stop())
        waiting.join(20)
        assert refused(answers[0], 503)["code"] == "overloaded"


def test_a_worker_is_seen_and_its_tasks_are_known(served_on_either, worker):
    task = SeeTask(name="new", queue="q", policy=TaskPolicy(queue="q", timeout=3), schema=b'{"type":"object"}')
    seen = SeeWorker(worker="w", host="far", process="12:34", tasks=[task])
    assert worker.post("seen", seen).status_code == 204
    found = served_on_either.client.get("/api/v1/tasks/new").json()
    assert (found["queue"], found["policy"]["timeout"], found["workers"]) == ("q", 3.0, 1)
    assert found["schema"] == {"type": "object"}
    assert worker.post("gone", WorkerGone(worker="w")).status_code == 204
    assert served_on_either.client.get("/api/v1/tasks/new").json()["workers"] == 0


def test_a_worker_of_one_project_changes_nothing_for_another(served_on_either):
    served = served_on_either
    before = served.client.get("/api/v1/tasks/t").json()
    mine = SeeTask(name="t", queue="q", policy=TaskPolicy(queue="q", max_attempts=9), schema=b'{"type":"object"}')
    with served.as_key("worker", project="team") as key, served.as_key("read", project="team") as reader:
        other = WorkerCalls(key)
        assert other.post("seen", SeeWorker(worker="w", host="h", process="1:1", tasks=[mine])).status_code == 204
        assert reader.get("/api/v1/tasks/t").json()["queue"] == "q"
    assert served.client.get("/api/v1/tasks/t").json() == before
    assert before["queue"] != "q"


@pytest.mark.parametrize("scopes", [("read", "submit", "operate")])
def test_a_key_without_the_scope_claims_nothing(served, scopes):
    with served.as_key(*scopes) as client:
        worker = WorkerCalls(client)
        assert refused(worker.post("claim", worker.asked()), 403)["code"] == "forbidden"
    with served.as_secret(None) as client:
        assert refused(WorkerCalls(client).post("claim", worker.asked()), 401)["code"] == "unauthorized"


GOOD = Settlement(5, b"\1" * 16, [0], [b"1"], [1])


def _changed(**fields):
    return pack(SettleWork([msgspec.structs.replace(GOOD, **fields)]))


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (_changed(token=-1), "token"),
        (_changed(token=2**64 - 1), "token"),
        (_changed(offsets=[-1]), "offsets"),
        (_changed(offsets=[2**40]), "offsets"),
        (_changed(offsets=[0, 1]), "offsets"),
        (_changed(durations=[2**60]), "durations"),
        (_changed(results=[b"1", b"2"]), "offsets"),
        (_changed(results=[b"NaN"]), "results"),
        (_changed(results=[b"1,2"]), "results"),
        (_changed(results=[b'"\xff"']), "results"),
        (_changed(blobs=[0]), "blobs"),
        (_changed(troubles=[Trouble(-1, "failed")]), "troubles"),
        (_changed(troubles=[Trouble(0, "failed", retry_after=float("nan"))]), "troubles"),
        (_changed(troubles=[Trouble(0, "failed", retry_after=-1.0)]), "troubles"),
        (_changed(troubles=[Trouble(0, "failed", duration=-5)]), "troubles"),
        (_changed(troubles=[{"offset": 0, "kind": "vanished"}]), "settlements[0].troubles[0].kind"),
        (msgspec.msgpack.encode({"settlements": [], "more": 1}), "more"),
        (msgspec.msgpack.encode({}), "settlements"),
        (msgspec.msgpack.encode([1]), None),
        (b"\xc1", None),
        (b"", None),
        (b"\x91" * 5000, None),
    ],
)
def test_outcomes_that_cannot_be_are_refused(served, body, field):
    worker = WorkerCalls(served.client)
    error = refused(worker.post("settle", body), 400)
    assert error["field"] == field
    assert "Traceback" not in error["message"]


@pytest.mark.parametrize(
    "options",
    [
        {"items": 0},
        {"lease": 0.0},
        {"lease": float("nan")},
        {"lease": 1e9},
        {"slices": 0},
        {"tasks": ["t" * 513]},
        {"request": ""},
    ],
)
def test_claims_that_cannot_be_are_refused(served, options):
    worker = WorkerCalls(served.client)
    refused(worker.post("claim", worker.asked(**options)), 400)


@pytest.mark.parametrize(
    "fields",
    [{"process": "-1:2"}, {"process": "x"}, {"process": "99999999999:1"}, {"worker": ""}, {"host": "h" * 513}],
)
def test_a_worker_that_cannot_be_is_not_seen(served, fields):
    worker = WorkerCalls(served.client)
    words = {"worker": "w", "host": "h", "process": "1:2", "tasks": []}
    refused(worker.post("seen", SeeWorker(**(words | fields))), 400)


def test_a_schema_that_is_no_json_is_not_put_into_the_catalogue(served):
    worker = WorkerCalls(served.client)
    task = SeeTask(name="new", queue="q", policy=TaskPolicy(), schema=b"{")
    assert refused(worker.post("seen", SeeWorker(worker="w", host="h", process="1:2", tasks=[task])), 400)["field"]


def test_only_messagepack_is_taken(served):
    answer = served.client.post("/api/v1/worker/claim", json={})
    assert refused(answer, 415)["code"] == "unsupported_media_type"


def test_the_document_of_the_api_says_what_is_sent(served):
    paths = served.client.get("/api/v1/openapi.json").json()["paths"]
    for name in ("claim", "wait", "settle", "renew", "seen", "gone"):
        operation = paths[f"/api/v1/worker/{name}"]["post"]
        assert list(operation["requestBody"]["content"]) == ["application/msgpack"]
        assert operation["requestBody"]["required"]
        assert operation["x-scope"] == "worker"
