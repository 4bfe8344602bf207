"""Events of workflows that run elsewhere, sent by their emitters; and a look at them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from stook.core.payload import validate_many
from stook.server.call import answer
from stook.server.dialects.vellum.asking import asked
from stook.server.dialects.vellum.paging import read_paging
from stook.server.dialects.vellum.refused import bad
from stook.server.route import Route
from stook.store.script.ingested_events import IngestedEvent, ingest_events, read_ingested
from stook.store.script.read.storable import storable

if TYPE_CHECKING:
    from starlette.responses import Response

    from stook.server.call import Call

__all__ = ["ROUTES"]

_MOST: Final = 10_000
_LONGEST: Final = 200


class _Named(msgspec.Struct):
    id: str
    name: str
    trace_id: str | None = None
    span_id: str | None = None


async def create_events(call: Call) -> Response:
    """One, or a list: all are kept, or none. An id that is there already counts, and stays as it was."""
    raw = await call.raw(call.services.limits.batch_bytes)
    try:
        whole = msgspec.json.decode(raw)
        bodies = msgspec.json.decode(raw, type=list[msgspec.Raw]) if isinstance(whole, list) else [msgspec.Raw(raw)]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise bad(f"the body is no valid JSON: {error}") from None
    if len(bodies) > _MOST:
        raise bad(f"there are {len(bodies)} events; send {_MOST} at once at the most")
    events = [_read(at, body) for at, body in enumerate(bodies)]
    await call.services.store.write(ingest_events, call.key.project, events)
    return answer({"success": True, "count": len(events)})


async def list_events(call: Call) -> Response:
    """The newest first; of one trace with `trace_id`."""
    query = asked(call)
    paging = read_paging(query)
    found = await call.services.store.read(
        read_ingested, call.key.project, trace_id=query.get("trace_id"), offset=paging.offset, limit=paging.limit
    )
    return answer({"results": [msgspec.Raw(one) for one in found]})


def _read(at: int, body: msgspec.Raw) -> IngestedEvent:
    try:
        named = msgspec.json.decode(body, type=_Named)
    except msgspec.DecodeError as error:
        raise bad(f"event {at}: {error}") from None
    for text in (named.id, named.name, named.trace_id or "", named.span_id or ""):
        if len(text) > _LONGEST or not storable(text):
            raise bad(f"event {at}: an id or name is longer than {_LONGEST} characters, or holds NUL")
    exact: Any = validate_many([bytes(body)])[0]
    return IngestedEvent(named.id, named.name, named.trace_id, named.span_id, exact)


ROUTES = [
    Route(
        method="POST",
        path="/monitoring/v1/events",
        name="vellum_create_events",
        scope="submit",
        handler=create_events,
        summary="Keep events of workflows that run elsewhere",
        large=True,
    ),
    Route(
        method="GET",
        path="/monitoring/v1/events",
        name="vellum_list_events",
        scope="read",
        handler=list_events,
        summary="Events that were sent",
    ),
]
