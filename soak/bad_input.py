"""T6: one server is sent thousands of bad requests by our own hand, then more by schemathesis, which reads the document
that is served; then everything must be as if they had never been."""

from __future__ import annotations

import asyncio
import re
import time
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

from soak.crew import Crew
from soak.document_cases import run_document_cases
from soak.fuzz import fuzz
from soak.fuzz_world import look_after, look_for, make_world, put_right
from soak.report import Ledger
from soak.servers import ROLE, Servers, make_keys
from stook.config.settings import read_settings
from stook.wiring.session import open_session

if TYPE_CHECKING:
    from soak.crew import Post
    from soak.databases import Database

__all__ = ["run_bad_input"]

_RSS_MB: Final = 400
"""What the server may have come to, whatever bombs it was sent."""
_ROLES: Final = ("admin", "read", "submit")


async def run_bad_input(
    database: Database, folder: Path, *, seed: int, cases: int, seconds: float
) -> tuple[dict[str, int], Ledger]:
    """`seconds` for schemathesis, shared by its keys. RuntimeError where it is not installed."""
    if find_spec("schemathesis") is None:
        raise RuntimeError("T6 needs schemathesis: pip install 'stook[soak]'")
    ledger = Ledger()
    project = f"soak-fuzz-{seed}-{int(time.time())}"
    async with open_session(read_settings(url=database.url, project=project)):
        pass
    happened: dict[str, int] = {}
    with Crew(folder, project) as crew:
        servers = Servers(crew, database.url, 1)
        await servers.ready()
        (url,) = servers.urls
        (server,) = crew.posts
        world = await make_world(database.url, url, project)
        found = await fuzz(ledger, url, world, seed=seed, first=0, count=cases)
        await look_for(ledger, database.url, project, found.refused, found.accepted)
        happened |= {f"answers {status or 'none'}": count for status, count in sorted(found.statuses.items())}
        for role in _ROLES:
            secret, admin = await _new_keys(database.url, project, role, "admin")
            await put_right(url, admin)
            happened |= await asyncio.to_thread(
                run_document_cases, ledger, url, role, secret, folder, seed=seed, seconds=seconds / len(_ROLES)
            )
        await put_right(url, (await _new_keys(database.url, project, "admin"))[0])
        most = _most_memory(server)
        ledger.expect(f"the server stays below {_RSS_MB} MB", most < _RSS_MB, f"{most} MB")
        await look_after(ledger, database.url, project)
        await crew.end((ROLE,), 30.0)
        crew.told(ledger)
    return happened | {"MB of the server at most": most}, ledger


async def _new_keys(store: str, project: str, *scopes: str) -> list[str]:
    """Those that there were may have been revoked."""
    async with open_session(read_settings(url=store, project=project)) as session:
        return await make_keys(session, *scopes)


def _most_memory(server: Post) -> int:
    assert server.child is not None
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{server.child.pid}/status").read_text())
    assert found is not None
    return int(found[1]) // 1024
