"""Deployments: made of a ZIP or a repository, looked at, followed, deleted."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from starlette.responses import Response

from stook.core.deployment import Source
from stook.core.errors import InputError
from stook.hosting.archive import BadArchive, check_archive, runtime_of
from stook.server.call import answer
from stook.server.deployed_once import deployed_once
from stook.server.dialects.kernel.asked import asked, read_paging
from stook.server.dialects.kernel.deploy_form import read_form, told_of
from stook.server.dialects.kernel.deployment_events import deployment_frames
from stook.server.dialects.kernel.refusals import bad_request, no_such
from stook.server.dialects.kernel.shapes import Deployment as Shown
from stook.server.dialects.kernel.shown import deployment
from stook.server.dialects.kernel.since import read_since
from stook.server.dialects.kernel.stream import MEDIA_TYPE, flow
from stook.server.multipart import parts_of
from stook.server.route import Route

if TYPE_CHECKING:
    from stook.core.deployment import Deployment, Runtime
    from stook.server.call import Call
    from stook.server.dialects.kernel.deploy_form import DeployForm, GithubSource

__all__ = ["ROUTES"]

DIALECT: Final = "kernel"


async def create_deployment(call: Call) -> Response:
    """What can be known of it at once is refused at once. A repository that cannot be fetched makes a deployment that
    has failed. With an Idempotency-Key it is one deployment, however the same is sent again."""
    limit = call.services.settings.upload_bytes
    async with parts_of(call.stream, call.header("content-type") or "", limit=limit) as parts:
        form = await asyncio.to_thread(read_form, parts)
        key, told = call.idempotency_key or None, told_of(form)
        return await deployed_once(
            call, key, "kernel/deployments", told, form.file, lambda call: _deploy(call, form), patient=True
        )


async def _deploy(call: Call, form: DeployForm) -> Response:
    if form.source is not None:
        made = await _of_repository(call, form, form.source)
    else:
        assert form.file is not None
        made = await _create(call, form, form.file)
    return answer(deployment(made), 201)


async def _of_repository(call: Call, form: DeployForm, source: GithubSource) -> Deployment:
    fetcher = call.services.sources
    if fetcher is None:
        raise bad_request("source: this server fetches no repositories; send the archive as file")
    _runtime(form.entrypoint)
    with tempfile.TemporaryDirectory(prefix="stook-source-", ignore_cleanup_errors=True) as folder:
        archive = Path(folder) / "archive.zip"
        token = None if source.auth is None else source.auth.token
        try:
            checksum = await fetcher.fetch(source.url, source.ref, source.path, token, archive)
        except BadArchive as error:
            raise bad_request(f"source: {error.message}") from None
        except InputError as error:
            return await _create(call, form, None, failed=f"source: {error.message}")
        return await _create(call, form, archive, checksum=checksum)


async def _create(
    call: Call, form: DeployForm, archive: Path | None, *, checksum: str | None = None, failed: str | None = None
) -> Deployment:
    runtime = _runtime(form.entrypoint)
    if archive is not None:
        try:
            facts = await asyncio.to_thread(check_archive, archive, entrypoint=form.entrypoint)
        except BadArchive as error:
            message = error.message if error.hint is None else f"{error.message}: {error.hint}"
            raise bad_request(f"file: {message}") from None
        if facts.kind != "zip":
            raise bad_request("file: it is not a ZIP archive")
    source = form.source
    return await call.services.deployments.create(
        call.tenant.project,
        dialect=DIALECT,
        runtime=runtime,
        label=form.version,
        force=form.force,
        entrypoint=form.entrypoint,
        archive=archive,
        source=Source() if source is None else Source("github", source.url, source.ref, source.path),
        env=form.env,
        checksum=checksum,
        failed=failed,
        by=call.recording("deploy", None, f"deployment under {form.version}"[:200]),
    )


def _runtime(entrypoint: str) -> Runtime:
    try:
        return runtime_of(entrypoint)
    except BadArchive as error:
        raise bad_request(f"entrypoint_rel_path: {error.message}: {error.hint}") from None


async def list_deployments(call: Call) -> Response:
    paging, app, label = read_paging(call), asked(call, "app_name"), asked(call, "app_version")
    if label is not None and app is None:
        raise bad_request("app_version: give app_name with it")
    page = await call.services.deployments.list(
        call.tenant.project,
        dialect=DIALECT,
        app=app,
        label=label,
        query=asked(call, "query"),
        limit=paging.limit,
        offset=paging.offset,
    )
    return answer(list(map(deployment, page.items)), headers=paging.headers(more=page.more))


async def show_deployment(call: Call) -> Response:
    return answer(deployment(await _found(call)))


async def delete_deployment(call: Call) -> Response:
    """It is in no list any more before this answers. Twice is once."""
    found = await _found(call)
    by = call.recording("delete deployment", None, f"deployment {found.id}", if_any=True)
    await call.services.deployments.delete(call.tenant.project, found.id, by=by)
    return Response(status_code=204)


async def follow_deployment(call: Call) -> Response:
    since = read_since(asked(call, "since"), call.services.clock())
    return flow(call, deployment_frames(call, await _found(call), since))


async def _found(call: Call) -> Deployment:
    name = call.path("deployment")
    found = await call.services.deployments.get(call.tenant.project, name)
    if found is None or found.dialect != DIALECT:
        raise no_such("deployment", name)
    return found


ROUTES = [
    Route(
        method="POST",
        path="/deployments",
        name="create_deployment",
        scope="operate",
        handler=create_deployment,
        summary="Deploy code: a ZIP with its entrypoint, or a repository",
        sends=("multipart/form-data",),
        answers=((201, Shown),),
        headers=("Idempotency-Key",),
    ),
    Route(
        method="GET",
        path="/deployments",
        name="list_deployments",
        scope="read",
        handler=list_deployments,
        summary="Deployments, the newest first",
        answers=((200, Shown),),
    ),
    Route(
        method="GET",
        path="/deployments/{deployment}",
        name="show_deployment",
        scope="read",
        handler=show_deployment,
        summary="One deployment, also after it was deleted",
        answers=((200, Shown),),
    ),
    Route(
        method="DELETE",
        path="/deployments/{deployment}",
        name="delete_deployment",
        scope="operate",
        handler=delete_deployment,
        summary="Stop a deployment and hide it",
        answers=((204, None),),
    ),
    Route(
        method="GET",
        path="/deployments/{deployment}/events",
        name="follow_deployment",
        scope="read",
        handler=follow_deployment,
        summary="Follow a deployment (SSE)",
        answers=((200, MEDIA_TYPE),),
    ),
]
