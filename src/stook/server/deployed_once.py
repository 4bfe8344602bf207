"""`Idempotency-Key` of a deployment: a form that is sent again has other boundaries, so what counts is what it says."""

from __future__ import annotations

import asyncio
import hashlib
from typing import TYPE_CHECKING, Any

import msgspec

from stook.server.idempotent import once_as

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from pathlib import Path

    from starlette.responses import Response

    from stook.server.call import Call

__all__ = ["checksum_of", "deployed_once"]


async def deployed_once(
    call: Call,
    key: str | None,
    path: str,
    words: Mapping[str, Any],
    archive: Path | None,
    deploy: Callable[[Call], Awaitable[Response]],
    *,
    patient: bool = False,
) -> Response:
    """The answer of `deploy`, the first one under `key`, if there is one. `words` are JSON: all of the request but its
    archive. `patient` as in `once_as`."""
    if key is None:
        return await deploy(call)
    digest = await asyncio.to_thread(_digest, words, archive)
    return await once_as(call, key, path, digest, deploy, patient=patient)


def checksum_of(archive: Path) -> str:
    """Blocks. SHA-256 in hex."""
    with archive.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _digest(words: Mapping[str, Any], archive: Path | None) -> str:
    told = [dict(words), None if archive is None else checksum_of(archive)]
    return hashlib.sha256(msgspec.json.encode(told, order="sorted")).hexdigest()
