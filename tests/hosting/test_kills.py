"""SIGKILL at every point of a deployment's way and of its executions': what was accepted ends, once, and says how."""

from __future__ import annotations

import io
import json
import signal
import textwrap
import zipfile
from pathlib import Path

import httpx
import pytest

from stook.webhooks.sealer import new_encryption_key
from tests.cli.conftest import Cli, until
from tests.dialects.kernel.rig import events_of
from tests.hosting.test_replica import alive
from tests.serving.programs import programs

KEY = "stk_first_" + "5" * 40
BATCH, SINGLE = "/kernel/invocations/batch", "/kernel/invocations"
NUMBERS = [*range(30), 100]
LOST = {"error": "WorkerLost: its worker died while running it, and its task is not run twice"}
APP = """
    import os, subprocess, time
    import kernel

    app = kernel.App("shop")

    @app.action("does")
    def does(ctx, payload):
        child = subprocess.Popen(["sleep", "1000"], start_new_session=True)
        with open(payload["file"], "a") as file:
            file.write(f"{payload['n']} {os.getpid()} {child.pid}\\n")
        while payload.get("until") and not os.path.exists(payload["until"]):
            time.sleep(0.01)
        child.kill()
        child.wait()
        return {"n": payload["n"]}
"""


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def url(request):
    return "sqlite:///stook.db" if request.param == "sqlite" else request.getfixturevalue("fresh_postgres")


@pytest.fixture
def run(url, tmp_path, hosting_folder):
    cli = Cli(tmp_path)
    cli.environment |= {
        "STOOK_URL": url,
        "STOOK_SYNCHRONOUS": "off",
        "STOOK_KEY": KEY,
        "STOOK_ENCRYPTION_KEY": new_encryption_key(),
        "STOOK_HOSTING_FOLDER": str(hosting_folder),
        "STOOK_HOSTING_REPLICAS": "2",
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }
    with programs(cli) as made:
        yield made


def doomed(verb, when):
    return {"program": ("soak.doomed_server", verb, when)}


def upload(client):
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("main.py", textwrap.dedent(APP))
        archive.writestr("requirements.txt", "kernel==0.131.0\n")
    files = {"file": ("app.zip", made.getvalue(), "application/zip")}
    return client.post("/kernel/deployments", data={"entrypoint_rel_path": "main.py"}, files=files)


def listed(client):
    return client.get("/kernel/deployments").json()


class Effects:
    """What the action wrote down: numbers, and the processes that there were."""

    def __init__(self, path):
        self.path = path

    @property
    def rows(self):
        text = self.path.read_text() if self.path.exists() else ""
        return [[int(one) for one in line.split()] for line in text.splitlines()]

    @property
    def numbers(self):
        return [row[0] for row in self.rows]

    def gone(self):
        return not any(alive(pid) for _, *pids in self.rows for pid in pids)


def submitted(client, path, body):
    """Under one key, however often."""
    answer = client.post(path, json=body, headers={"idempotency-key": path})
    assert answer.status_code == 202, answer.text
    return answer.json()


def deployed_through_kills(run):
    # while the archive comes
    server = run.server("up", "--hosting", **doomed("arrive", "before"))
    with run.client(server, KEY) as client, pytest.raises(httpx.TransportError):
        upload(client)
    assert server.ended() == -signal.SIGKILL
    # accepted, and neither answered nor built
    server = run.server("up", "--hosting", **doomed("arrive", "after"))
    with run.client(server, KEY) as client:
        assert listed(client) == []
        with pytest.raises(httpx.TransportError):
            upload(client)
    assert server.ended() == -signal.SIGKILL
    # while it is built
    assert run.start("up", "--hosting", "--port", 0, **doomed("publish", "before")).ended() == -signal.SIGKILL


def submitted_through_kills(run, effects, batch, single):
    """The ids of both, and the numbers of what was done and not settled."""
    # the batch accepted, and not answered
    server = run.server("up", "--hosting", **doomed("submit", "after"))
    with run.client(server, KEY) as client:
        until(lambda: listed(client)[0]["status"] not in ("queued", "in_progress"), "the build")
        (deployment,) = listed(client)
        assert deployment["status"] == "running", deployment
        with pytest.raises(httpx.TransportError):
            submitted(client, BATCH, batch)
    assert server.ended() == -signal.SIGKILL
    # while two of it run
    server = run.server("up", "--hosting")
    with run.client(server, KEY) as client:
        ids = submitted(client, BATCH, batch)["batch_job_id"], submitted(client, SINGLE, single)["id"]
        until(lambda: len(effects.rows) == 2, "two that run")
    assert server.ended(signal.SIGKILL) == -signal.SIGKILL
    until(effects.gone, "the end of all processes")
    # between what a process has done and its settlement
    assert run.start("up", "--hosting", "--port", 0, **doomed("settle", "before")).ended() == -signal.SIGKILL
    until(effects.gone, "the end of all processes")
    assert 3 <= len(effects.rows) <= 10  # what ended since the last flush, and what followed it
    return ids, set(effects.numbers)


@pytest.mark.timeout(300)
def test_a_server_killed_at_every_point_of_its_hosting_loses_nothing(run, tmp_path):
    effects = Effects(tmp_path / "effects")
    never = str(tmp_path / "never")
    texts = [{"n": number, "file": str(effects.path), "until": never if number < 2 else ""} for number in NUMBERS]
    *payloads, last = map(json.dumps, texts)
    app = {"app_name": "shop", "action_name": "does"}
    batch, single = {**app, "payloads": payloads}, {**app, "payload": last, "async": True}
    deployed_through_kills(run)
    (job, one), unsettled = submitted_through_kills(run, effects, batch, single)
    server = run.server("up", "--hosting")
    with run.client(server, KEY) as client:
        assert submitted(client, BATCH, batch)["batch_job_id"] == job
        assert submitted(client, SINGLE, single)["id"] == one
        *_, end = events_of(client.get(f"/kernel/batch_jobs/{job}/events"))
        *_, told = events_of(client.get(f"/kernel/invocations/{one}/events"))
        found = client.get(f"/kernel/batch_jobs/{job}").json()
        assert [one["id"] for one in client.get("/kernel/batch_jobs").json()] == [job]
        assert len(client.get("/kernel/invocations", params={"limit": 100}).json()) == len(NUMBERS)
    shown = dict(zip(NUMBERS, [*found.pop("invocations"), told["invocation"]], strict=True))
    lost = {number for number, item in shown.items() if item["status"] == "failed"}
    assert unsettled <= lost
    assert len(lost) <= 6  # two that ran; of the next host two that had, and two that followed them at once
    assert end["batch_job"] == found
    failed = len(lost - {100})
    assert (found["status"], found["failed_count"]) == ("partially_failed", failed)
    assert found["succeeded_count"] == len(payloads) - failed
    for number, item in shown.items():
        if number in lost:
            assert (item["status_reason"], json.loads(item["output"])) == ("worker lost", LOST)
        else:
            assert (item["status"], json.loads(item["output"])) == ("succeeded", {"n": number})
    assert len(set(effects.numbers)) == len(effects.numbers)
    assert shown.keys() - lost <= set(effects.numbers)
    checks = {one["check"]: one["verdict"] for one in run.cli.documents("doctor")}
    assert "wrong" not in checks.values(), checks
    assert server.ended(signal.SIGTERM) == 0, server.words


@pytest.mark.postgres
@pytest.mark.parametrize("url", ["postgres"], indirect=True)
@pytest.mark.timeout(300)
def test_of_two_hosts_one_dies_and_the_other_goes_on(run, tmp_path):
    effects, go = Effects(tmp_path / "effects"), tmp_path / "go"
    payloads = [json.dumps({"n": number, "file": str(effects.path), "until": str(go)}) for number in range(8)]
    server = run.server("up", "--hosting")
    with run.client(server, KEY) as client:
        assert upload(client).status_code == 201
        until(lambda: listed(client)[0]["status"] == "running", "the build")
        batch = {"app_name": "shop", "action_name": "does", "payloads": payloads}
        job = submitted(client, BATCH, batch)["batch_job_id"]
        until(lambda: len(effects.rows) == 2, "what the first host runs")
        other = run.start("worker", "--hosting", STOOK_HOSTING_URL=server.url)
        until(lambda: len(effects.rows) == 4, "what both run")
        other.ended(signal.SIGKILL)
        mine, theirs = effects.rows[:2], effects.rows[2:]
        until(lambda: not any(alive(pid) for _, *pids in theirs for pid in pids), "the end of its processes")
        assert all(alive(pid) for _, *pids in mine for pid in pids)
        go.touch()
        *_, end = events_of(client.get(f"/kernel/batch_jobs/{job}/events"))
        found = client.get(f"/kernel/batch_jobs/{job}").json()["invocations"]
    assert (end["batch_job"]["succeeded_count"], end["batch_job"]["failed_count"]) == (6, 2)
    assert {number for number, one in enumerate(found) if one["status"] == "failed"} == {one[0] for one in theirs}
    assert sorted(effects.numbers) == list(range(8))
    assert server.ended(signal.SIGTERM) == 0, server.words
