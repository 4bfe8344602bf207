"""`stook up` and `stook worker` as hosts: real processes, Kernel's HTTP routes, and a host that is killed."""

from __future__ import annotations

import io
import json
import signal
import textwrap
import zipfile

import pytest

from tests.cli.conftest import Cli, until
from tests.hosting.test_replica import alive
from tests.serving.programs import programs

APP = """
    import json, os, subprocess, time
    import kernel

    kernel.Kernel()
    app = kernel.App("shop")

    @app.action("works")
    def works(ctx, payload):
        print("working")
        return {"pid": os.getpid(), "home": os.environ["KERNEL_BASE_URL"], "payload": payload}

    @app.action("asks")
    def asks(ctx):
        client = kernel.Kernel()
        return [one.app_name for one in client.apps.list()]

    @app.action("hangs")
    def hangs(ctx, payload):
        child = subprocess.Popen(["sleep", "1000"], start_new_session=True)
        with open(payload, "w") as file:
            file.write(f"{os.getpid()} {child.pid}\\n")
        time.sleep(1000)
"""


@pytest.fixture
def run(tmp_path, hosting_folder):
    cli = Cli(tmp_path)
    cli.environment |= {"STOOK_SYNCHRONOUS": "off", "STOOK_HOSTING_FOLDER": str(hosting_folder)}
    with programs(cli) as made:
        yield made


def deploy(client):
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("main.py", textwrap.dedent(APP))
        archive.writestr("requirements.txt", "kernel==0.131.0\n")
    files = {"file": ("app.zip", made.getvalue(), "application/zip")}
    answer = client.post("/kernel/deployments", data={"entrypoint_rel_path": "main.py"}, files=files)
    assert answer.status_code == 201, answer.text
    deployment = answer.json()["id"]

    def found():
        return client.get(f"/kernel/deployments/{deployment}").json()

    until(lambda: found()["status"] not in ("queued", "in_progress"), "the build")
    assert found()["status"] == "running", found()
    return deployment


def invoke(client, action, payload=None, *, wait=True):
    body = {"app_name": "shop", "action_name": action, "version": "latest", "async": not wait}
    if payload is not None:
        body["payload"] = json.dumps(payload)
    answer = client.post("/kernel/invocations", json=body)
    assert answer.status_code in (200, 202), answer.text
    return answer.json()


def test_a_killed_host_leaves_no_process_and_the_next_one_serves_on(run, tmp_path):
    up = run.server("up", "--hosting")
    with run.client(up, up.ready["key"]) as client:
        deploy(client)
        works = invoke(client, "works", {"a": 1})
        assert works["status"] == "succeeded", works
        output = json.loads(works["output"])
        assert (output["payload"], output["home"]) == ({"a": 1}, f"{up.url}/kernel")
        assert json.loads(invoke(client, "asks")["output"]) == ["shop"]
        pids = tmp_path / "pids"
        hangs = invoke(client, "hangs", str(pids), wait=False)["id"]
        until(lambda: pids.exists() and pids.read_text().endswith("\n"), "the run")
    of_run = [int(one) for one in pids.read_text().split()]
    assert all(map(alive, [*of_run, output["pid"]]))
    assert up.ended(signal.SIGKILL) == -signal.SIGKILL
    until(lambda: not any(map(alive, [*of_run, output["pid"]])), "the end of its processes")
    again = run.server("up", "--hosting")
    with run.client(again, up.ready["key"]) as client:
        until(lambda: client.get(f"/kernel/invocations/{hangs}").json()["status"] == "failed", "the end of the run")
        assert json.loads(invoke(client, "works", 2)["output"])["payload"] == 2
        keys = [one for one in client.get("/api/v1/keys").json()["data"] if one["name"].startswith("deployment ")]
        assert [one["revoked_at"] is None for one in keys] == [False, True], "the killed host's opens nothing any more"
    assert again.ended(signal.SIGTERM) == 0, again.words


def test_who_hosts_is_said_by_command_and_setting(run):
    serve = run.server("serve")
    quiet = run.start("worker")
    assert quiet.ended() == 2
    assert "a worker needs tasks" in quiet.words
    afar = run.start("worker", "--hosting", "--server", serve.url, "--key", serve.ready["key"])
    assert afar.ended() == 2
    assert "--hosting is for a worker beside its store" in afar.words
    host = run.start("worker", STOOK_HOSTING="on", STOOK_HOSTING_URL=serve.url)
    host.says("hosting what is deployed")
    with run.client(serve, serve.ready["key"]) as client:
        deploy(client)
        assert invoke(client, "works", 1)["status"] == "succeeded"
    assert host.ended(signal.SIGTERM) == 0, host.words
