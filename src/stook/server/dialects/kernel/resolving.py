"""What a name and a label stand for, at the moment something is submitted to them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, assert_never

from stook.core.deployment import Resolved
from stook.server.dialects.kernel.refusals import KernelRefusal, bad_request

if TYPE_CHECKING:
    from stook.server.call import Call

__all__ = ["LATEST", "check_names", "resolve"]

LATEST: Final = "latest"


def check_names(app: object, action: object) -> None:
    for name, given in (("app_name", app), ("action_name", action)):
        if not isinstance(given, str) or not given:
            raise bad_request(f"{name}: is missing, or is not the name of one")


async def resolve(call: Call, app: str, action: str, label: str) -> Resolved:
    """404 that says what there is not."""
    found = await call.services.deployments.resolve(call.tenant.project, "kernel", app, action, label)
    if isinstance(found, Resolved):
        return found
    match found.what:
        case "app":
            message = f"there is no app {app!r} with a running deployment"
        case "label":
            message = f"app {app!r} has no running deployment of version {label!r}"
        case "action":
            message = f"app {app!r}, version {label!r}, has no action {action!r}"
        case _:
            assert_never(found.what)
    raise KernelRefusal(404, "not_found", message)
