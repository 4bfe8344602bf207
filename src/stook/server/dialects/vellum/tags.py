"""Release tags: what they point at, and moving those that are people's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from stook.core.errors import OptionError
from stook.core.vellum_release import SYSTEM, USER, check_release_tag, source_of
from stook.server.call import answer
from stook.server.dialects.vellum.addresses import own_url
from stook.server.dialects.vellum.asking import asked, read_body, uuid_text
from stook.server.dialects.vellum.ordering import in_order, read_ordering
from stook.server.dialects.vellum.paging import page, read_paging
from stook.server.dialects.vellum.refused import bad, not_there
from stook.server.dialects.vellum.releases import find_name, find_release, releases_of, tags_of
from stook.server.dialects.vellum.submitting import Text
from stook.server.route import Route
from stook.wire.stamp import stamp

if TYPE_CHECKING:
    from starlette.responses import Response

    from stook.core.deployment import AppVersion
    from stook.server.call import Call

__all__ = ["ROUTES", "checked_tag"]

_KEYS: Final = {
    "name": lambda one: one.label,
    "created": lambda one: one.moved_at,
    "timestamp": lambda one: one.moved_at,
}


class MoveTag(msgspec.Struct):
    history_item_id: Text


def checked_tag(text: str, holder: str | None) -> str:
    """400 for one that is not people's to set. `holder`: the release that it points at."""
    try:
        return check_release_tag(text, holder)
    except OptionError as error:
        raise bad(f"{error.message}; {error.hint}" if error.hint else error.message) from None


async def list_tags(call: Call) -> Response:
    query = asked(call)
    paging = read_paging(query)
    ordering = read_ordering(query.get("ordering"), _KEYS, "-timestamp")
    source = query.get("source") or None
    if source not in (None, SYSTEM, USER):
        raise bad(f"source={source[:50]!r} is neither {SYSTEM} nor {USER}")
    name = await find_name(call, call.path("deployment"))
    tags = [one for one in await tags_of(call, name) if source in (None, source_of(one.label, one.deployment_id))]
    created = {one.id: one.created_at for one in await releases_of(call, name)}
    shown = [_tag(one, created.get(one.deployment_id, one.moved_at)) for one in in_order(tags, ordering, _KEYS)]
    return answer(page(paging.cut(shown), len(shown), paging, own_url(call)))


async def show_tag(call: Call) -> Response:
    name = await find_name(call, call.path("deployment"))
    found = await _find_tag(call, name, call.path("tag"))
    release = await call.services.deployments.get(call.key.project, found.deployment_id)
    return answer(_tag(found, found.moved_at if release is None else release.created_at))


async def move_tag(call: Call) -> Response:
    """What is submitted from now on gets the other release; what was submitted stays with its own."""
    body = await read_body(call, MoveTag)
    name = await find_name(call, call.path("deployment"))
    tag = checked_tag(call.path("tag"), None)
    checked_tag(tag, (await _find_tag(call, name, tag)).deployment_id)
    wanted = uuid_text(body.history_item_id)
    if wanted is None:
        raise not_there(f"workflow deployment {name!r} has no history item {body.history_item_id[:100]!r}")
    release = await find_release(call, name, wanted)
    scope = f"release tag {tag} of {name} to deployment {release.id}"[:200]
    by = call.recording("move label", None, scope, if_any=True)
    moved = await call.services.deployments.move_label(call.key.project, "vellum", name, tag, release.id, by=by)
    if moved is None:
        raise not_there(f"history item {release.id} is not running any more")
    return answer(_tag(moved, release.created_at))


async def _find_tag(call: Call, name: str, tag: str) -> AppVersion:
    for one in await tags_of(call, name):
        if one.label == tag:
            return one
    raise not_there(f"workflow deployment {name!r} has no release tag {tag[:150]!r}")


def _tag(one: AppVersion, created_at: int) -> dict[str, Any]:
    pointed = {"id": one.deployment_id, "timestamp": stamp(created_at)}
    return {
        "name": one.label,
        "source": source_of(one.label, one.deployment_id),
        "history_item": pointed,
        "release": pointed,
    }


ROUTES = [
    Route(
        method="GET",
        path="/v1/workflow-deployments/{deployment}/release-tags",
        name="vellum_list_tags",
        scope="read",
        handler=list_tags,
        summary="Release tags of a workflow deployment",
    ),
    Route(
        method="GET",
        path="/v1/workflow-deployments/{deployment}/release-tags/{tag}",
        name="vellum_show_tag",
        scope="read",
        handler=show_tag,
        summary="A release tag",
    ),
    Route(
        method="PATCH",
        path="/v1/workflow-deployments/{deployment}/release-tags/{tag}",
        name="vellum_move_tag",
        scope="operate",
        handler=move_tag,
        summary="Move a release tag",
    ),
]
