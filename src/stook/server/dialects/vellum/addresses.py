"""Where things are, as the one who asks reaches this server."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stook.server.call import Call

__all__ = ["detail_url", "own_url", "root_of"]


def root_of(call: Call) -> str:
    """Up to the routes of this dialect: another path with a prefix, another without."""
    scope = call.request.scope
    path: str = scope["path"]
    raw: str = scope.get("raw_path", b"").decode("latin-1") or path
    prefix = "/vellum" if raw.startswith("/vellum/") and not path.startswith("/vellum/") else ""
    url = call.request.url
    return f"{url.scheme}://{url.netloc}{prefix}"


def own_url(call: Call) -> str:
    query = call.request.url.query
    return f"{root_of(call)}{call.request.url.path}{f'?{query}' if query else ''}"


def detail_url(call: Call, execution_id: str) -> str:
    """The page of a run."""
    return f"{root_of(call)}/workflows/executions/{execution_id}"
