"""Who may ask, what is not there, and how that is said."""

from __future__ import annotations

import httpx
import pytest

from stook.config.settings import read_settings
from stook.server.app import make_app
from stook.server.dialects.kernel import ROUTES


def refused(answer, status, code):
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    said = answer.json()
    assert said["code"] == code
    assert said["message"]
    return said


def test_without_a_key_everything_is_401(kernel):
    for headers in ({}, {"authorization": "Bearer nobody"}):
        answer = httpx.get(f"{kernel.serving.url}/kernel/apps", headers=headers)
        refused(answer, 401, "unauthorized")


def test_unknown_paths_and_methods_are_said_in_json(kernel):
    refused(kernel.client.get("/no/such/thing"), 404, "not_found")
    refused(kernel.client.get(""), 404, "not_found")
    said = kernel.client.put("/apps")
    refused(said, 405, "method_not_allowed")
    assert said.headers["allow"] == "GET"


def test_the_native_api_keeps_its_own_words(kernel):
    answer = httpx.get(f"{kernel.serving.url}/api/v1/nothing")
    assert answer.status_code == 404
    assert "error" in answer.json()


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
def test_batch_jobs_are_changed_by_no_method_but_cancel(kernel, method):
    answer = kernel.client.request(method, "/batch_jobs/x", json={"status": "failed"})
    assert "/cancel" in refused(answer, 405, "method_not_allowed")["message"]
    assert answer.headers["allow"] == "GET"


@pytest.mark.parametrize(
    "path",
    [
        *("/browsers", "/browsers/x/y", "/browser_pools", "/profiles", "/proxies", "/extensions/x", "/credentials"),
        *("/vaults", "/vault-provider-configs", "/auth/connections", "/telemetry", "/search", "/config-registry"),
        *("/audit-logs", "/org", "/org/members"),
    ],
)
def test_what_is_not_here_is_501_and_not_tried_again(kernel, path):
    for method in ("GET", "POST"):
        answer = kernel.client.request(method, path)
        refused(answer, 501, "not_supported")
        assert answer.headers["x-should-retry"] == "false"


def test_projects_but_for_their_limits_are_disabled(kernel):
    for path in ("/org/projects", "/org/projects/x"):
        refused(kernel.client.get(path), 404, "projects_disabled")


def test_a_key_may_name_its_own_project_and_an_administrators_any(kernel):
    own = {"x-kernel-project": kernel.project}
    assert kernel.client.get("/apps", headers=own).status_code == 200
    for header in ("x-kernel-project", "x-kernel-project-id"):
        refused(kernel.client.get("/apps", headers={header: "default"}), 404, "project_not_found")
        refused(kernel.admin.get("/apps", headers={header: "nowhere"}), 404, "project_not_found")
    kernel.deploy()
    assert kernel.admin.get("/apps").json() == []
    assert len(kernel.admin.get("/apps", headers=own).json()) == 1


def test_limits_are_shown_to_the_project_and_changed_by_administrators(kernel):
    for path in (f"/org/projects/{kernel.project}/limits", f"/projects/{kernel.project}/limits"):
        none = {"max_concurrent_invocations": None, "max_concurrent_sessions": None, "max_pooled_sessions": None}
        assert kernel.client.get(path).json() == none
        refused(kernel.client.patch(path, json={"max_concurrent_invocations": 3}), 403, "forbidden")
        assert (
            kernel.admin.patch(path, json={"max_concurrent_invocations": 3}).json()["max_concurrent_invocations"] == 3
        )
        assert kernel.admin.patch(path, json={"max_concurrent_sessions": 9}).json()["max_concurrent_invocations"] == 3
        refused(kernel.admin.patch(path, json={"max_pooled_sessions": 1}), 400, "bad_request")
        refused(kernel.admin.patch(path, json={"max_concurrent_invocations": -1}), 400, "bad_request")
        assert kernel.admin.patch(path, json={"max_concurrent_invocations": 0}).json() == none
    refused(kernel.client.get("/org/projects/default/limits"), 404, "project_not_found")
    refused(kernel.admin.get("/org/projects/nowhere/limits"), 404, "project_not_found")


def test_a_list_clamps_its_limit_and_refuses_what_is_no_page(kernel):
    for path, usual in (("/apps", "20"), ("/deployments", "20"), ("/invocations", "20"), ("/batch_jobs", "50")):
        answer = kernel.client.get(path)
        names = ("x-limit", "x-offset", "x-has-more", "x-next-offset")
        assert [answer.headers[one] for one in names] == [usual, "0", "false", "0"]
        assert answer.json() == []
        assert kernel.client.get(path, params={"limit": 101, "offset": ""}).headers["x-limit"] == "100"
        for wrong in ({"limit": 0}, {"limit": "x"}, {"limit": 1.5}, {"offset": -1}):
            refused(kernel.client.get(path, params=wrong), 400, "bad_request")


def test_a_key_without_the_scope_is_403(kernel):
    with kernel.speaking("read") as reader:
        body = {"app_name": "a", "action_name": "b"}
        refused(reader.post("/invocations", json=body), 403, "forbidden")


def test_no_two_routes_share_a_method_and_a_path():
    found = [(one.method, one.path) for one in ROUTES]
    assert len(set(found)) == len(found)


def test_at_the_root_too_where_the_setting_says_so(kernel_server):
    services = kernel_server.services
    usual = services.settings
    services.settings = read_settings({"STOOK_ROOT_DIALECT": "kernel"})
    try:
        app = make_app(services)
    finally:
        services.settings = usual
    headers = {"authorization": f"Bearer {kernel_server.secret}"}

    async def asked(path):
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://x", headers=headers) as client:
            return await client.get(path)

    for path, status, member in (
        ("/apps", 200, None),
        ("/kernel/apps", 200, None),
        ("/nothing", 404, "code"),
        ("/api/v1/nothing", 404, "error"),
        ("/api/v1/batches", 200, "data"),
        ("/healthz", 200, None),
    ):
        answer = kernel_server.call(asked(path))
        assert answer.status_code == status, path
        assert member is None or member in answer.json()
