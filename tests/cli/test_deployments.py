"""`stook deploy`, `stook deployments`, `stook logs` of a deployment: on a store and on a server."""

from __future__ import annotations

import asyncio
import io
import subprocess
import zipfile
from contextlib import asynccontextmanager

import pytest

from stook.cli.commands import app
from stook.config.settings import read_settings
from stook.core.deployment import Action, App
from stook.core.errors import StookError
from stook.engine.hosted_code import HostedCode
from stook.wiring.session import open_session
from stook.wiring.webhooks import sealer_of
from tests.server.deploying import DEPLOYMENTS, Host, zipped
from tests.server.serving import serving


@asynccontextmanager
async def hosting(cli):
    """The host's side of the folder's store."""
    async with open_session(read_settings({}, url=str(cli.folder / "stook.db"))) as session:
        yield HostedCode(session.store, session.engine.blobs, sealer_of(session.settings, session.store))


def build(cli, name="shop", *, fails=None):
    """As the next host would; returns what it was given."""

    async def run():
        async with hosting(cli) as code:
            order = await code.take_build("h")
            await code.copy_archive(order.deployment, cli.folder / "taken.zip")
            await code.write_log(order.deployment.id, ["installing"])
            if fails:
                await code.fail_build(order.token, fails)
            else:
                await code.publish(order.token, [App(name, (Action("pay"),))])
            return order

    return asyncio.run(run())


@pytest.fixture
def project(cli):
    cli.write("code/main.py", "print('hello')\n")
    cli.write("code/lib/part.py", "x = 1\n")
    cli.write("code/__pycache__/main.pyc", "old")

    async def made():
        async with hosting(cli):
            pass

    asyncio.run(made())
    return cli


def taken(cli):
    with zipfile.ZipFile(cli.folder / "taken.zip") as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_a_folder_is_deployed_listed_and_deleted(project):
    project.write("more.env", "# mine\nexport A='from file'\n\nB=2\n")
    words = ("--label", "v1", "--env", "A=1=2", "--env", "C", "--env-file", "more.env", "--no-wait")
    (made,) = project.documents("deploy", "code", *words, C="mine")
    assert (made["state"], made["label"], made["env"], made["dialect"]) == ("queued", "v1", ["A", "B", "C"], "stook")
    order = build(project)
    assert order.env == {"A": "1=2", "B": "2", "C": "mine"}
    assert taken(project) == {"main.py": b"print('hello')\n", "lib/part.py": b"x = 1\n"}
    shown = project("deployments").stdout
    assert made["id"] in shown
    assert "shop" in shown
    task = f"{made['id']}/shop/pay"
    (version,) = project.documents("deployments", "--apps", "--app", "shop")
    assert (version["label"], version["tasks"]) == ("v1", [task])
    assert task in project("deployments", made["id"]).stdout
    assert project("logs", made["id"]).stdout.endswith("Z installing\n")
    assert [one["text"] for one in project.documents("logs", made["id"])] == ["installing"]
    assert project("deployments", made["id"], "--delete").stdout == "deleted\n"
    assert project("deployments").stdout == "nothing is deployed\n"
    assert "no such deployment" in project.fails(2, "deployments", "0192f0c1-7b7e-4000-8a2b-3c4d00000000")


def test_what_the_build_says_is_shown_until_it_has_failed(project):
    with project.started("deploy", "code/main.py", "--dialect", "kernel") as process:
        line = process.stderr.readline()
        assert line == "stook: waiting for a host to build it\n"
        build(project, fails="ImportError: no module named nowhere (main.py, line 1)")
        out, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert err.splitlines()[-1].endswith("Z installing")
    assert "ImportError: no module named nowhere (main.py, line 1)" in out


def test_of_a_repository_goes_what_git_does_not_ignore(project):
    project.write("code/.gitignore", "secret.txt\n")
    project.write("code/secret.txt", "x")
    project.write("code/.hidden", "y")
    git = ["git", "-C", str(project.folder / "code"), "-c", "user.name=a", "-c", "user.email=a@b"]
    if subprocess.run([*git, "init", "-q"], check=False).returncode:
        pytest.skip("there is no git")
    project("deploy", "code", "--no-wait")
    build(project)
    assert set(taken(project)) == {".gitignore", ".hidden", "__pycache__/main.pyc", "lib/part.py", "main.py"}


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("nowhere",), "there is no such file or folder"),
        (("code/lib",), "none of main.py"),
        (("code", "--entrypoint", "other.py"), "--entrypoint other.py: there is no such file in code"),
        (("code", "--entrypoint", "../code/main.py"), "leads out of code"),
        (("code", "--entrypoint", " "), "--entrypoint is empty"),
        (("code", "--entrypoint", "index.ts"), "dialect=kernel runs it"),
        (("good.zip", "--entrypoint", "other.py"), "good.zip: the archive has no file 'other.py'"),
        (("good.zip",), "which of its files is loaded"),
        (("code", "--entrypoint", "index.rb"), "nothing here runs"),
        (("code.zip",), "code.zip: it cannot be read as a ZIP or tar.gz"),
        (("code.zip", "--entrypoint", "main.py"), "not a zip"),
        (("code/main.py", "--entrypoint", "x.py"), "goes with a folder"),
        (("code", "--env", "NOWHERE_SET"), "is not in this environment"),
        (("code", "--env", "=x"), "name of an environment variable"),
        (("code", "--env-file", "code/main.py"), "main.py, line 1: is not NAME=VALUE"),
        (("code", "--label", ""), "--label has 0 characters"),
        (("code", "--label", "x" * 201), "--label has 201 characters"),
    ],
    ids=range(17),
)
@pytest.mark.parametrize("there", [True, False], ids=["store", "no-store"])
def test_what_cannot_be_deployed(project, monkeypatch, words, says, there):
    """Whether there is anything to deploy to or not. In this process: two dozen more would take longer than all other
    tests here."""
    project.write("code.zip", "text")
    for name in ("index.rb", "index.ts"):
        project.write(f"code/{name}", "text")
    (project.folder / "good.zip").write_bytes(zipped({"main.py": ""}))
    monkeypatch.chdir(project.folder)
    where = () if there else ("--store", "sqlite:///nowhere/s.db")
    with pytest.raises(StookError) as caught:
        app(["deploy", *words, "--no-wait", *where], exit_on_error=False, result_action="return_value")
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("deployments", "--delete"), "which one"),
        (("deployments", "x", "--apps"), "leave out the id"),
        (("deployments", "x"), "no such deployment"),
        (("deployments", "--limit", "0"), "--limit 0"),
        (("invoke", "batch", "a", "b", "nowhere", "-c", "0"), "--concurrency=0"),
        (("logs", "0192f0c1-7b7e-4000-8a2b-3c4d00000000"), "no batch with the id"),
        (("logs", "0192f0c1-7b7e-4000-8a2b-3c4d00000000", "--item", "1"), "no batch with the id"),
    ],
    ids=range(7),
)
def test_what_cannot_be_asked(project, monkeypatch, words, says):
    monkeypatch.chdir(project.folder)
    with pytest.raises(StookError) as caught:
        app(list(words), exit_on_error=False, result_action="return_value")
    assert says in str(caught.value)


def test_a_server_is_as_good_as_a_store(project):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.write(project.folder / "code" / "main.py", "start.py")
    (project.folder / "code.zip").write_bytes(packed.getvalue())
    with serving(f"sqlite:///{project.folder / 'served.db'}") as served:
        there = {"STOOK_SERVER": served.url, "STOOK_KEY": served.secret}
        words = ("code.zip", "--entrypoint", "start.py", "--env", "A=1")
        project("deploy", *words, "--no-wait", **there)
        host = Host(served)
        order = host.take()
        assert order.env == {"A": "1"}
        assert host.copy(order, project.folder / "copy") == packed.getvalue()
        host.say(order.deployment.id, "built \x1b[1m")
        host.publish(order)
        assert "built \ufffd[1m" in project("logs", order.deployment.id, **there).stdout
        assert "running" in project("deployments", "--label", "latest", **there).stdout
        project("deployments", order.deployment.id, "--delete", **there)
        assert served.client.get(DEPLOYMENTS).json()["data"] == []
        followed = project("logs", order.deployment.id, "--follow", **there).stdout
        assert followed.count("built") == 1
