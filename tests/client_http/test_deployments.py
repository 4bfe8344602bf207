"""`client.deployments`: what is deployed over HTTP, listed, followed, deleted."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

import stook
from stook.client import deployment_calls as calls
from stook.core.deployment import Deployment, DeploymentLogLine
from stook.core.errors import Conflict, InputError, NotFound, OptionError
from stook.core.hosted import hosted_task
from stook.wire.deployment import AppVersionQuery, DeploymentQuery, DeployQuery
from tests.client_http.test_webhooks import route_of
from tests.server.deploying import Host, zipped
from tests.server.serving import serving


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    with serving(f"sqlite:///{tmp_path_factory.mktemp('served') / 'stook.db'}") as found:
        yield found


@pytest.fixture
def client(served):
    with stook.Client(served.url, key=served.secret) as made:
        yield made
        for one in made.deployments.list():
            made.deployments.delete(one.id)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "main.py").write_text("print('hello')\n")
    return tmp_path


def test_each_call_is_a_route(folder):
    made = [
        calls.apps(AppVersionQuery(dialect="kernel", app="a", label="b", deployment="c", query="d", limit=3, offset=4)),
        calls.delete("d"),
        calls.deploy(folder / "main.py", DeployQuery(entrypoint="main.py"), {}),
        calls.deployment("d"),
        calls.deployments(DeploymentQuery(dialect="kernel", app="a", label="b", query="c", limit=3, offset=4)),
        calls.follow("d", "3", "2026-11-22T08:00:00Z"),
        calls.logs("d", 3, "2026-11-22T08:00:00Z", 5),
    ]
    assert len(made) == len(calls.__all__)
    for request in made:
        route = route_of(request)
        assert {name for name, _ in request.query} <= set(route.query.__struct_fields__ if route.query else ())


def test_a_folder_is_deployed_followed_and_deleted(served, client, folder):
    host = Host(served)
    made = client.deployments.deploy(folder, "main.py", label="v1", env={"A": "secret"}, dialect="kernel")
    assert (made.state.value, made.env_names, made.project) == ("queued", ("A",), "default")
    following = client.deployments.follow(made.id)
    assert next(following) == made
    order = host.take()
    assert order.env == {"A": "secret"}
    host.say(made.id, "installing")
    host.publish(order)
    told = [next(following) for _ in range(2)]
    told = [one for one in told if not (isinstance(one, Deployment) and one.state.value == "building")]
    assert isinstance(told[0], DeploymentLogLine)
    assert told[0].text == "installing"
    (app,) = client.deployments.apps(app="shop")
    task = hosted_task(app.deployment_id, app.app, app.actions[0].name)
    client.map(task, [1, 2])
    assert [one.id for one in client.deployments.list(app="shop")] == [made.id]
    assert [one.text for one in client.deployments.log(made.id)] == ["installing"]
    assert list(client.deployments.log(made.id, since=datetime(2100, 1, 1, tzinfo=UTC))) == []
    client.deployments.delete(made.id)
    client.deployments.delete(made.id)
    assert client.deployments.get(made.id).deleted
    assert list(following)[-1].state.value == "stopped"
    assert [one.state.value for one in client.batches(task=task)] == ["cancelled"]


def test_the_same_id_is_one_deployment(client, folder):
    mine = "6dd2b4f1-93a5-4d0c-9f2b-53c1f0a0c001"
    (folder / "code.zip").write_bytes(zipped())
    for _ in range(2):
        assert client.deployments.deploy(folder / "code.zip", "main.py", id=mine).id == mine
    (folder / "code.zip").write_bytes(zipped({"main.py": "other"}))
    with pytest.raises(Conflict):
        client.deployments.deploy(folder / "code.zip", "main.py", id=mine)


def test_the_same_folder_is_the_same_archive(client, folder):
    sums = {client.deployments.deploy(folder, "main.py").checksum for _ in range(2)}
    assert len(sums) == 1


def test_what_cannot_be_is_said(client, folder):
    with pytest.raises(OptionError, match="no option `colour`"):
        client.deployments.deploy(folder, "main.py", colour="red")
    with pytest.raises(InputError, match="has no file"):
        client.deployments.deploy(folder, "other.py")
    with pytest.raises(InputError, match="cannot be read"):
        client.deployments.deploy(folder / "nowhere.zip", "main.py")
    with pytest.raises(OptionError, match="time zone"):
        list(client.deployments.log("x", since=datetime(2026, 1, 1)))
    for call in (client.deployments.get, client.deployments.delete, lambda one: list(client.deployments.log(one))):
        with pytest.raises(NotFound):
            call("nobody")


def test_the_same_in_coroutines(served, client, folder):
    async def run():
        async with stook.AsyncClient(served.url, key=served.secret) as inner:
            made = await inner.deployments.deploy(folder, "main.py")
            assert [one.id async for one in inner.deployments.list()] == [made.id]
            assert [one async for one in inner.deployments.apps()] == []
            assert [one async for one in inner.deployments.log(made.id)] == []
            await inner.deployments.delete(made.id)
            return [one.state.value async for one in inner.deployments.follow(made.id)]

    assert asyncio.run(run()) == ["failed"]
