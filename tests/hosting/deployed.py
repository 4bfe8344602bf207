"""A store, a host beside it, and what a deployment's owner sees."""

from __future__ import annotations

import asyncio
import contextlib
import json
import zipfile

from stook.config.settings import read_settings
from stook.core.ids import batch_of, index_of, parse_id
from stook.engine.deployments import Deployments
from stook.engine.hosted_executions import HostedExecutions
from stook.engine.service import Engine
from stook.store.script.read.logs import read_logs
from stook.webhooks.sealer import new_encryption_key
from stook.wiring.hosting import hosting
from stook.wiring.session import open_session
from stook.wiring.webhooks import sealer_of

PATIENCE = 100.0


def zipped(folder, path):
    with zipfile.ZipFile(path, "w") as archive:
        for file in folder.rglob("*"):
            if file.is_file():
                archive.write(file, file.relative_to(folder))
    return path


class Owner:
    def __init__(self, session, folder):
        self.session = session
        self.folder = folder
        settings = session.settings
        self.deployments = Deployments(session.store, session.engine.blobs, sealer_of(settings, session.store))
        self.executions = HostedExecutions(lambda project: Engine(session.store, session.engine.blobs, project=project))
        self.count = 0

    def host(self, **how):
        return hosting(self.session, **{"grace": 5.0, "url": "http://127.0.0.1:9"} | how)

    async def deploy(self, root, *, entrypoint="main.py", dialect="stook", runtime="python", label="latest", **how):
        """As it is once it is built, or is not going to be."""
        self.count += 1
        archive = zipped(root, self.folder / f"{self.count}.zip")
        made = await self.deployments.create(
            "default", dialect=dialect, runtime=runtime, label=label, entrypoint=entrypoint, archive=archive, **how
        )
        return await self.built(made.id)

    async def built(self, deployment_id):
        async with asyncio.timeout(PATIENCE):
            while True:
                found = await self.deployments.get("default", deployment_id)
                if found.state not in ("queued", "building"):
                    return found
                await self.session.store.wait((f"deployment:{deployment_id}",), 0.2)

    async def submit(self, deployment, action, payload=None, **how):
        app = deployment.apps[0].name
        found = await self.deployments.resolve("default", deployment.dialect, app, action, deployment.label)
        given = None if payload is None else json.dumps(payload).encode()
        return await self.executions.submit("default", found, given, **how)

    async def ended(self, execution):
        async with asyncio.timeout(PATIENCE):
            while True:
                found = await self.executions.wait_for_end("default", execution, 5)
                if found.finished_at is not None:
                    return found

    async def outcome(self, deployment, action, payload=None, **how):
        return await self.ended(await self.submit(deployment, action, payload, **how))

    async def running(self, execution):
        async with asyncio.timeout(PATIENCE):
            while not (await self.executions.get("default", execution)).begun:
                await asyncio.sleep(0.01)

    async def log(self, deployment):
        return await self.deployments.log("default", deployment.id)

    async def said(self, execution):
        raw = parse_id(execution)
        page = await self.session.store.read(
            read_logs, batch_of(raw), index_of(raw), attempt=None, after=None, limit=10_000
        )
        return [line.message for line in page.lines]


@contextlib.asynccontextmanager
async def owner(tmp_path, hosting_folder, **settings):
    given = {"url": f"sqlite:///{tmp_path}/s.db", "synchronous": "off", "hosting_folder": str(hosting_folder)}
    given |= {"hosting_kill_seconds": 0.5, "encryption_key": new_encryption_key()}
    read = read_settings({}, **given | settings)
    folder = tmp_path / "archives"
    folder.mkdir(exist_ok=True)
    async with open_session(read) as session:
        yield Owner(session, folder)
