"""Deploying, and what can be seen of it."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor

from stook.core.deployment import Action, App
from stook.engine.actions import Actions
from tests.dialects.kernel.rig import events_of, zipped


def test_a_zip_is_deployed_and_shown(kernel):
    archive = zipped(main__py="x = 1")
    form = {"entrypoint_rel_path": "main.py", "version": "v1", "env_vars[A]": "secret", "env_vars[B]": "b"}
    answer = kernel.client.post("/deployments", data=form, files={"file": ("a.zip", archive, "application/zip")})
    assert answer.status_code == 201
    made = answer.json()
    assert made | {"id": "", "created_at": "", "updated_at": ""} == {
        "id": "",
        "status": "queued",
        "region": "aws.us-east-1a",
        "created_at": "",
        "updated_at": "",
        "entrypoint_rel_path": "main.py",
        "env_vars": {"A": "", "B": ""},
        "source_type": "file",
        "source_checksum": hashlib.sha256(archive).hexdigest(),
    }
    assert "secret" not in answer.text
    kernel.publish(App("shop", (Action("pay", {"type": "object"}),)), App("other", (Action("a"), Action("b"))))
    shown = kernel.client.get(f"/deployments/{made['id']}").json()
    assert shown["status"] == "running"
    assert kernel.client.get("/deployments").json() == [shown]
    (other, shop) = kernel.client.get("/apps").json()
    assert [one["name"] for one in other["actions"]] == ["a", "b"]
    assert shop | {"id": ""} == {
        "id": "",
        "app_name": "shop",
        "version": "v1",
        "region": "aws.us-east-1a",
        "deployment": made["id"],
        "actions": [{"name": "pay", "input_schema": {"type": "object"}, "output_schema": None}],
        "env_vars": {"A": "", "B": ""},
    }


def test_apps_and_deployments_are_found_by_their_words(kernel):
    first, second = kernel.deploy("shop", label="v1"), kernel.deploy("shop")
    third = kernel.deploy("mail")

    def apps(**query):
        return [(one["app_name"], one["version"]) for one in kernel.client.get("/apps", params=query).json()]

    def deployments(**query):
        return [one["id"] for one in kernel.client.get("/deployments", params=query).json()]

    assert apps() == [("mail", "latest"), ("shop", "latest"), ("shop", "v1")]
    assert apps(app_name="shop", version="latest") == [("shop", "latest")]
    assert apps(app_name="nothing") == []
    assert apps(query="MAI") == [("mail", "latest")]
    assert deployments() == [third, second, first]
    assert deployments(app_name="shop") == [second, first]
    assert deployments(app_name="shop", app_version="v1") == [first]
    assert deployments(query=first[:8]) == [first]
    assert kernel.client.get("/deployments", params={"app_version": "v1"}).status_code == 400
    page = kernel.client.get("/deployments", params={"limit": 2})
    assert (page.headers["x-has-more"], page.headers["x-next-offset"]) == ("true", "2")
    page = kernel.client.get("/deployments", params={"limit": 2, "offset": 2})
    assert [one["id"] for one in page.json()] == [first]
    assert (page.headers["x-has-more"], page.headers["x-next-offset"]) == ("false", "0")


def test_what_can_never_run_is_400_at_once(kernel):
    good = zipped(main__py="x = 1")
    bad = [
        (b"no archive", "main.py", "application/zip"),
        (good, "other.py", "application/zip"),
        (good, "main.rb", "application/zip"),
        (zipped(**{"../x__py": "", "main__py": ""}), "main.py", "application/octet-stream"),
    ]
    for archive, entrypoint, kind in bad:
        answer = kernel.client.post(
            "/deployments", data={"entrypoint_rel_path": entrypoint}, files={"file": ("a.zip", archive, kind)}
        )
        assert (answer.status_code, answer.json()["code"]) == (400, "bad_request"), answer.text
    answer = kernel.client.post("/deployments", json={"entrypoint_rel_path": "main.py"})
    assert answer.status_code == 400
    assert kernel.client.get("/deployments").json() == []


def test_a_deployment_that_is_deleted_is_in_no_list_and_known_by_its_id(kernel):
    made = kernel.deploy()
    for _ in range(2):
        answer = kernel.client.delete(f"/deployments/{made}")
        assert (answer.status_code, answer.content) == (204, b"")
    assert kernel.client.get("/deployments").json() == []
    assert kernel.client.get("/apps").json() == []
    assert kernel.client.get(f"/deployments/{made}").json()["status"] == "stopped"
    answer = kernel.invoke()
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    for way in ("get", "delete"):
        assert getattr(kernel.client, way)("/deployments/nothing").status_code == 404


def test_a_redeployed_latest_replaces_the_one_before(kernel):
    first, second = kernel.deploy(), kernel.deploy()
    (row,) = kernel.client.get("/apps").json()
    assert row["deployment"] == second
    assert kernel.client.get(f"/deployments/{first}").json()["status"] == "stopped"


def test_a_build_is_followed_to_its_failure(kernel):
    made = kernel.upload().json()["id"]
    with kernel.client.stream("GET", f"/deployments/{made}/events") as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "text/event-stream"
        assert answer.headers["x-sse-content-type"] == "application/json"
        assert answer.headers["cache-control"] == "no-cache"
        kernel.fail("ImportError: no module named x (main.py, line 1)")
        answer.read()
        found = events_of(answer)
    states = [one["deployment"] for one in found if one["event"] == "deployment_state"]
    assert (states[0]["status"], states[-1]["status"]) == ("queued", "failed")
    assert "ImportError" in states[-1]["status_reason"]
    assert found[-1]["deployment"] == states[-1]


def test_summaries_come_before_running_and_the_stream_stays_open(kernel):
    made = kernel.upload().json()["id"]
    with kernel.client.stream("GET", f"/deployments/{made}/events") as answer:
        kernel.publish(App("shop", (Action("pay"),)), App("mail", (Action("send"),)))
        text, pieces = "", answer.iter_text()
        for piece in pieces:
            text += piece
            if '"status":"running"' in text:
                break
        at = {word: text.index(word) for word in ('"app_name":"shop"', '"app_name":"mail"', '"status":"running"')}
        assert max(at, key=at.get) == '"status":"running"'
        kernel.client.delete(f"/deployments/{made}")
        assert '"status":"stopped"' in "".join(pieces)
    late = kernel.events(f"/deployments/{made}/events")
    assert [one["event"] for one in late] == ["deployment_state"]


def test_streams_are_refused_before_they_begin(kernel):
    assert kernel.client.get("/deployments/nothing/events").status_code == 404
    made = kernel.deploy()
    assert kernel.client.get(f"/deployments/{made}/events", params={"since": "1d"}).status_code == 400


def test_an_idempotency_key_makes_one_deployment_however_the_same_is_sent(kernel):
    one, other_one = zipped(main__py="x = 1"), zipped(main__py="x = 2")

    def send(key, **fields):
        archive = fields.pop("archive", one)
        form = {"entrypoint_rel_path": "main.py", "env_vars[A]": "1"} | fields
        files = {"file": ("a.zip", archive, "application/zip")}
        return kernel.client.post("/deployments", data=form, files=files, headers={"idempotency-key": key})

    first = send("one")
    assert first.status_code == 201
    for again in (send("one"), send("one", version="latest")):
        assert (again.status_code, again.json()) == (201, first.json())
    for other in ({"version": "v2"}, {"env_vars[A]": "2"}, {"archive": other_one}):
        refused = send("one", **other)
        assert (refused.status_code, refused.json()["code"]) == (400, "idempotency_key_reused")
    assert send("").json()["id"] != first.json()["id"], "an empty one is none"
    assert len(kernel.client.get("/deployments").json()) == 2
    for _ in range(2):
        kernel.fail("nobody builds it")  # the server is shared: others build what they have sent


def test_a_second_request_under_a_key_waits_for_the_first(kernel):
    with ThreadPoolExecutor(4) as threads:
        form = {"entrypoint_rel_path": "main.py"}
        files = {"file": ("a.zip", zipped(main__py="x = 1"), "application/zip")}

        def send(_):
            return kernel.client.post("/deployments", data=form, files=files, headers={"idempotency-key": "k"})

        answers = list(threads.map(send, range(4)))
    assert {one.status_code for one in answers} == {201}
    assert len({one.json()["id"] for one in answers}) == 1
    kernel.fail("nobody builds it")


def test_what_is_done_in_its_words_stands_among_the_acts_of_its_key(kernel):
    def acts():
        found = kernel.serving.call(Actions(kernel.services.store, kernel.project).list())
        return [(one.kind, one.public_batch_id, one.scope, one.affected) for one in found]

    made = kernel.deploy()
    assert acts() == [("deploy", None, f"deployment {made} under latest", 1)]
    one, other = (kernel.invoke(payload=1, **{"async": True}).json()["id"] for _ in range(2))
    for _ in range(2):  # what changes nothing is not noted
        kernel.client.patch(f"/invocations/{one}", json={"status": "failed"})
        kernel.client.patch(f"/invocations/{other}", json={"status": "succeeded", "output": "1"})
    assert [(kind, scope, count) for kind, _, scope, count in acts()[:-1]] == [
        ("finish", f"execution {other}", 1),
        ("cancel", f"execution {one}", 1),
    ]
    batch = kernel.batch([1, 2]).json()["batch_job_id"]
    for _ in range(2):
        kernel.client.post(f"/batch_jobs/{batch}/cancel")
    assert kernel.client.post(f"/batch_jobs/{batch}/retry").status_code == 202
    assert acts()[:2] == [("retry", batch, "all", 2), ("cancel", batch, "all", 2)]
    for _ in range(2):
        kernel.client.delete(f"/deployments/{made}")
    assert acts()[0] == ("delete deployment", None, f"deployment {made}", 1)
    assert len(acts()) == 6
    refused = kernel.client.post(f"/batch_jobs/{batch}/retry")
    assert (refused.status_code, refused.json()["code"]) == (400, "bad_request")
    assert f"deployment {made} was deleted" in refused.json()["message"]
