"""Short words for what tests do with deployments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stook.core.deployment import Action, App
from stook.core.hosted import hosted_queue, hosted_task
from stook.engine.blobs import Blobs
from stook.engine.deployments import Deployments
from stook.engine.hosted_code import HostedCode
from stook.store.blob_rows import BlobRows
from stook.webhooks.sealer import FernetSealer, new_encryption_key
from tests.contract.batches import submit_items

if TYPE_CHECKING:
    from pathlib import Path

    from stook.core.deployment import Deployment
    from tests.contract.checked_store import CheckedStore

__all__ = ["Hosting", "app", "pinned"]

ARCHIVE = b"PK\5\6" + bytes(18)


def app(name: str = "shop", *actions: str) -> App:
    return App(name, tuple(Action(one) for one in actions or ("pay",)))


async def pinned(store: CheckedStore, deployment: Deployment, count: int = 3, **options: Any) -> bytes:
    """A batch of its action `pay`."""
    (first, *_) = deployment.apps
    task, queue = hosted_task(deployment.id, first.name, "pay"), hosted_queue(deployment.dialect, first.name)
    return await submit_items(store, count, task=task, queue=queue, project=deployment.project, **options)


class Hosting:
    """Both sides of one store, `folder` for archives."""

    def __init__(self, store: CheckedStore, folder: Path) -> None:
        self.store = store
        self.seal = FernetSealer([new_encryption_key()], "here")
        blobs = Blobs(BlobRows(store))
        self.deployments = Deployments(store, blobs, self.seal)
        self.code = HostedCode(store, blobs, self.seal)
        self.listening = Deployments(store.store, blobs, self.seal)
        """The same, of the store that can be waited on."""
        self.archive = folder / "code.zip"
        self.archive.write_bytes(ARCHIVE)

    async def create(self, label: str = "latest", *, dialect: Any = "kernel", **options: Any) -> Deployment:
        words = {"project": "default", "runtime": "python", "entrypoint": "main.py", "archive": self.archive}
        words |= {"dialect": dialect, "label": label} | options
        return await self.deployments.create(words.pop("project"), **words)

    async def build(self, host: str = "h") -> int:
        """Its token."""
        order = await self.code.take_build(host)
        assert order is not None
        return order.token

    async def deploy(self, label: str = "latest", *apps: App, facts: Any = None, **options: Any) -> Deployment:
        """Whatever became of it."""
        made = await self.create(label, **options)
        order = await self.code.take_build("h")
        assert order is not None
        assert order.deployment.id == made.id
        done = await self.code.publish(order.token, apps or (app(),), facts=facts)
        assert done is not None
        return done

    async def state(self, deployment: Deployment) -> str:
        found = await self.deployments.get(deployment.project, deployment.id)
        assert found is not None
        return found.state.value

    async def labels(self, **options: Any) -> dict[tuple[str, str], str]:
        page = await self.deployments.versions("default", **options)
        return {(one.app, one.label): one.deployment_id for one in page.items}
