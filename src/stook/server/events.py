"""Events of a project."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from stook.server.call import answer
from stook.server.route import Route
from stook.store.script.read.events import events
from stook.wire.event import Event, EventPage, EventQuery
from stook.wire.stamp import stamp

if TYPE_CHECKING:
    from starlette.responses import Response

    from stook.server.call import Call
    from stook.store.script.read.events import EventView

__all__ = ["ROUTES", "event_of", "kinds_of"]


def event_of(view: EventView) -> Event:
    body = msgspec.Raw(view.body.encode())
    return Event(id=view.id, kind=view.kind, batch_id=view.batch_id, at=stamp(view.at), body=body)


def kinds_of(text: str | None) -> frozenset[str] | None:
    return None if text is None else frozenset(text.split(","))


async def list_events(call: Call) -> Response:
    query = call.query(EventQuery)
    page = await call.services.store.read(events, call.tenant.project, query.after, query.limit, kinds_of(query.kind))
    return answer(EventPage([event_of(view) for view in page.events], str(page.after) if page.more else None))


ROUTES = [
    Route(
        method="GET",
        path="/api/v1/events",
        name="list_events",
        scope="read",
        handler=list_events,
        summary="What has happened to the project's batches, oldest first",
        query=EventQuery,
        answers=((200, EventPage),),
    )
]
