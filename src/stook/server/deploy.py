"""Deploying over HTTP: an archive with a few words about it, as a form or as the whole body."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from stook.core.deployment import check_runtime
from stook.core.errors import Conflict, NoEncryptionKey
from stook.hosting.archive import check_archive, runtime_of
from stook.server.call import answer, unsupported
from stook.server.deployed_once import checksum_of, deployed_once
from stook.server.deployment_shown import deployment_of
from stook.server.multipart import parts_of
from stook.server.refusal import Refusal, wrong_shape
from stook.server.route import Route
from stook.wire.deployment import Deployment, DeployQuery

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from starlette.responses import Response

    from stook.server.call import Call
    from stook.server.multipart import Part

__all__ = ["ROUTES"]

FORM: Final = "multipart/form-data"
ARCHIVES: Final = ("application/zip", "application/gzip", "application/x-gzip", "application/octet-stream")
_FIELDS: Final = frozenset(DeployQuery.__struct_fields__)
_WRITTEN: Final = 2**20
_PATH: Final = "/api/v1/deployments"


class _Asked(msgspec.Struct):
    archive: Path
    words: DeployQuery
    env: dict[str, str]


async def create_deployment(call: Call) -> Response:
    """A form has the file `archive`, the words of the query as fields, and `env`, a JSON object of the environment; an
    archive that is the whole body has the query. Both are a ZIP or a tar.gz. What is wrong with it is refused before it
    is kept; what is wrong with the code shows in its state. With an Idempotency-Key it is one deployment, however the
    same is sent again."""
    async with _asked(call) as asked:
        told = {"words": msgspec.to_builtins(asked.words), "env": asked.env}
        return await deployed_once(
            call, call.idempotency_key, _PATH, told, asked.archive, lambda call: _deploy(call, asked)
        )


async def _deploy(call: Call, asked: _Asked) -> Response:
    words = asked.words
    await asyncio.to_thread(check_archive, asked.archive, entrypoint=words.entrypoint)
    runtime = runtime_of(words.entrypoint)
    check_runtime(words.dialect, runtime, words.entrypoint)
    try:
        made = await call.services.deployments.create(
            call.tenant.project,
            dialect=words.dialect,
            runtime=runtime,
            label=words.label,
            force=words.force,
            entrypoint=words.entrypoint,
            archive=asked.archive,
            env=asked.env,
            deployment_id=_id(words.id),
            by=call.recording("deploy", None, f"deployment under {words.label}"[:200]),
        )
    except NoEncryptionKey:
        raise
    except Conflict:
        if words.id is None:
            raise
        return await _again(call, asked)
    return answer(deployment_of(made), 201, {"location": f"{_PATH}/{made.id}"})


async def _again(call: Call, asked: _Asked) -> Response:
    """The id is taken: by this very deployment, where the archive is the same."""
    found = await call.services.deployments.get(call.tenant.project, _id(asked.words.id) or "")
    if found is None or found.checksum != await asyncio.to_thread(checksum_of, asked.archive):
        raise Refusal(409, "conflict", f"there is another deployment {asked.words.id}", hint="leave out the id")
    return answer(deployment_of(found))


@contextlib.asynccontextmanager
async def _asked(call: Call) -> AsyncIterator[_Asked]:
    limit = call.services.settings.upload_bytes
    if call.media_type == FORM:
        async with parts_of(call.stream, call.header("content-type") or "", limit=limit) as parts:
            yield _of_form(parts)
    elif call.media_type in ARCHIVES:
        words = call.query(DeployQuery)
        with tempfile.TemporaryDirectory(prefix="stook-upload-", ignore_cleanup_errors=True) as folder:
            archive = Path(folder) / "archive"
            await _spool(call, archive, limit)
            yield _Asked(archive, words, {})
    else:
        raise unsupported(call.media_type, FORM, *ARCHIVES[:2])


async def _spool(call: Call, to: Path, limit: int) -> None:
    length = call.header("content-length") or ""
    if length.isascii() and length.isdigit() and int(length) > limit:
        raise _too_large(limit)
    kept = bytearray()
    with to.open("xb") as file:
        while data := await call.stream.piece():
            if call.stream.received > limit:
                raise _too_large(limit)
            kept += data
            if len(kept) >= _WRITTEN:
                await asyncio.to_thread(file.write, bytes(kept))
                kept.clear()
        await asyncio.to_thread(file.write, bytes(kept))


def _of_form(parts: Iterable[Part]) -> _Asked:
    archive: Path | None = None
    words: dict[str, str] = {}
    env: dict[str, str] = {}
    seen: set[str] = set()
    for part in parts:
        if part.name in seen:
            raise _wrong(part.name, "is given twice")
        seen.add(part.name)
        if part.name == "archive":
            if part.path is None:
                raise _wrong("archive", "is not sent as a file", hint="give it a filename")
            archive = part.path
        elif part.path is not None:
            raise _wrong(part.name, "is a file that nobody asked for", hint="the archive is `archive`")
        elif part.name == "env":
            env = _env(part.text())
        elif part.name in _FIELDS:
            words[part.name] = part.text()
        else:
            raise _wrong(part.name, "is not known", hint=f"there are archive, env, {', '.join(sorted(_FIELDS))}")
    if archive is None:
        raise _wrong("archive", "is missing", hint="send a ZIP or a tar.gz as the file `archive`")
    try:
        return _Asked(archive, msgspec.convert(words, DeployQuery, strict=False), env)
    except msgspec.ValidationError as error:
        raise wrong_shape(error, "form") from None


def _env(text: str) -> dict[str, str]:
    try:
        return msgspec.json.decode(text, type=dict[str, str])
    except (msgspec.DecodeError, RecursionError):
        raise _wrong("env", "is no JSON object of texts", hint='like {"NAME": "value"}') from None


def _id(text: str | None) -> str | None:
    try:
        return None if text is None else str(uuid.UUID(text))
    except ValueError:
        raise _wrong("id", f"{text!r} is no UUID", hint="leave it out, and the deployment is given one") from None


def _wrong(field: str, what: str, *, hint: str | None = None) -> Refusal:
    return Refusal(400, "option_error", f"{field}: {what}", hint=hint, field=field)


def _too_large(limit: int) -> Refusal:
    return Refusal(
        413,
        "body_too_large",
        f"the archive has more than {limit} bytes",
        hint="leave out what the code does not need, or raise STOOK_UPLOAD_BYTES",
    )


ROUTES = [
    Route(
        method="POST",
        path=_PATH,
        name="create_deployment",
        scope="operate",
        handler=create_deployment,
        summary="Deploy code: it is built, and then runs",
        query=DeployQuery,
        query_of_streams=True,
        sends=(FORM, *ARCHIVES),
        answers=((201, Deployment), (200, Deployment)),
        headers=("Idempotency-Key",),
    ),
]
