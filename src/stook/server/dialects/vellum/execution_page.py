"""The page of an execution, where its link leads: for people, with a key, in any browser."""

from __future__ import annotations

import json
from html import escape
from typing import TYPE_CHECKING, Any, Final

import msgspec
from starlette.responses import HTMLResponse

from stook.core.ids import batch_of, index_of, parse_id
from stook.core.log_text import log_text
from stook.core.states import TERMINAL
from stook.core.vellum_events import REJECTED
from stook.server.dialects.vellum.addresses import root_of
from stook.server.dialects.vellum.detail import final_state
from stook.server.dialects.vellum.ending import raw_outputs
from stook.server.dialects.vellum.inputs import read_payload
from stook.server.dialects.vellum.running import Shown, find_shown, told_of
from stook.server.dialects.vellum.states import Wire
from stook.server.dialects.vellum.timeline import Timeline
from stook.server.route import Route
from stook.wire.stamp import stamp

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from starlette.responses import Response

    from stook.server.call import Call
    from stook.server.dialects.vellum.timeline import NodeRun

__all__ = ["HEADERS", "ROUTES"]

HEADERS: Final = {
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'",
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}
"""Whatever users' code has told, nothing of it is run, and nobody else is told of the page."""
_LINES: Final = 500
_LONGEST: Final = 20_000
"""Characters of one value."""
_AGAIN: Final = 5
"""Seconds until a page of what has not ended is asked for again."""
_STYLE: Final = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:70em;margin:2em auto;padding:0 1em}"
    "table{border-collapse:collapse}td,th{text-align:left;vertical-align:top;padding:.15em 1.2em .15em 0}"
    "pre{background:#8881;padding:.6em;overflow:auto;white-space:pre-wrap;overflow-wrap:anywhere}"
    ".FULFILLED{color:#18794e}.REJECTED{color:#c62a2f}"
)


async def show_execution(call: Call) -> Response:
    shown = await find_shown(call, call.path("id"))
    execution = shown.execution
    timeline = Timeline()
    async for one in told_of(call).every(execution.id):
        timeline.add(one)
    raw = parse_id(execution.id)
    logs = await call.tenant.engine.logs(batch_of(raw), index_of(raw), limit=_LINES)
    lines = [log_text(one.at, one.attempt, one.level, one.source, one.message, one.fields) for one in logs.lines]
    parts = [
        *_head(shown),
        _table(_facts(shown)),
        *_section("Inputs", _values((one["name"], one["value"]) for one in read_payload(execution.payload))),
        *_section("Outputs", _outputs(shown)),
        *await _error(call, shown),
        *_section("Nodes", _nodes(timeline.runs())),
        *_section("State", _optional(await final_state(call, shown))),
        *_section("Log", _pre("\n".join(lines)) if lines else ""),
        f"<p>The log goes on: the first {_LINES} lines are shown.</p>" if logs.next is not None else "",
        "<h2>As the API tells it</h2>",
        _pre(f'curl -H "X-API-KEY: $VELLUM_API_KEY" {root_of(call)}/v1/workflow-executions/{execution.id}/detail'),
    ]
    page = "<!doctype html>\n<html lang=en>" + "\n".join(one for one in parts if one) + "\n</html>\n"
    return HTMLResponse(page.encode(errors="replace"), headers=HEADERS)


def _head(shown: Shown) -> list[str]:
    execution = shown.execution
    again = "" if execution.state in TERMINAL else f'<meta http-equiv=refresh content="{_AGAIN}">'
    title = escape(f"{execution.app}: {shown.wire}")
    return [
        f'<meta charset="utf-8">{again}<title>{title}</title><style>{_STYLE}</style>',
        f'<h1>{escape(execution.app)} <span class="{shown.wire}">{shown.wire}</span></h1>',
    ]


def _facts(shown: Shown) -> list[tuple[str, str]]:
    one = shown.execution
    took = None
    if one.started_at is not None and one.finished_at is not None:
        took = _seconds(one.finished_at - one.started_at)
    facts: dict[str, Any] = {
        "Execution": one.id,
        "External id": one.external_id,
        "Release": f"{shown.release.id} ({one.label})",
        "Batch": one.batch_id,
        "Submitted": stamp(one.created_at),
        "Started": None if one.started_at is None else stamp(one.started_at),
        "Ended": None if one.finished_at is None else stamp(one.finished_at),
        "Took": took,
        "Attempts": one.attempt or None,
        "Metadata": json.dumps(dict(one.metadata), ensure_ascii=False) if one.metadata else None,
    }
    return [(name, str(value)) for name, value in facts.items() if value is not None]


def _outputs(shown: Shown) -> str:
    return _values(raw_outputs(shown.execution, shown.release).items()) if shown.wire is Wire.FULFILLED else ""


async def _error(call: Call, shown: Shown) -> list[str]:
    if shown.rejection is None:
        return []
    error = shown.rejection.shown()
    parts = ["<h2>Error</h2>", f"<p><b>{escape(error['code'])}</b> {_text(error['message'])}</p>"]
    if "raw_data" in error:
        parts.append(_pre(_written(error["raw_data"])))
    told = (await told_of(call).last([shown.execution.id], REJECTED)).get(shown.execution.id)
    body = None if told is None else msgspec.json.decode(told.body).get("body")
    trace = body.get("stacktrace") if isinstance(body, dict) else None
    if trace is None and shown.execution.error is not None:
        trace = shown.execution.error.traceback
    return [*parts, _pre(str(trace))] if trace else parts


def _nodes(runs: Sequence[NodeRun]) -> str:
    if not runs:
        return ""
    first = runs[0].began
    rows = [
        f'<tr><td>{_text(one.name)}<td class="{one.state}">{one.state}<td>+{_seconds(one.began - first)}'
        f"<td>{'' if one.ended is None else _seconds(one.ended - one.began)}<td>{_text(one.error)}"
        for one in runs
    ]
    return "<table><tr><th>Node<th>State<th>Began<th>Took<th>Error\n" + "\n".join(rows) + "</table>"


def _section(title: str, content: str) -> list[str]:
    return [f"<h2>{title}</h2>", content] if content else []


def _values(values: Iterable[tuple[str, Any]]) -> str:
    return _rows((_text(name), _pre(_written(value))) for name, value in values)


def _table(facts: Iterable[tuple[str, str]]) -> str:
    return _rows((escape(name), _text(value)) for name, value in facts)


def _rows(rows: Iterable[tuple[str, str]]) -> str:
    """Of what is HTML already."""
    shown = [f"<tr><th>{name}<td>{value}" for name, value in rows]
    return "<table>" + "\n".join(shown) + "</table>" if shown else ""


def _optional(value: Any) -> str:
    return "" if value is None else _pre(_written(value))


def _written(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)


def _pre(text: str) -> str:
    return f"<pre>{_text(text)}</pre>"


def _text(text: str) -> str:
    beyond = len(text) - _LONGEST
    return escape(text) if beyond <= 0 else f"{escape(text[:_LONGEST])}… {beyond} more characters"


def _seconds(micros: int) -> str:
    return f"{max(0, micros) / 1_000_000:.3f} s"


ROUTES = [
    Route(
        method="GET",
        path="/workflows/executions/{id}",
        name="vellum_execution_page",
        scope="read",
        handler=show_execution,
        summary="The page of an execution, for people",
        answers=((200, "text/html"),),
    ),
]
