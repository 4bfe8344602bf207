"""The projects this server serves, each with its view of the store."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from stook.engine.actions import Actions
from stook.engine.catalogue import Catalogue
from stook.engine.known_tasks import KnownTasks
from stook.engine.owned import Owned
from stook.engine.receiving import Receiving
from stook.engine.requests import Requests
from stook.engine.service import Engine
from stook.engine.webhooks import Webhooks
from stook.telemetry.tracing import publishing

if TYPE_CHECKING:
    from stook.core.tally import Tally
    from stook.engine.blobs import Blobs
    from stook.store.port import Store

__all__ = ["Tenant", "Tenants"]

MOST: Final = 1000
"""Projects kept at hand."""


class Tenant:
    """One project."""

    def __init__(self, store: Store, blobs: Blobs, project: str, tally: Tally | None = None) -> None:
        self.project = project
        self.engine = Engine(store, blobs, project=project)
        self.engine.tally = tally
        self.engine.publishing = publishing
        self.owned = Owned(store, project)
        self.receiving = Receiving(self.engine)
        self.actions = Actions(store, project)
        self.catalogue = Catalogue(store, project)
        self.tasks = KnownTasks(store, self.catalogue)
        self.requests = Requests(store, project)
        self.webhooks = Webhooks(store, project)


class Tenants:
    def __init__(self, store: Store, blobs: Blobs, tally: Tally | None = None) -> None:
        self._store = store
        self._blobs = blobs
        self._tally = tally
        self._there: OrderedDict[str, Tenant] = OrderedDict()

    def of(self, project: str) -> Tenant:
        found = self._there.get(project)
        if found is None:
            found = self._there[project] = Tenant(self._store, self._blobs, project, self._tally)
            if len(self._there) > MOST:
                self._there.popitem(last=False)
        else:
            self._there.move_to_end(project)
        return found

    async def close(self) -> None:
        for tenant in self._there.values():
            await tenant.engine.feeds.close()
            await tenant.requests.close()
            await tenant.tasks.close()
