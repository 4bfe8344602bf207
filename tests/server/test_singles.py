"""Single executions as they are submitted, many at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from stook.worker.context import Context
from stook.worker.verdicts import RetryAfter

PAYLOAD = {"text": "ä\u0000", "n": [1, 2.5, None]}


def test_the_answer_says_what_a_look_would(served_on_either):
    client = served_on_either.client
    for extra in ({}, {"priority": 3, "metadata": {"a": 1}}, {"expires_in": 60}, {"delay": 60}, {"dedupe_key": "k"}):
        made = client.post("/api/v1/executions", json={"task": "t", "payload": PAYLOAD, **extra})
        assert made.status_code == 202
        assert made.headers["location"] == f"/api/v1/executions/{made.json()['id']}"
        assert made.json() == client.get(f"/api/v1/executions/{made.json()['id']}").json(), extra
    again = client.post("/api/v1/executions", json={"task": "t", "payload": PAYLOAD, "dedupe_key": "k"})
    assert (again.status_code, again.json()) == (200, made.json())


def test_many_at_once_take_few_looks_and_few_commits(served):
    """A look at the key and one at the task, whoever asks: no look for each."""
    store, looks, commits = served.services.store, [], []
    read, write = store.read, store.write
    store.read = lambda verb, *args, **options: looks.append(verb.__name__) or read(verb, *args, **options)
    store.write = lambda verb, *args, **options: commits.append(verb.__name__) or write(verb, *args, **options)
    ask = {"task": "t", "payload": PAYLOAD}
    with ThreadPoolExecutor(16) as threads:
        sent = [threads.submit(served.client.post, "/api/v1/executions", json=ask) for _ in range(200)]
        made = [one.result().json()["id"] for one in sent]
    assert len(set(made)) == 200
    assert len([one for one in looks if one in ("find_key", "find_task", "show_item")]) < 100
    assert commits.count("submit") < 200


def test_a_success_that_was_waited_for_is_told_without_a_look(served_on_either):
    served, seen = served_on_either, []

    async def once(payload: Any, ctx: Context) -> Any:
        seen.append(payload)
        if payload == "logs":
            ctx.logger.warning("a line")
        if payload == "fails first" and seen.count(payload) == 1:
            raise RetryAfter(0)
        return payload

    store, looks = served.services.store, []
    read = store.read
    store.read = lambda verb, *args, **options: looks.append(verb.__name__) or read(verb, *args, **options)
    with served.working(t=once):
        served.know("t", max_attempts=2)
        for payload, looked in ((PAYLOAD, False), ("fails first", True), ("logs", True)):
            looks.clear()
            made = served.client.post("/api/v1/executions?wait=20", json={"task": "t", "payload": payload})
            assert (made.status_code, made.json()["state"]) == (201, "succeeded")
            assert ("show_item" in looks) is looked
            assert made.json() == served.client.get(f"/api/v1/executions/{made.json()['id']}").json()
            assert "show_batch" not in looks  # whose it is was known
