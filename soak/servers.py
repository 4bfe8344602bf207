"""Servers of a trial: each keeps its address from process to process, so that whoever lost it finds it again."""

from __future__ import annotations

import asyncio
import random
import socket
import time
from typing import TYPE_CHECKING, Final

import httpx

from stook.engine.keys import Keys

if TYPE_CHECKING:
    from soak.crew import Crew
    from stook.wiring.session import Session

__all__ = ["ROLE", "Servers", "make_keys"]

ROLE: Final = "server"
_BELOW_EPHEMERAL: Final = (20_000, 32_000)
"""No outgoing connection takes such a port while its server is away."""
_START_SECONDS: Final = 60.0


class Servers:
    """`words` are each server's own."""

    def __init__(self, crew: Crew, store: str, count: int, *words: str) -> None:
        ports = _free_ports(count)
        self.urls = [f"http://127.0.0.1:{port}" for port in ports]
        for port in ports:
            crew.post(ROLE, "soak.server_process", "--store", store, "--port", str(port), "--grace", "5", *words)

    async def ready(self) -> None:
        """Until each answers. RuntimeError if one does not."""
        until = time.monotonic() + _START_SECONDS
        async with httpx.AsyncClient(timeout=5) as client:
            for url in self.urls:
                while not await _answers(client, url):
                    if time.monotonic() > until:
                        raise RuntimeError(f"no server answers at {url}")
                    await asyncio.sleep(0.05)


async def make_keys(session: Session, *scopes: str) -> list[str]:
    """Secrets of keys with one scope each, of the session's project."""
    keys = Keys(session.store)
    try:
        return [(await keys.create(session.settings.project, "soak", [scope]))[1] for scope in scopes]
    finally:
        await keys.close()


async def _answers(client: httpx.AsyncClient, url: str) -> bool:
    try:
        return (await client.get(f"{url}/readyz")).is_success
    except httpx.HTTPError:
        return False


def _free_ports(count: int) -> list[int]:
    found: list[int] = []
    while len(found) < count:
        port = random.randint(*_BELOW_EPHEMERAL)
        with socket.socket() as trying:
            try:
                trying.bind(("127.0.0.1", port))
            except OSError:
                continue
        if port not in found:
            found.append(port)
    return found
