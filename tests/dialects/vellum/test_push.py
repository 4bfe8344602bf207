"""Pushing a workflow: what is refused at the door, what a host refuses, what is released; and pulling it again."""

from __future__ import annotations

import io
import json
import tarfile
import uuid
import zipfile
from concurrent.futures import ThreadPoolExecutor

import pytest

from stook.server.dialects.vellum.pull import to_zip
from stook.server.dialects.vellum.push import module_of
from stook.server.dialects.vellum.refused import VellumRefusal
from tests.dialects.vellum.workflows import CONFIG, archive_of

FILES = {"__init__.py": "", "workflow.py": "x = 1\n", "nodes/greet.py": "y = 2\n", "metadata.json": "{}"}
DEPLOYED = {"deployment_config": {"name": "pushed", "label": "Pushed", "release_tags": ["v1"], "description": "d"}}


def form(**parts):
    made = {
        "exec_config": CONFIG | {"runner_config": {}, "workflow_raw_data": {"nodes": []}},
        "workflow_sandbox_id": "",
    }
    made |= parts
    return {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in made.items()
        if value is not None
    }


def send(client, artifact=None, filename="pkg__hello.tar.gz", **parts):
    content = archive_of(**FILES) if artifact is None else artifact
    files = {"artifact": (filename, content, "application/x-tar")}
    return client.post("/v1/workflows/push", data=form(**parts), files=files)


def pushed(workflows, client, *, refuse=None, **parts):
    """Sent, while a host builds it or refuses to."""
    with ThreadPoolExecutor(1) as threads:
        sending = threads.submit(send, client, **parts)
        workflows.served.call(workflows.build(refuse))
        return sending.result()


def names_in(answer):
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(answer.content)) as packed:
        return {name: packed.read(name).decode() for name in packed.namelist()}


def names_of(client):
    return [one["name"] for one in client.get("/v1/workflow-deployments?ordering=name").json()["results"]]


def test_a_push_makes_a_release_and_a_sandbox(workflows, client):
    made = pushed(workflows, client, **DEPLOYED)
    assert made.status_code == 200, made.text
    sandbox, deployment = made.json()["workflow_sandbox_id"], made.json()["workflow_deployment_id"]
    assert uuid.UUID(sandbox) != uuid.UUID(deployment)
    act = workflows.served.client.get("/api/v1/actions").json()["data"][0]
    assert (act["kind"], act["scope"]) == ("deploy", f"deployment {sandbox} under LATEST")
    first = client.get("/v1/workflow-deployments/pushed").json()
    assert (first["id"], first["label"], first["description"]) == (deployment, "Pushed", "d")
    assert first["input_variables"] == CONFIG["input_variables"]
    release = client.get("/v1/workflow-deployments/pushed/releases/v1").json()
    again = pushed(workflows, client, workflow_sandbox_id=sandbox, **DEPLOYED)
    assert again.json() == made.json()
    second = client.get("/v1/workflow-deployments/pushed").json()
    assert second["created"] == first["created"] < second["last_deployed_on"]
    assert client.get("/v1/workflow-deployments/pushed/releases").json()["count"] == 2
    moved = client.get("/v1/workflow-deployments/pushed/releases/v1").json()
    assert moved["id"] == second["last_deployed_history_item_id"] != release["id"]
    for where in ("pushed", deployment, sandbox):
        assert names_in(client.get(f"/v1/workflows/{where}/pull?exclude_code=false")) == FILES
    static = release["id"].replace("-", "")[:12]
    assert names_in(client.get(f"/v1/workflows/pushed/pull?release_tag={static}")) == FILES
    assert client.get("/v1/workflows/pushed/pull?release_tag=nope").status_code == 404
    assert client.get(f"/v1/workflows/{sandbox}/pull?release_tag=v1").status_code == 400
    assert client.get(f"/v1/workflows/{uuid.uuid4()}/pull").status_code == 404
    taken = send(client, deployment_config={"name": "pushed", "release_tags": [static]})
    assert (taken.status_code, static in taken.json()["detail"]) == (400, True)


def test_a_push_without_a_deployment_releases_nothing(workflows, client):
    before = names_of(client)
    made = pushed(workflows, client, exec_config=None, deployment_config=None)
    assert list(made.json()) == ["workflow_sandbox_id"]
    assert names_of(client) == before
    assert names_in(client.get(f"/v1/workflows/{made.json()['workflow_sandbox_id']}/pull")) == FILES


def test_a_dry_run_changes_nothing(workflows, client):
    before = names_of(client)
    made = pushed(workflows, client, dry_run="true", deployment_config={"name": "never"})
    assert made.json()["proposed_diffs"] == {}
    assert names_of(client) == before
    assert client.get(f"/v1/workflows/{made.json()['workflow_sandbox_id']}/pull").status_code == 404


def test_what_a_host_refuses_is_told_and_gone(workflows, client):
    refused = pushed(workflows, client, refuse="Search is a node of kind SEARCH", deployment_config={"name": "never"})
    assert (refused.status_code, refused.json()) == (400, {"detail": "Search is a node of kind SEARCH"})
    assert "never" not in names_of(client)


@pytest.mark.parametrize(
    ("change", "code", "says"),
    [
        ({"exec_config": "{"}, 400, "exec_config"),
        ({"exec_config": "[]"}, 400, "exec_config"),
        ({"deployment_config": {"name": 3}}, 400, "deployment_config"),
        ({"deployment_config": {"name": "a b"}}, 400, "a b"),
        ({"deployment_config": {"release_tags": ["LATEST"]}}, 400, "LATEST"),
        ({"deployment_config": {"release_tags": ["a..b"]}}, 400, "a..b"),
        ({"dataset": {"a": 1}}, 400, "dataset"),
        ({"dry_run": "maybe"}, 400, "dry_run"),
        ({"workflow_sandbox_id": str(uuid.uuid4())}, 404, "sandbox"),
        ({"workflow_sandbox_id": "x"}, 404, "sandbox"),
        ({"filename": "hello.zip"}, 400, "hello.zip"),
        ({"artifact": b"no tar at all"}, 400, "artifact"),
    ],
)
def test_what_is_refused_at_the_door(workflows, client, change, code, says):
    before = workflows.served.call(workflows.services.deployments.list("default", dialect="vellum")).items
    refused = send(client, **change)
    assert (refused.status_code, list(refused.json())) == (code, ["detail"])
    assert says in refused.json()["detail"]
    assert workflows.served.call(workflows.services.deployments.list("default", dialect="vellum")).items == before


def test_an_archive_that_reaches_out_of_its_folder_is_refused(client):
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as tar:
        link = tarfile.TarInfo("workflow.py")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
    for artifact in (made.getvalue(), archive_of(**{"../evil.py": "x"})):
        refused = send(client, artifact)
        assert (refused.status_code, "artifact" in refused.json()["detail"]) == (400, True)
    assert client.post("/v1/workflows/push", data={"dry_run": "true"}, files={"x": b""}).status_code == 400


def test_nobody_builds_it(workflows, client):
    settings = workflows.services.settings
    workflows.services.settings = type(settings)(vellum_push_seconds=0.2, url=settings.url)
    try:
        refused = send(client, **DEPLOYED)
    finally:
        workflows.services.settings = settings
    assert (refused.status_code, "no host built it within 0.2 seconds" in refused.json()["detail"]) == (400, True)


def test_modules_are_named_by_their_files():
    assert module_of("a__b.tar.gz") == "a.b"
    for wrong in ("a.zip", ".tar.gz"):
        with pytest.raises(VellumRefusal):
            module_of(wrong)


def test_only_regular_files_are_pulled(tmp_path):
    archive, packed = tmp_path / "a.tar.gz", tmp_path / "a.zip"
    with tarfile.open(archive, "w:gz") as tar:
        for name, kind in (("./a.py", tarfile.REGTYPE), ("folder", tarfile.DIRTYPE), ("l.py", tarfile.SYMTYPE)):
            member = tarfile.TarInfo(name)
            member.type = kind
            tar.addfile(member, io.BytesIO())
    to_zip(archive, packed)
    assert zipfile.ZipFile(packed).namelist() == ["a.py"]
    to_zip(packed, tmp_path / "b.zip")
    assert (tmp_path / "b.zip").read_bytes() == packed.read_bytes()
