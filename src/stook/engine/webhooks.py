"""Webhook endpoints of one project, what was delivered to them, and sending it again."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from stook.core.delivery_state import DELIVERY_STATES
from stook.core.errors import OptionError
from stook.core.unchanged import Unchanged
from stook.core.webhook_events import mask_of
from stook.engine.names import check_name
from stook.engine.options import check_count
from stook.engine.recording import write_recorded
from stook.engine.webhook_views import (
    AttemptView,
    Auth,
    BreakerView,
    Delivery,
    DeliveryDetail,
    Endpoint,
    EndpointChanges,
    NewEndpoint,
    delivery_view,
    detail_view,
    endpoint_view,
)
from stook.store.script.clock import read_clock
from stook.store.script.read.limit import check_limit
from stook.store.script.read.storable import storable
from stook.store.script.webhook_endpoint import (
    EndpointRow,
    change_endpoint,
    create_endpoint,
    delete_endpoint,
    disable_endpoint,
    enable_endpoint,
    list_endpoints,
    read_endpoint,
    rotate_secret,
)
from stook.store.script.webhook_log import Asked, delivery_attempts, list_deliveries
from stook.store.script.webhook_replay import (
    newest_id,
    replay_delivery,
    replay_events,
    replay_state,
    send_test,
)

if TYPE_CHECKING:
    import builtins
    from collections.abc import Callable, Sequence

    from stook.engine.recording import Recording
    from stook.store.port import Store
    from stook.store.statement import Script

__all__ = [
    "AttemptView",
    "Auth",
    "BreakerView",
    "Delivery",
    "DeliveryDetail",
    "Endpoint",
    "EndpointChanges",
    "NewEndpoint",
    "Webhooks",
]

T = TypeVar("T")
LONGEST_OVERLAP = 30 * 86_400.0
MOST_URL_BYTES = 2048
MOST_DESCRIPTION_BYTES = 1000


class Webhooks:
    """With `by`, an act is recorded in the transaction that does it."""

    def __init__(self, store: Store, project: str) -> None:
        self._store = store
        self._project = project

    async def create(self, new: NewEndpoint, *, by: Recording | None = None) -> Endpoint:
        """`OptionError` names what cannot be. The same id again: the endpoint there is."""
        check_name("id", new.id)
        check_name("url", new.url, most=MOST_URL_BYTES)
        _check_description(new.description)
        _check_tasks(new.tasks)
        check_count("max_concurrency", new.max_concurrency, hint="disable the endpoint instead")
        row = EndpointRow(
            id=new.id,
            project=self._project,
            url=new.url,
            description=new.description,
            events=_json(new.events),
            mask=mask_of(new.events),
            tasks=_json(new.tasks),
            reach=new.batches,
            auth_kind=new.auth.kind,
            auth_name=new.auth.name,
            auth_value=new.auth_value,
            schemes=_json(new.schemes),
            max_concurrency=new.max_concurrency,
            status="enabled",
            reason=None,
            secret=new.secret,
            secret_hint=new.secret_hint,
            old_secret=None,
            old_until=None,
            failures=0,
            failing_since=None,
            trial_at=None,
            held_until=None,
            wake_at=None,
            created_at=0,
            updated_at=0,
        )
        return await self.get(await self._act(by, _made, row, returns=str))

    async def list(self, *, after: str | None = None, limit: int = 50) -> tuple[list[Endpoint], str | None]:
        """The oldest first; the second is what `after` takes for the next page, None: there is none."""
        check_limit(limit)
        behind = (0, "")
        if after is not None:
            last = await self._read(after)
            behind = (last.created_at, last.id)
        rows = await self._store.read(list_endpoints, self._project, behind, limit)
        return [endpoint_view(row) for row in rows], rows[-1].id if len(rows) == limit else None

    async def get(self, endpoint_id: str) -> Endpoint:
        """`NotFound` for one of another project."""
        return endpoint_view(await self._read(endpoint_id))

    async def update(self, endpoint_id: str, changes: EndpointChanges, *, by: Recording | None = None) -> Endpoint:
        columns = _columns(changes)
        if not columns:
            raise OptionError("nothing is to change", hint="give url, events or another field of the endpoint")
        await self._act(by, change_endpoint, self._project, _known(endpoint_id), columns)
        return await self.get(endpoint_id)

    async def delete(self, endpoint_id: str, *, by: Recording | None = None) -> None:
        """What still waits for it ends dead; what was delivered can be looked at as long as it is kept."""
        await self._act(by, delete_endpoint, self._project, _known(endpoint_id))

    async def rotate(
        self, endpoint_id: str, secret: bytes, secret_hint: str, overlap: float, *, by: Recording | None = None
    ) -> Endpoint:
        """For `overlap` seconds the secret so far signs as well."""
        if isinstance(overlap, bool) or not 0 <= overlap <= LONGEST_OVERLAP:
            raise OptionError(f"overlap={overlap!r} is not a number of seconds from 0 to {LONGEST_OVERLAP:.0f}")
        told = round(overlap * 1_000_000)
        await self._act(by, rotate_secret, self._project, _known(endpoint_id), secret, secret_hint, told)
        return await self.get(endpoint_id)

    async def enable(self, endpoint_id: str, *, by: Recording | None = None) -> Endpoint:
        """From now on it gets what happens; what it missed can be replayed."""
        await self._act(by, enable_endpoint, self._project, _known(endpoint_id))
        return await self.get(endpoint_id)

    async def disable(
        self, endpoint_id: str, reason: str = "disabled by user", *, by: Recording | None = None
    ) -> Endpoint:
        """What waits for it is dead at once."""
        check_name("reason", reason)
        await self._act(by, disable_endpoint, self._project, _known(endpoint_id), reason)
        return await self.get(endpoint_id)

    async def test(self, endpoint_id: str, *, by: Recording | None = None) -> str:
        """Sends a `webhook.test` event; returns the delivery's id. `Conflict` while the endpoint is disabled."""
        return await self._act(by, send_test, self._project, _known(endpoint_id), returns=str)

    async def replay(
        self, endpoint_id: str, *, since: int | None = None, state: str | None = None, by: Recording | None = None
    ) -> int:
        """Sends again: with `state`, its deliveries in that state; without, every event it wants, also those written
        while it was disabled. Since `since`, by the time of the event. Returns how many. In bites: a failure half way
        has sent some, and may be repeated. `Conflict` while the endpoint is disabled."""
        _check_state(state)
        known, start, count = _known(endpoint_id), max(0, since or 0), 0
        until = await self._store.read(newest_id, "evt" if state is None else "dlv")
        after: str | None = f"{until[:4]}{start // 1000:012x}"
        while after is not None:
            if state is None:
                bite = await self._store.write(replay_events, self._project, known, start, after, until)
            else:
                bite = await self._store.write(replay_state, self._project, known, state, start, after, until)
            count, after = count + bite.count, bite.after
        if by is not None:
            await write_recorded(self._store, by, partial(read_clock), affected=lambda _: count)
            count = by.action.affected
        return count

    async def replay_one(self, delivery_id: str, *, by: Recording | None = None) -> None:
        """`Conflict` while its endpoint is disabled. What is on its way stays so, but no longer counts."""
        await self._act(by, replay_delivery, self._project, _known(delivery_id))

    async def deliveries(
        self,
        *,
        endpoint: str | None = None,
        event: str | None = None,
        batch: bytes | None = None,
        index: int | None = None,
        state: str | None = None,
        since: int | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> tuple[builtins.list[Delivery], str | None]:
        """The newest first. `event` is an event's id (`evt_…`) or a name of events; `index` goes with `batch`."""
        _check_state(state)
        if any(text is not None and not storable(text) for text in (endpoint, event, after)):
            return [], None
        is_id = event is not None and event.startswith("evt_")
        asked = Asked(
            endpoint=endpoint,
            event_id=event if is_id else None,
            name=None if is_id else event,
            batch_id=batch,
            index=index,
            state=state,
            since=since,
        )
        rows = await self._store.read(list_deliveries, self._project, asked, after, limit)
        return [delivery_view(row) for row in rows], rows[-1].id if len(rows) == limit else None

    async def delivery(self, delivery_id: str) -> DeliveryDetail:
        return detail_view(*await self._store.read(delivery_attempts, self._project, _known(delivery_id)))

    async def _act(
        self, by: Recording | None, verb: Callable[..., Script[T]], *args: object, returns: type[T] | None = None
    ) -> T:
        """Recorded in the same transaction, where somebody is named."""
        return await write_recorded(self._store, by, partial(verb, *args), affected=_one, returns=returns)

    async def _read(self, endpoint_id: str) -> EndpointRow:
        return await self._store.read(read_endpoint, self._project, _known(endpoint_id))


def _made(row: EndpointRow) -> Script[str]:
    """Its id alone: rows hold secrets."""
    return (yield from create_endpoint(row)).id


def _one(_: object) -> int:
    return 1


def _known(text: str) -> str:
    """What no column can hold is the id of nothing."""
    return text if storable(text) else ""


def _columns(changes: EndpointChanges) -> dict[str, Any]:
    """What is given, checked, as the endpoint's row has it."""
    fields = msgspec.structs.asdict(changes).items()
    given = {name: value for name, value in fields if not isinstance(value, Unchanged)}
    if "auth" in given:
        given.setdefault("auth_value", None)
    return {column: value for name in given for column, value in _COLUMNS_OF[name](given[name]).items()}


def _json(names: Sequence[str]) -> str:
    return msgspec.json.encode(list(names)).decode()


def _check_tasks(tasks: Sequence[str]) -> None:
    for task in tasks:
        check_name("tasks", task)


def _check_description(text: str) -> None:
    if text:
        check_name("description", text, most=MOST_DESCRIPTION_BYTES)


def _check_state(state: str | None) -> None:
    if state is not None and state not in DELIVERY_STATES:
        raise OptionError(f"state={state!r} is none of a delivery", hint=f"there are {', '.join(DELIVERY_STATES)}")


def _url_columns(url: str) -> dict[str, Any]:
    check_name("url", url, most=MOST_URL_BYTES)
    return {"url": url}


def _description_columns(text: str) -> dict[str, Any]:
    _check_description(text)
    return {"description": text}


def _task_columns(tasks: Sequence[str]) -> dict[str, Any]:
    _check_tasks(tasks)
    return {"tasks": _json(tasks)}


def _concurrency_columns(most: int | None) -> dict[str, Any]:
    check_count("max_concurrency", 0 if most is None else most, hint="disable the endpoint instead")
    return {"max_concurrency": most}


_COLUMNS_OF: dict[str, Callable[[Any], dict[str, Any]]] = {
    "url": _url_columns,
    "description": _description_columns,
    "events": lambda names: {"events": _json(names), "mask": mask_of(names)},
    "tasks": _task_columns,
    "batches": lambda reach: {"reach": reach},
    "auth": lambda auth: {"auth_kind": auth.kind, "auth_name": auth.name},
    "auth_value": lambda value: {"auth_value": value},
    "schemes": lambda names: {"schemes": _json(names)},
    "max_concurrency": _concurrency_columns,
}
