"""What is done by hand to one execution; one that is not in a state for it is a `Conflict`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stook.core.errors import Conflict
from stook.core.ids import execution_id
from stook.core.payload import encode

if TYPE_CHECKING:
    from stook.client.backend import Backend
    from stook.store.script.change import Touched

__all__ = ["edit", "skip"]


async def edit(backend: Backend, batch_id: bytes, index: int, payload: object, *, again: bool) -> None:
    _check(await backend.edit(batch_id, index, encode(payload), again=again), batch_id, index, "edited")


async def skip(backend: Backend, batch_id: bytes, index: int, reason: str) -> None:
    _check(await backend.skip(batch_id, index, reason=reason), batch_id, index, "skipped")


def _check(touched: Touched, batch_id: bytes, index: int, what: str) -> None:
    if not touched.done:
        raise Conflict(f"execution {execution_id(batch_id, index)} is {touched.state.name} and cannot be {what}")
