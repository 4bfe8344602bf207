"""Webhook endpoints.

Lock order: the project's hook, then endpoints by id, then their deliveries by id, then limits of internal projects.
None of this is held together with a batch's row: settlements only look at endpoints, and insert.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from stook.core.breaker import CLOSED, Breaker, flow
from stook.core.errors import NotFound
from stook.core.webhook_events import DISABLED, endpoint_project
from stook.store.script.outbox import announce
from stook.store.statement import All, Each, Many, Notify, Now, Run

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stook.store.statement import Row, Script

__all__ = [
    "EndpointRow",
    "change_endpoint",
    "create_endpoint",
    "delete_endpoint",
    "disable",
    "disable_endpoint",
    "enable_endpoint",
    "list_endpoints",
    "lock_endpoint",
    "read_endpoint",
    "rotate_secret",
    "save_endpoint",
    "set_flow",
]


class EndpointRow(msgspec.Struct, kw_only=True):
    """Columns of `read_webhook_endpoint.sql` and its like."""

    id: str
    project: str
    url: str
    description: str
    events: str
    mask: int
    tasks: str
    reach: str
    auth_kind: str
    auth_name: str | None
    auth_value: bytes | None
    schemes: str
    max_concurrency: int
    status: str
    reason: str | None
    secret: bytes
    secret_hint: str
    old_secret: bytes | None
    old_until: int | None
    failures: int
    failing_since: int | None
    trial_at: int | None
    held_until: int | None
    wake_at: int | None
    created_at: int
    updated_at: int

    @property
    def breaker(self) -> Breaker:
        return Breaker(
            failures=self.failures, since=self.failing_since, trial_at=self.trial_at, held_until=self.held_until
        )

    @breaker.setter
    def breaker(self, breaker: Breaker) -> None:
        self.failures, self.failing_since = breaker.failures, breaker.since
        self.trial_at, self.held_until = breaker.trial_at, breaker.held_until


_FIELDS = EndpointRow.__struct_fields__
_FIXED = ("id", "project", "created_at")


def endpoint_row(row: Row) -> EndpointRow:
    return EndpointRow(**dict(zip(_FIELDS, row, strict=True)))


def create_endpoint(new: EndpointRow) -> Script[EndpointRow]:
    """Its times are set here. The same id in the same project again: the one there is, as it is."""
    yield from _lock_hook(new.project)
    there: list[Row] = yield All("read_webhook_endpoint", (new.id, new.project))
    if there:
        return endpoint_row(there[0])
    now: int = yield Now()
    new.created_at = new.updated_at = now
    yield Many("insert_webhook_endpoint", [msgspec.structs.astuple(new)])
    yield from set_flow(new, now)
    yield from _set_hook(new.project)
    return new


def list_endpoints(project: str, after: tuple[int, str], limit: int) -> Script[list[EndpointRow]]:
    """The oldest first, behind (creation, id) of the last one seen."""
    rows: list[Row] = yield All("list_webhook_endpoints", (project, *after, limit))
    return [endpoint_row(row) for row in rows]


def read_endpoint(project: str, endpoint_id: str) -> Script[EndpointRow]:
    rows: list[Row] = yield All("read_webhook_endpoint", (endpoint_id, project))
    return _there(rows, endpoint_id)


def lock_endpoint(project: str, endpoint_id: str) -> Script[EndpointRow]:
    rows: list[Row] = yield All("lock_webhook_endpoint", (endpoint_id, project))
    return _there(rows, endpoint_id)


def change_endpoint(project: str, endpoint_id: str, changes: Mapping[str, Any]) -> Script[EndpointRow]:
    """Columns and their new values; holds for what is sent from now on."""
    yield from _lock_hook(project)
    endpoint = yield from lock_endpoint(project, endpoint_id)
    now: int = yield Now()
    for name, value in changes.items():
        setattr(endpoint, name, value)
    yield from set_flow(endpoint, now)
    yield from save_endpoint(endpoint, now)
    if "mask" in changes:
        yield from _set_hook(project)
    return endpoint


def delete_endpoint(project: str, endpoint_id: str) -> Script[None]:
    yield from _lock_hook(project)
    endpoint = yield from lock_endpoint(project, endpoint_id)
    now: int = yield Now()
    yield Run("bury_webhook_deliveries", (endpoint.id, "the endpoint was deleted", now))
    yield Many("delete_webhook_endpoint", [(endpoint.id,)])
    # What still carries deliveries to it may run: it finds that there is nothing to send.
    yield Many("delete_quota", [("project", endpoint_project(endpoint.id), "")])
    yield from _set_hook(project)
    yield Notify(("quota", "webhooks"))


def rotate_secret(project: str, endpoint_id: str, secret: bytes, hint: str, overlap: int) -> Script[EndpointRow]:
    """The secret before signs as well for `overlap` more microseconds, the one before that no more."""
    endpoint = yield from lock_endpoint(project, endpoint_id)
    now: int = yield Now()
    endpoint.old_secret, endpoint.old_until = (endpoint.secret, now + overlap) if overlap else (None, None)
    endpoint.secret, endpoint.secret_hint = secret, hint
    yield from save_endpoint(endpoint, now)
    return endpoint


def enable_endpoint(project: str, endpoint_id: str) -> Script[EndpointRow]:
    """As new: nothing has failed, nothing holds it. Twice is once."""
    endpoint = yield from lock_endpoint(project, endpoint_id)
    now: int = yield Now()
    if endpoint.status != "enabled":
        endpoint.status, endpoint.reason, endpoint.breaker = "enabled", None, CLOSED
        yield from set_flow(endpoint, now)
        yield from save_endpoint(endpoint, now)
    return endpoint


def disable_endpoint(project: str, endpoint_id: str, reason: str) -> Script[EndpointRow]:
    """Twice is once; the first reason stays."""
    endpoint = yield from lock_endpoint(project, endpoint_id)
    now: int = yield Now()
    if endpoint.status == "enabled":
        yield from disable(endpoint, reason, now)
        yield from save_endpoint(endpoint, now)
    return endpoint


def disable(endpoint: EndpointRow, reason: str, now: int) -> Script[None]:
    """What waits for it is dead at once, whoever else wants to know is told. The caller holds its row and saves it."""
    endpoint.status, endpoint.reason = "disabled", reason
    endpoint.trial_at = endpoint.held_until = None
    yield Run("bury_webhook_deliveries", (endpoint.id, f"endpoint disabled: {reason}", now))
    # Nothing holds back what carries its deliveries: it finds them dead, and ends.
    yield from set_flow(endpoint, now)
    about = {"id": endpoint.id, "url": endpoint.url, "description": endpoint.description, "reason": reason}
    yield from announce(endpoint.project, DISABLED, {"endpoint": about}, now, but=endpoint.id)


def set_flow(endpoint: EndpointRow, now: int) -> Script[None]:
    """What the claim may take of its deliveries, and when that is to be looked at again."""
    what = flow(endpoint.breaker, endpoint.max_concurrency, now)
    endpoint.wake_at = what.until
    stopped = int(what.most == 0)
    most = what.most or endpoint.max_concurrency
    yield Many("limit_webhook_project", [(endpoint_project(endpoint.id), most, stopped)])
    yield Notify(("quota", "webhooks"))


def save_endpoint(endpoint: EndpointRow, now: int) -> Script[None]:
    endpoint.updated_at = now
    values = msgspec.structs.asdict(endpoint)
    row = tuple(value for name, value in values.items() if name not in _FIXED)
    yield Many("update_webhook_endpoint", [(endpoint.id, *row)])


def _lock_hook(project: str) -> Script[None]:
    yield Each("lock_webhook_hook", [(project,)])


def _set_hook(project: str) -> Script[None]:
    """From all the project's endpoints. The caller holds the hook, so nobody else adds or removes one."""
    rows: list[Row] = yield All("webhook_masks", (project,))
    mask = 0
    for (one,) in rows:
        mask |= one
    if rows:
        yield Many("update_webhook_hook", [(project, mask)])
    else:
        yield Many("delete_webhook_hook", [(project,)])


def _there(rows: list[Row], endpoint_id: str) -> EndpointRow:
    if not rows:
        raise NotFound(f"no such webhook endpoint: {endpoint_id}", hint="`stook webhooks list` shows those there are")
    return endpoint_row(rows[0])
