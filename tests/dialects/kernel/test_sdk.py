"""The released clients, unmodified, each in an environment of its own: an app is deployed, invoked, run five hundred
times by a batch job, and looked at, with nothing but the SDK and a base URL."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

from stook.wiring.hosting import hosting
from tests.dialects.kernel.rig import Kernel
from tests.docs.pages import examples, said
from tests.hosting.conftest import hosting_folder, kernel_python  # noqa: F401 - fixtures
from tests.server.serving import serving

SDK = "@onkernel/sdk@0.84.0"
HERE = Path(__file__).parent
PYTHON_APP = """
import os
import kernel

client = kernel.Kernel()
app = kernel.App("sums")

@app.action("add")
async def add(ctx: kernel.KernelContext, payload):
    print(os.environ["GREETING"], payload["n"])
    if payload["n"] % 100 == 7:
        raise ValueError(f"bad {payload['n']}")
    return {"sum": payload["n"] + 1, "same": bool(ctx.invocation_id)}
"""
NODE_APP = """
import { Kernel } from '@onkernel/sdk';
const app = new Kernel().app('sums');
app.action('add', async (ctx, payload) => {
  console.log(process.env.GREETING, payload.n);
  if (payload.n % 100 === 7) throw new Error(`bad ${payload.n}`);
  return { sum: payload.n + 1, same: Boolean(ctx.invocation_id) };
});
"""


@pytest.fixture(scope="module")
def hosted(tmp_path_factory, hosting_folder):  # noqa: F811 - a fixture by its name
    """A server with a host beside it."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("STOOK_SYNCHRONOUS", "off")
        patched.setenv("STOOK_HOSTING_FOLDER", str(hosting_folder))
        with serving(f"sqlite:///{tmp_path_factory.mktemp('kernel')}/s.db") as served:
            context = hosting(served.session, grace=5, url=served.url)
            served.call(context.__aenter__())
            try:
                yield served
            finally:
                served.call(context.__aexit__(None, None, None))


@pytest.fixture
def ours(hosted):
    """The environment of a client that has a key of a project of its own."""
    made = Kernel(hosted)
    yield {
        "PATH": os.environ["PATH"],
        "KERNEL_BASE_URL": f"{hosted.url}/kernel",
        "KERNEL_API_KEY": made.client.headers["authorization"].removeprefix("Bearer "),
    }
    made.close()


@pytest.fixture(scope="session")
def node_sdk(hosting_folder):  # noqa: F811
    """A folder whose node_modules hold the SDK, installed once per user and machine."""
    if shutil.which("npm") is None:
        pytest.skip("there is no npm here")
    folder = hosting_folder / "kernel-node-sdk-0.84.0"
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "ready").exists():
            (folder / "package.json").write_text('{"type": "module"}')
            command = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", SDK]
            subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=300)
            (folder / "ready").touch()
    return folder


def seen(command, environment):
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    return json.loads(done.stdout.splitlines()[-1])


BAD = [7, 7, 107, 207, 307, 407]


@pytest.mark.timeout(400)
def test_the_python_sdk_does_all_of_it(hosted, ours, kernel_python, tmp_path):  # noqa: F811
    folder = tmp_path / "app"
    folder.mkdir()
    (folder / "main.py").write_text(PYTHON_APP)
    (folder / "requirements.txt").write_text("kernel==0.131.0\n")
    found = seen([kernel_python, HERE / "sdk_program.py", folder, "main.py"], ours)
    assert found.pop("followed")[-1] == "invocation_state"
    assert found.pop("states")[-1] == "running"
    assert "batch_state" in found.pop("events")
    assert any("hi 2" in one for one in found.pop("logs"))
    assert found == {
        "summaries": ["sums"],
        "sync": ["succeeded", {"sum": 2, "same": True}],
        "bad": ["failed", "action raised an error", {"error": "ValueError: bad 7"}],
        "traceback": True,
        "queued": "queued",
        "ended": "succeeded",
        "retrieved": '{"sum": 3, "same": true}',
        "finished": "invocation_finished",
        "last": ["batch_state", "partially_failed"],
        "counts": [495, 5, 500],
        "in_order": True,
        "listed": True,
        "everything": [503, 503],
        "failed": BAD,
        "errors": {
            "no app": ["NotFoundError", 404, "not_found"],
            "bad payload": ["BadRequestError", 400, "bad_request"],
            "no invocation": ["NotFoundError", 404, "not_found"],
            "browsers": ["InternalServerError", 501, "not_supported"],
            "no key": ["AuthenticationError", 401, "unauthorized"],
        },
        "left": [],
        "stopped": "stopped",
        "late": [True, "deployment_state"],
    }


@pytest.mark.timeout(400)
def test_the_page_says_what_happens(hosted, ours, kernel_python, tmp_path):  # noqa: F811
    app, client = examples("docs/coming-from-kernel.md", "python")
    (tmp_path / app.file).write_text(app.text)
    command = [kernel_python, "-c", client.text]
    done = subprocess.run(command, env=ours, cwd=tmp_path, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    assert done.stdout.splitlines() == said(client)


@pytest.mark.timeout(400)
def test_the_node_sdk_does_all_of_it(hosted, ours, node_sdk, tmp_path):
    archive = tmp_path / "app.zip"
    with zipfile.ZipFile(archive, "w") as made:
        made.writestr("index.js", NODE_APP)
        made.writestr("package.json", json.dumps({"type": "module", "dependencies": {"@onkernel/sdk": "0.84.0"}}))
    program = node_sdk / "sdk_program.mjs"
    shutil.copy(HERE / "sdk_program.mjs", program)
    found = seen(["node", program, archive, "index.js"], ours)
    assert any("hi 2" in one for one in found.pop("logs"))
    assert found == {
        "summaries": ["sums"],
        "apps": ["latest"],
        "sync": ["succeeded", {"sum": 2, "same": True}],
        "bad": ["failed", "action raised an error"],
        "queued": "queued",
        "ended": "succeeded",
        "last": ["batch_state", "partially_failed"],
        "counts": [495, 5, 500],
        "in_order": True,
        "everything": [503, 503],
        "failed": BAD,
        "errors": {
            "no app": ["NotFoundError", 404, "not_found"],
            "bad payload": ["BadRequestError", 400, "bad_request"],
            "browsers": ["InternalServerError", 501, "not_supported"],
        },
        "left": [],
    }
