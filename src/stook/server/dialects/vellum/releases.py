"""What is deployed: workflow deployments, each with its releases and the tags that point at them."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Final

import msgspec

from stook.core.deployment import AppVersion, Deployment
from stook.core.vellum_ids import workflow_deployment_id
from stook.core.vellum_release import LATEST
from stook.server.dialects.vellum.asking import uuid_text
from stook.server.dialects.vellum.refused import not_there

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import TypeVar

    from stook.core.deployment import Page
    from stook.server.call import Call

    T = TypeVar("T")

__all__ = ["Workflow", "find_name", "find_release", "find_workflow", "names_of", "releases_of", "tags_of"]

_PAGE: Final = 200
_REMEMBERED: Final = 10_000
_names: OrderedDict[tuple[str, str], str] = OrderedDict()
"""By project and id. An id is made of its name, so that what stands here is never wrong."""


class Workflow(msgspec.Struct, frozen=True):
    """A deployment in Vellum's sense: a name, and the release that LATEST points at."""

    id: str
    name: str
    latest: Deployment
    deployed_at: int
    """Microseconds, as all times."""

    @property
    def created_at(self) -> int:
        """Of the first of its releases, which every later one is told."""
        at = self.latest.facts.get("created")
        return at if isinstance(at, int) else self.latest.created_at

    @property
    def label(self) -> str:
        return str(self.latest.facts.get("label") or self.name)


async def find_name(call: Call, text: str) -> str:
    """Of a workflow deployment, by id or name. 404 for one that this project has not."""
    wanted = uuid_text(text)
    if wanted is not None:
        known = _names.get((call.key.project, wanted))
        if known is not None and await _is_there(call, known):
            return known
        for name in await names_of(call):
            if workflow_deployment_id(call.key.project, name) == wanted:
                return name
    if await _is_there(call, text):
        return text
    raise not_there(f"there is no workflow deployment {text[:100]!r}")


async def find_workflow(call: Call, name: str) -> Workflow:
    tags = await tags_of(call, name)
    latest = next((one for one in tags if one.label == LATEST), None) or max(
        tags, key=lambda one: one.moved_at, default=None
    )
    found = None
    if latest is not None:
        found = await call.services.deployments.get(call.key.project, latest.deployment_id)
    if latest is None or found is None:
        raise not_there(f"there is no workflow deployment {name[:100]!r}")
    return Workflow(workflow_deployment_id(call.key.project, name), name, found, latest.moved_at)


async def names_of(call: Call) -> list[str]:
    """Every workflow deployment of the project: whatever a tag points at."""
    project = call.key.project
    found = await _all(
        lambda limit, offset: call.services.deployments.versions(project, dialect="vellum", limit=limit, offset=offset)
    )
    names = list(dict.fromkeys(one.app for one in found))
    for name in names:
        _names[project, workflow_deployment_id(project, name)] = name
    while len(_names) > _REMEMBERED:
        _names.popitem(last=False)
    return names


async def tags_of(call: Call, name: str) -> list[AppVersion]:
    return await _all(
        lambda limit, offset: call.services.deployments.versions(
            call.key.project, dialect="vellum", app=name, limit=limit, offset=offset
        )
    )


async def releases_of(call: Call, name: str) -> list[Deployment]:
    """The newest first; those that never ran are none."""
    found = await _all(
        lambda limit, offset: call.services.deployments.list(
            call.key.project, dialect="vellum", app=name, limit=limit, offset=offset
        )
    )
    return [one for one in found if one.running_at is not None]


async def find_release(call: Call, name: str, text: str) -> Deployment:
    """By its id or one of its tags."""
    wanted = uuid_text(text)
    if wanted is not None:
        found = await call.services.deployments.get(call.key.project, wanted)
        if found is not None and not found.deleted and found.running_at is not None and _is_of(found, name):
            return found
    for tag in await tags_of(call, name):
        if tag.label == text:
            pointed = await call.services.deployments.get(call.key.project, tag.deployment_id)
            if pointed is not None:
                return pointed
    raise not_there(f"workflow deployment {name!r} has no release {text[:150]!r}")


def _is_of(deployment: Deployment, name: str) -> bool:
    return deployment.dialect == "vellum" and any(one.name == name for one in deployment.apps)


async def _is_there(call: Call, name: str) -> bool:
    page = await call.services.deployments.versions(call.key.project, dialect="vellum", app=name, limit=1)
    return bool(page.items)


async def _all(read: Callable[[int, int], Awaitable[Page[Any]]]) -> list[Any]:
    found: list[Any] = []
    while True:
        page = await read(_PAGE, len(found))
        found += page.items
        if not page.more:
            return found
