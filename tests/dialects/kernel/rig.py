"""A server that speaks the dialect, deployments of a project of their own, and a worker where their code would run."""

from __future__ import annotations

import contextlib
import io
import itertools
import json
import secrets
import zipfile

import httpx

from stook.core.deployment import Action, App
from stook.core.hosted import hosted_policy, hosted_task
from stook.engine.hosted_code import HostedCode
from stook.wiring.webhooks import sealer_of
from stook.worker.definition import define

__all__ = ["Kernel", "events_of", "zipped"]

_count = itertools.count()


def zipped(**files):
    """The bytes of an archive; `__` in a name stands for a dot."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, content in files.items():
            archive.writestr(name.replace("__", "."), content)
    return made.getvalue()


def events_of(answer):
    """Of a stream that is read to its end."""
    found = []
    for block in answer.text.replace("\r\n", "\n").split("\n\n")[:-1]:
        (line,) = block.split("\n")
        assert line.startswith("data: ")
        found.append(json.loads(line[6:]))
    assert answer.text.endswith("\n\n")
    return found


class Kernel:
    """As one project sees it. `client` speaks as its key."""

    def __init__(self, serving):
        self.serving = serving
        self.services = serving.services
        self.project = f"project-{next(_count)}-{secrets.token_hex(3)}"
        self.code = HostedCode(
            serving.session.store,
            serving.session.engine.blobs,
            sealer_of(serving.session.settings, serving.session.store),
        )
        serving.call(self.services.projects.create(self.project))
        self.client = self.speaking("read", "submit", "operate")
        self.admin = httpx.Client(
            base_url=f"{serving.url}/kernel", headers={"authorization": f"Bearer {serving.secret}"}, timeout=60
        )

    def speaking(self, *scopes):
        _, secret = self.serving.call(self.services.keys.create(self.project, "test", scopes))
        headers = {"authorization": f"Bearer {secret}"}
        return httpx.Client(base_url=f"{self.serving.url}/kernel", headers=headers, timeout=60)

    def close(self):
        self.client.close()
        self.admin.close()

    def upload(self, *, label="latest", **fields):
        archive = zipped(main__py="x = 1")
        form = {"entrypoint_rel_path": "main.py", "version": label, **fields}
        return self.client.post("/deployments", data=form, files={"file": ("a.zip", archive, "application/zip")})

    def publish(self, *apps):
        """Of what was uploaded last: it is built now."""

        async def publish():
            order = await self.code.take_build("host")
            return await self.code.publish(order.token, apps)

        return self.serving.call(publish())

    def fail(self, reason):
        async def fail():
            order = await self.code.take_build("host")
            await self.code.fail_build(order.token, reason)

        self.serving.call(fail())

    def deploy(self, app="shop", *actions, label="latest", **fields):
        """A deployment that runs, by its id."""
        answer = self.upload(label=label, **fields)
        assert answer.status_code == 201, answer.text
        made = answer.json()["id"]
        published = self.publish(App(app, tuple(Action(one) for one in actions or ("pay",))))
        assert published is not None
        assert published.id == made
        return made

    @contextlib.contextmanager
    def running(self, deployment_id, app="shop", concurrency=10, **actions):
        """Code of its actions, at work."""
        policy = hosted_policy("kernel", app)
        names = {action: hosted_task(deployment_id, app, action) for action in actions}
        definitions = {names[one]: define(code, name=names[one], policy=policy) for one, code in actions.items()}
        context = self.serving.session.working(definitions, concurrency=concurrency)
        self.serving.call(context.__aenter__())
        try:
            yield
        finally:
            self.serving.call(context.__aexit__(None, None, None))

    def invoke(self, action="pay", payload=None, *, app="shop", **fields):
        body = {"app_name": app, "action_name": action, **fields}
        if payload is not None:
            body["payload"] = json.dumps(payload)
        return self.client.post("/invocations", json=body)

    def batch(self, payloads, *, app="shop", action="pay", **fields):
        body = {"app_name": app, "action_name": action, "payloads": [json.dumps(one) for one in payloads], **fields}
        return self.client.post("/invocations/batch", json=body)

    def events(self, path):
        answer = self.client.get(path)
        assert answer.status_code == 200, answer.text
        return events_of(answer)
