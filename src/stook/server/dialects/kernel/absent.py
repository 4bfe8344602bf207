"""What there is elsewhere and not here: browsers and what belongs to them, and organisations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NoReturn

from stook.server.dialects.kernel.refusals import KernelRefusal
from stook.server.route import Route

if TYPE_CHECKING:
    from stook.server.call import Call
    from stook.server.route import Handler

__all__ = ["ROUTES"]

_FAMILIES: Final = (
    "browsers",
    "browser_pools",
    "profiles",
    "proxies",
    "extensions",
    "credentials",
    "vaults",
    "vault-provider-configs",
    "auth",
    "telemetry",
    "search",
    "config-registry",
    "audit-logs",
    "org",
)
_METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")


async def not_supported(call: Call) -> NoReturn:
    """Clients would try a 5xx again, were they not told not to."""
    family = call.request.url.path.split("/")[1]
    message = (
        f"/{family} is not served here: there are no browsers, accounts and organisations, only apps and their runs"
    )
    raise KernelRefusal(501, "not_supported", message, headers={"x-should-retry": "false"})


async def no_projects(_: Call) -> NoReturn:
    raise KernelRefusal(404, "projects_disabled", "projects are administered through the native API")


def _route(method: str, path: str, handler: Handler, summary: str) -> Route:
    return Route(
        method=method,
        path=path,
        name=f"{getattr(handler, '__name__', '')}_{method}_{path}",
        scope="read",
        handler=handler,
        summary=summary,
    )


ROUTES = [
    *(
        _route(method, path, no_projects, "Projects: only their limits are here")
        for path in ("/org/projects", "/org/projects/{rest:path}")
        for method in _METHODS
    ),
    *(
        _route(method, path, not_supported, "Not supported")
        for family in _FAMILIES
        for path in (f"/{family}", f"/{family}/{{rest:path}}")
        for method in _METHODS
    ),
]
