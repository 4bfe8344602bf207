"""`vellum workflows pull`: the files that were pushed, as a zip."""

from __future__ import annotations

import asyncio
import shutil
import tarfile
import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from stook.core.vellum_release import LATEST
from stook.server.dialects.vellum.asking import asked, uuid_text
from stook.server.dialects.vellum.refused import VellumRefusal, bad, not_there
from stook.server.dialects.vellum.releases import find_name, find_release
from stook.server.flow import Flow
from stook.server.route import Route

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from starlette.responses import Response

    from stook.core.deployment import Deployment
    from stook.server.call import Call

__all__ = ["ROUTES", "to_zip"]

_PIECE: Final = 256 * 1024
_PAGE: Final = 200
_NOT_FOUND: Final = 404


async def pull(call: Call) -> Response:
    """Of a workflow deployment what its tag points at, of a sandbox what was pushed last."""
    found = await _found(call, call.path("id"), asked(call).get("release_tag") or None)
    folder = tempfile.TemporaryDirectory(prefix="stook-pull-", ignore_cleanup_errors=True)
    try:
        archive, packed = Path(folder.name, "archive"), Path(folder.name, "zip")
        with await asyncio.to_thread(archive.open, "wb") as file:
            async for piece in call.services.deployments.archive(call.key.project, found.id):
                await asyncio.to_thread(file.write, piece)
        await asyncio.to_thread(to_zip, archive, packed)
    except BaseException:
        folder.cleanup()
        raise
    return Flow(_pieces(folder, packed), media_type="application/zip", patience=call.services.limits.drain_seconds)


def to_zip(archive: Path, packed: Path) -> None:
    """The regular files of a tar that was checked when it came; a zip stays as it is. Blocks."""
    if zipfile.is_zipfile(archive):
        shutil.copyfile(archive, packed)
        return
    with tarfile.open(archive) as tar, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as made:
        for member in tar:
            source = tar.extractfile(member) if member.isreg() else None
            if source is not None:
                with source, made.open(member.name.removeprefix("./"), "w") as target:
                    shutil.copyfileobj(source, target)


async def _found(call: Call, text: str, tag: str | None) -> Deployment:
    try:
        name = await find_name(call, text)
    except VellumRefusal as error:
        if error.status != _NOT_FOUND:
            raise
        if tag is not None:
            raise bad(f"release_tag is given, and {text[:100]!r} is no workflow deployment") from None
        return await _of_sandbox(call, text)
    return await find_release(call, name, tag or LATEST)


async def _of_sandbox(call: Call, text: str) -> Deployment:
    wanted, offset = uuid_text(text), 0
    while wanted is not None:
        page = await call.services.deployments.list(call.key.project, dialect="vellum", limit=_PAGE, offset=offset)
        for one in page.items:
            if (one.facts.get("sandbox_id") or one.id) == wanted and one.state in ("running", "stopped"):
                return one
        if not page.more:
            break
        offset += len(page.items)
    raise not_there(f"there is no workflow deployment or sandbox {text[:100]!r}")


async def _pieces(folder: tempfile.TemporaryDirectory[str], packed: Path) -> AsyncGenerator[bytes]:
    try:
        with packed.open("rb") as file:
            while piece := await asyncio.to_thread(file.read, _PIECE):
                yield piece
    finally:
        folder.cleanup()


ROUTES = [
    Route(
        method="GET",
        path="/v1/workflows/{id}/pull",
        name="vellum_pull",
        scope="read",
        handler=pull,
        summary="The source of a workflow",
        answers=((200, "application/zip"),),
    ),
]
