"""The project that bad requests are made to, before and after."""

from __future__ import annotations

import asyncio
import secrets
from typing import TYPE_CHECKING, Any, Final

import httpx

from soak.fuzz_case import World
from soak.tables import open_tables
from stook.cli.checks import check_store
from stook.config.settings import read_settings
from stook.core.errors import Conflict
from stook.core.ids import execution_id, parse_id
from stook.core.policy import TaskPolicy
from stook.core.states import BatchState
from stook.engine.keys import Keys
from stook.engine.projects import Projects
from stook.store.script.recount import recount
from stook.wiring.session import open_session
from stook.worker.definition import define

if TYPE_CHECKING:
    from collections.abc import Mapping

    from soak.report import Ledger
    from stook.wiring.session import Session

__all__ = ["look_after", "look_for", "make_world", "put_right"]

TASK: Final = "t"
_ROLES: Final = ("admin", "read", "submit", "operate", "worker")
_MANY: Final = 10**9
_LIVE: Final = frozenset(state for state in BatchState if not state.terminal)


async def _handler(item: Any) -> Any:
    if isinstance(item, dict) and item.get("n") == 1:
        raise ValueError("the one that fails")
    return item


async def make_world(store: str, url: str, project: str) -> World:
    """Batches of all kinds in `project`, and in another one that nobody here may look into."""
    foreign = f"{project}-foreign"
    async with open_session(read_settings(url=store, project=project)) as session:
        keys = Keys(session.store)
        try:
            made = {role: (await keys.create(project, role, [role]))[1] for role in _ROLES}
            made["foreign"] = (await keys.create(foreign, "foreign", ["admin"]))[1]
        finally:
            await keys.close()
        definition = define(_handler, name=TASK, policy=TaskPolicy(max_attempts=1))
        async with session.working({TASK: definition}):
            ended = await _post(url, made["admin"], items=[{"id": str(n), "n": n} for n in range(40)])
            await _ended(session, ended)
    other = await _post(url, made["foreign"], items=[1, 2])
    opened = await _post(url, made["admin"], open=True)
    queued = await _post(url, made["admin"], items=list(range(3000)))
    throwaway = await _call(url, made["admin"], "POST", "keys", {"name": "throwaway", "scopes": ["read"]})
    action = await _call(url, made["admin"], "POST", f"batches/{execution_id(queued, 0)}/pause", {})
    hook = {"url": "https://hook.invalid/x", "max_concurrency": 1}
    endpoint = await _call(url, made["admin"], "POST", "webhook-endpoints", hook)
    await _call(url, made["admin"], "POST", f"webhook-endpoints/{endpoint['id']}/test")
    deliveries = await _call(url, made["admin"], "GET", "webhook-deliveries")
    await put_right(url, made["admin"])
    document = await _call(url, made["admin"], "GET", "openapi.json")
    states = await _call(url, made["admin"], "GET", "batches")
    batches = [execution_id(one, 0) for one in (ended, opened, queued, other)]
    return World(
        keys=made,
        document=document,
        ids={
            "batch": batches,
            "execution": [execution_id(one, index) for one in (ended, queued, other) for index in (0, 1, 2999)],
            "index": ["0", "1", "2999"],
            "action": [action["action"]["id"]],
            "key": [throwaway["id"]],
            "endpoint": [endpoint["id"]],
            "delivery": [one["id"] for one in deliveries["data"]],
            "task": [TASK],
            "project": [foreign],
        },
        cursors=["3", "40", batches[0], batches[3], str(states["next"])],
        task=TASK,
        known={
            "task": [TASK],
            "state": ["failed", "succeeded,failed"],
            "queue": ["default"],
            "batch": batches,
            "url": [hook["url"]],
        },
    )


async def _ended(session: Session, batch_id: bytes) -> None:
    while not (await session.engine.show(batch_id)).state.terminal:
        await session.engine.wait_for_change(batch_id, 1.0)


async def put_right(url: str, secret: str) -> None:
    """Limits that were set by the way would refuse all that follows. What is queued goes on being counted."""
    limits = {"max_queued_items": _MANY, "max_payload_bytes": None, "max_rate": None, "max_concurrency": None}
    await _call(url, secret, "PATCH", "project", limits)


async def look_for(
    ledger: Ledger, store: str, project: str, refused: Mapping[str, int], accepted: Mapping[str, int]
) -> None:
    """What was refused is gone or given up, what was accepted is there: batches by name."""
    async with open_tables(store) as tables:
        query = (
            "select name, ended, succeeded + failed from batch where phase <> 'deleted'"
            f" and project in ('{project}', '{project}-foreign')"
        )
        found = {name: (ended, worked) for name, ended, worked in await tables.fetch(query)}
    what = "what was refused left no batch, or one that was given up"
    for name, status in refused.items():
        ended, worked = found.get(name, ("gone", 0))
        ledger.expect(what, ended in ("gone", "cancelled") and not worked, f"{name} ({status}) is {ended or 'live'}")
    for name, total in accepted.items():
        ledger.expect("what was accepted is there", name in found, f"{name} with {total} items is gone")


async def look_after(ledger: Ledger, store: str, project: str) -> None:
    """Nothing is half-written: all counters are right, and everything that is left can be cancelled down to nothing.
    The server may go on meanwhile."""
    async with open_session(read_settings(url=store, project=project)) as session:
        async with open_tables(store) as tables:
            query = f"select id from batch where project = '{project}' and phase <> 'deleted'"
            batches = [bytes(row[0]) for row in await tables.fetch(query)]
        await _recounted(session, ledger, batches, project)
        await _cancelled(session, ledger, project)
        for name, verdict, text in await check_store(session, newest=100_000, repair=False):
            ledger.expect("doctor finds nothing wrong", verdict != "wrong", f"{name}: {text}")


async def _recounted(session: Session, ledger: Ledger, batches: list[bytes], project: str) -> None:
    left = 0
    for one in batches:
        counted = await session.store.read(recount, one)
        name = execution_id(one, 0)
        what = "counters equal a recount of the state bytes"
        ledger.expect(what, not counted.differences, f"{name}: {'; '.join(counted.differences)}")
        left += counted.counted.total - counted.counted.terminal
    kept = (await Projects(session.store).show(project)).queued_items
    ledger.expect("the project's queued items are what its batches hold", kept == left, f"{kept} instead of {left}")


async def _cancelled(session: Session, ledger: Ledger, project: str) -> None:
    while live := (await session.engine.batches(states=_LIVE, limit=500)).batches:
        for one in live:
            try:
                await session.engine.cancel(one.id, hard=True)
            except Conflict as error:
                ledger.wrong("whatever is left can be cancelled", f"{one.public_id}: {error}")
        again = (await session.engine.batches(states=_LIVE, limit=500)).batches
        if {one.id for one in again} & {one.id for one in live}:
            await asyncio.sleep(0.05)
    ledger.looked("whatever is left can be cancelled")
    async with open_tables(session.settings.url) as tables:
        query = f"select id, total from batch where project = '{project}' and single = 1 and ended is null"
        for id_, total in await tables.fetch(query):
            await session.engine.cancel_items(bytes(id_), list(range(total)))
        for table in ("segment", "lease"):
            rows = await tables.fetch(f"select count(*) from {table} where project = '{project}'")
            ledger.expect("nothing is queued or leased any more", rows[0][0] == 0, f"{rows[0][0]} rows in {table}")
    kept = (await Projects(session.store).show(project)).queued_items
    ledger.expect("the project's queued items are what its batches hold", not kept, f"{kept} when all has ended")


async def _post(url: str, secret: str, **body: Any) -> bytes:
    made = await _call(url, secret, "POST", "batches", {"task": TASK, "name": secrets.token_hex(4)} | body)
    return parse_id(made["id"])


async def _call(url: str, secret: str, method: str, path: str, body: Any = None) -> Any:
    headers = {"authorization": f"Bearer {secret}"}
    async with httpx.AsyncClient(base_url=f"{url}/api/v1/", headers=headers, timeout=30) as client:
        answer = await client.request(method, path, json=body)
    if answer.is_error:
        raise RuntimeError(f"{method} {path}: {answer.status_code} {answer.text[:500]}")
    return answer.json()
