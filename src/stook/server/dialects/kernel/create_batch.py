"""Starting a batch job: all of its payloads, or nothing of it."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Final

import msgspec

from stook.core.errors import KeyConflict
from stook.engine.hosted_executions import ExternalIdHeld
from stook.server.call import answer
from stook.server.dialects.kernel.batch_body import read_members
from stook.server.dialects.kernel.batch_hook import check_hook_url, hook_of
from stook.server.dialects.kernel.caps import cap_of
from stook.server.dialects.kernel.invoke import ASYNC_SECONDS, check_async_seconds, check_priority
from stook.server.dialects.kernel.once import key_reused
from stook.server.dialects.kernel.payloads import Payloads
from stook.server.dialects.kernel.refusals import bad_request
from stook.server.dialects.kernel.resolving import LATEST, check_names, resolve
from stook.server.dialects.kernel.shapes import CreatedBatch
from stook.server.dialects.kernel.shown import batch_job
from stook.server.route import Route

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from starlette.responses import Response

    from stook.engine.hosted_batches import HostedBatch
    from stook.server.body import Body
    from stook.server.call import Call
    from stook.server.dialects.kernel.caps import Cap

__all__ = ["ROUTES", "created"]

_MOST_CONCURRENCY: Final = 2**31 - 1
_MOST_ID: Final = 512
_BODIES: Final = 2
"""Of the largest, so many may be in memory at once."""


class NewBatch(msgspec.Struct, kw_only=True):
    """But for its lists."""

    app_name: Any = None
    action_name: Any = None
    version: str | None = None
    max_concurrency: Any = None
    async_timeout_seconds: Any = None
    priority: Any = None
    webhook_url: Any = None


async def create_batch(call: Call) -> Response:
    """The body is looked through to its end before anything is asked of the store. It is queued whatever runs."""
    with call.services.held_bytes.holding(_BODIES * call.services.settings.kernel_batch_bytes) as hold:
        return await _create(call, hold)


async def _create(call: Call, hold: Callable[[int], None]) -> Response:
    settings = call.services.settings
    _check_encoding(call)
    payloads = Payloads(settings.kernel_payload_bytes, settings.kernel_batch_items)
    ids = _ItemIds(settings.kernel_batch_items)
    key = call.idempotency_key
    body = _Taken(call.stream, hold)
    members = await read_members(body, settings.kernel_batch_bytes, {"payloads": payloads.take, "item_ids": ids.take})
    new = _new(members)
    check_names(new.app_name, new.action_name)
    texts = payloads.good()
    if "payloads" in members or not texts:
        raise bad_request("payloads: is missing, empty, or not a list of strings")
    timeout = ASYNC_SECONDS if new.async_timeout_seconds is None else check_async_seconds(new.async_timeout_seconds)
    priority, url = check_priority(new.priority), check_hook_url(new.webhook_url)
    most, item_ids = _concurrency(new.max_concurrency), ids.for_items(len(texts), members.get("item_ids"))
    cap = await cap_of(call)
    before = await _before(call, key, body) if key else None
    if before is not None:
        return answer(created(before), 202, headers=cap.headers())
    resolved = await resolve(call, new.app_name, new.action_name, new.version or LATEST)
    hooks = [] if url is None else [await hook_of(call, url)]
    try:
        made = await call.services.hosted_batches.create(
            call.tenant.project,
            resolved,
            texts,
            max_concurrency=_clamped(most, cap),
            timeout=timeout,
            priority=priority,
            item_ids=item_ids,
            key=f"kernel/{key}" if key else None,
            digest=body.digest() if key else None,
            webhooks=hooks,
        )
    except KeyConflict:
        raise key_reused(key or "") from None
    assert not isinstance(made, ExternalIdHeld)
    call.services.figures.http.submitted.inc(len(texts))
    return answer(created(made), 202, headers=cap.headers())


async def _before(call: Call, key: str, body: _Taken) -> HostedBatch | None:
    """What the same request made, whatever has become of the code since."""
    try:
        return await call.services.hosted_batches.under_key(call.tenant.project, f"kernel/{key}", body.digest())
    except KeyConflict:
        raise key_reused(key) from None


def created(made: HostedBatch) -> CreatedBatch:
    job = batch_job(made)
    return CreatedBatch(
        batch_job_id=job.id,
        total_count=job.total_count,
        id=job.id,
        status=job.status,
        app_name=job.app_name,
        action_name=job.action_name,
        version=job.version,
        max_concurrency=job.max_concurrency,
        created_at=job.created_at,
    )


class _Taken:
    """A body that is counted and digested on the way."""

    def __init__(self, body: Body, hold: Callable[[int], None]) -> None:
        self._body = body
        self._hold = hold
        self._digest = hashlib.sha256()

    @property
    def received(self) -> int:
        return self._body.received

    async def piece(self) -> bytes:
        data = await self._body.piece()
        self._hold(len(data))
        self._digest.update(data)
        return data

    def digest(self) -> str:
        return self._digest.hexdigest()


class _ItemIds:
    """The caller's own, one for each payload."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._found: list[str] = []
        self._given = False

    def take(self, portion: Sequence[str | msgspec.Raw]) -> None:
        self._given = True
        for place, one in enumerate(portion, len(self._found)):
            if not isinstance(one, str):
                raise bad_request(f"item_ids: not all of [{place}] and what follows are strings")
            if not one or len(one) > _MOST_ID:
                raise bad_request(f"item_ids[{place}]: has 1 to {_MOST_ID} characters")
            self._found.append(one)
        if len(self._found) > self._most:
            raise bad_request(f"item_ids: there are more than {self._most}")

    def for_items(self, count: int, otherwise: Any) -> list[str] | None:
        """None: there are none. `otherwise` is what was given instead of a list."""
        if otherwise is not None:
            raise bad_request("item_ids: is not a list of strings")
        if not self._given:
            return None
        if len(self._found) != count:
            raise bad_request(f"item_ids: {len(self._found)} for {count} payloads; give one for each")
        return self._found


def _new(members: dict[str, Any]) -> NewBatch:
    try:
        return msgspec.convert(members, NewBatch)
    except msgspec.ValidationError as error:
        raise bad_request(f"body: {error}") from None


def _concurrency(given: Any) -> int | None:
    if given is None:
        return None
    if isinstance(given, bool) or not isinstance(given, int) or given < 1:
        raise bad_request("max_concurrency: is not a whole number ≥ 1")
    return min(given, _MOST_CONCURRENCY)


def _clamped(wanted: int | None, cap: Cap) -> int | None:
    """To what the project may run at once."""
    if wanted is None or cap.most is None:
        return cap.most if wanted is None else wanted
    return min(wanted, cap.most)


def _check_encoding(call: Call) -> None:
    if call.header("content-encoding") not in (None, "", "identity"):
        raise bad_request("the body is compressed; send it as it is")


ROUTES = [
    Route(
        method="POST",
        path="/invocations/batch",
        name="create_batch",
        scope="submit",
        handler=create_batch,
        summary="Start a batch job: one invocation for each payload",
        answers=((202, CreatedBatch),),
        headers=("Idempotency-Key",),
        large=True,
    ),
]
