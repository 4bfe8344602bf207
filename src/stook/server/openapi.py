"""The document of the API (OpenAPI 3.1), made from the table of routes and the shapes they name."""

from __future__ import annotations

import functools
import http
import re
from typing import TYPE_CHECKING, Any, Final

import msgspec
from starlette.responses import Response

from stook.server.call import JSON
from stook.server.route import Route
from stook.wire.problem import Refused

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stook.server.call import Call

__all__ = ["document", "route_of"]

_REF: Final = "#/components/schemas/{name}"
_PARAMETER: Final = re.compile(r"\{(\w+)(?::\w+)?\}")
_WORDS: Final = {
    "batch": "The id of a batch",
    "execution": "The id of an execution",
    "index": "The index of an item in its batch",
    "action": "The id of an action",
    "key": "The id of a key",
    "task": "The name of a task",
    "project": "The name of a project",
    "endpoint": "The id of a webhook endpoint",
    "delivery": "The id of a webhook delivery",
    "deployment": "The id of a deployment",
}


def route_of(routes: Sequence[Route]) -> Route:
    """Serves the document of `routes` and of itself."""

    async def openapi(call: Call) -> Response:  # noqa: ARG001 - nothing about the request matters
        return Response(made(), media_type=JSON)

    route = Route(
        method="GET",
        path="/api/v1/openapi.json",
        name="openapi",
        scope=None,
        handler=openapi,
        summary="This document",
        answers=((200, JSON),),
    )

    @functools.cache
    def made() -> bytes:
        return msgspec.json.encode(document([*routes, route]))

    return route


def document(routes: Sequence[Route]) -> dict[str, Any]:
    from stook import __version__  # noqa: PLC0415 - the package's name for its version

    shapes: set[type[msgspec.Struct]] = {Refused}
    for route in routes:
        shapes.update(shape for _, shape in route.answers if isinstance(shape, type))
        if route.body is not None:
            shapes.add(route.body)
    ordered = sorted(shapes, key=lambda shape: shape.__name__)
    _, components = msgspec.json.schema_components(ordered, ref_template=_REF)
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        path = _PARAMETER.sub(r"{\1}", route.path)
        paths.setdefault(path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {"title": "stook", "version": __version__, "description": "Batches over HTTP."},
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer", "bearerFormat": "stk_<id>_<secret>"}},
        },
    }


def _operation(route: Route) -> dict[str, Any]:
    made: dict[str, Any] = {
        "operationId": route.name,
        "summary": route.summary,
        "parameters": [*_path_parameters(route), *_query_parameters(route), *_headers(route)],
        "responses": _responses(route),
        "security": [] if route.scope is None else [{"key": []}],
    }
    if route.handler.__doc__:
        made["description"] = " ".join(route.handler.__doc__.split())
    if route.scope is not None:
        made["x-scope"] = route.scope
    content: dict[str, Any] = {} if route.body is None else {JSON: {"schema": _reference(route.body)}}
    content |= {kind: {"schema": {"type": "string", "format": "binary"}} for kind in route.sends}
    if content:
        made["requestBody"] = {"content": content, "required": route.body is None or _has_required(route.body)}
    return made


def _has_required(shape: type[msgspec.Struct]) -> bool:
    return any(field.required for field in msgspec.structs.fields(shape))


def _reference(shape: type[msgspec.Struct]) -> dict[str, str]:
    return {"$ref": _REF.format(name=shape.__name__)}


def _path_parameters(route: Route) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "description": _WORDS[name],
            "schema": {"type": "integer", "minimum": 0} if name == "index" else {"type": "string", "minLength": 1},
        }
        for name in _PARAMETER.findall(route.path)
    ]


def _query_parameters(route: Route) -> list[dict[str, Any]]:
    """Of a body that may also be JSON the query is optional: it speaks for streamed items."""
    if route.query is None:
        return []
    (schema,), components = msgspec.json.schema_components([route.query], ref_template=_REF)
    described = components[schema["$ref"].rpartition("/")[2]]
    return [
        {
            "name": name,
            "in": "query",
            "required": name in described.get("required", ()) and not route.query_of_streams,
            "schema": _plain(content),
        }
        for name, content in described["properties"].items()
    ]


def _plain(schema: dict[str, Any]) -> dict[str, Any]:
    """What is not given is left out: a query has no null."""
    options = [one for one in schema.get("anyOf", ()) if one.get("type") != "null"]
    if len(options) == 1:
        return options[0]  # type: ignore[no-any-return]
    return schema


def _headers(route: Route) -> list[dict[str, Any]]:
    names = [*route.headers, *(("Idempotency-Key",) if route.once else ())]
    return [{"name": name, "in": "header", "required": False, "schema": {"type": "string"}} for name in names]


def _responses(route: Route) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for status, shape in route.answers:
        answer = made.setdefault(str(status), {"description": http.HTTPStatus(status).phrase})
        if isinstance(shape, str):
            answer.setdefault("content", {})[shape] = {}
        elif shape is not None:
            answer.setdefault("content", {})[JSON] = {"schema": _reference(shape)}
    refused = {"content": {JSON: {"schema": _reference(Refused)}}}
    made["4XX"] = {"description": "Refused", **refused}
    made["5XX"] = {"description": "Not now", **refused}
    return made
