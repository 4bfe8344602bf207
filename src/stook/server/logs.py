"""What executions have said: as JSON, as lines of JSON, or as text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, assert_never

from starlette.responses import Response

from stook.core.ids import index_of, parse_id
from stook.core.log_text import log_text
from stook.server.call import answer, as_json
from stook.server.route import Route
from stook.wire.log import LogLine, LogPage, LogQuery
from stook.wire.stamp import stamp

if TYPE_CHECKING:
    from typing import Literal

    from stook.server.call import Call
    from stook.store.script.read.logs import LogEntry

__all__ = ["ROUTES", "line_of"]

NDJSON: Final = "application/x-ndjson"
TEXT: Final = "text/plain"


async def execution_logs(call: Call) -> Response:
    """In the order they were said. Formats other than JSON have the next `after` in the header Stook-Next."""
    text = call.path("execution")
    batch_id, index = await call.tenant.owned.batch(text), index_of(parse_id(text))
    query = call.query(LogQuery)
    page = await call.tenant.engine.logs(batch_id, index, attempt=query.attempt, after=query.after, limit=query.limit)
    headers = {"vary": "Accept"} if page.next is None else {"vary": "Accept", "stook-next": page.next}
    match query.format or _wanted(call.header("accept") or ""):
        case "json":
            return answer(LogPage([line_of(one) for one in page.lines], page.next), headers={"vary": "Accept"})
        case "ndjson":
            rows = b"".join(as_json(line_of(one)) + b"\n" for one in page.lines)
            return Response(rows, media_type=NDJSON, headers=headers)
        case "text":
            shown = "".join(f"{text_of(one)}\n" for one in page.lines)
            return Response(shown.encode(errors="replace"), media_type=TEXT, headers=headers)
        case unknown:
            assert_never(unknown)


def line_of(entry: LogEntry) -> LogLine:
    return LogLine(
        round=entry.round,
        attempt=entry.attempt,
        run=entry.run,
        line=entry.line,
        at=stamp(entry.at),
        level=entry.level,
        source=entry.source,
        message=entry.message,
        fields=entry.fields,
        cursor=entry.cursor,
    )


def text_of(entry: LogEntry) -> str:
    return log_text(entry.at, entry.attempt, entry.level, entry.source, entry.message, entry.fields)


def _wanted(accept: str) -> Literal["json", "ndjson", "text"]:
    """The first of them that is named; whatever else is asked for gets JSON."""
    for part in accept.lower().split(","):
        match part.partition(";")[0].strip():
            case "application/json":
                return "json"
            case "application/x-ndjson" | "application/jsonl":
                return "ndjson"
            case "text/plain":
                return "text"
            case _:
                continue
    return "json"


ROUTES = [
    Route(
        method="GET",
        path="/api/v1/executions/{execution}/logs",
        name="execution_logs",
        scope="read",
        handler=execution_logs,
        summary="What one execution has said",
        query=LogQuery,
        answers=((200, LogPage), (200, NDJSON), (200, TEXT)),
        headers=("Accept",),
    ),
]
