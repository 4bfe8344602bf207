"""`vellum workflows push`: source taken in, built by a host, and answered once that has gone well or not."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Any, Final, assert_never

import msgspec

from stook.core.deployment import Deployment, DeploymentState
from stook.core.errors import OptionError
from stook.core.vellum_ids import workflow_deployment_id
from stook.core.vellum_release import LATEST, check_deployment_name, kebab_case
from stook.hosting.archive import BadArchive, check_archive
from stook.server.call import answer
from stook.server.dialects.vellum.addresses import root_of
from stook.server.dialects.vellum.asking import uuid_text
from stook.server.dialects.vellum.refused import VellumRefusal, bad, not_there
from stook.server.dialects.vellum.releases import find_workflow, tags_of
from stook.server.dialects.vellum.submitting import Text
from stook.server.dialects.vellum.tags import checked_tag
from stook.server.multipart import parts_of
from stook.server.route import Route
from stook.server.until_stopping import until_stopping

if TYPE_CHECKING:
    from pathlib import Path

    from starlette.responses import Response

    from stook.server.call import Call
    from stook.server.multipart import Part

__all__ = ["ROUTES", "DeploymentConfig", "module_of", "read_form"]

_SUFFIX: Final = ".tar.gz"
_FIELD_BYTES: Final = 32 * 2**20
_BUILT: Final = (DeploymentState.running, DeploymentState.stopped)
_VARIABLES: Final = ("input_variables", "output_variables", "state_variables", "runner_config")


class DeploymentConfig(msgspec.Struct):
    name: Text | None = None
    label: Text | None = None
    description: str | None = None
    release_tags: Annotated[list[str], msgspec.Meta(max_length=100)] | None = None
    release_description: str | None = None


class Form(msgspec.Struct):
    """`exec_config` None: it is to be made of the artifact. `deployment` None: nothing is released."""

    module: str
    exec_config: dict[str, Any] | None
    sandbox_id: str | None
    deployment: DeploymentConfig | None
    dataset: list[Any] | None
    dry_run: bool


async def push(call: Call) -> Response:
    """Nothing is left of a push that was refused, and of one that was `dry_run`."""
    limit = call.services.settings.upload_bytes
    async with parts_of(call.stream, call.header("content-type") or "", limit=limit, field_bytes=_FIELD_BYTES) as parts:
        form, artifact = read_form(parts)
        try:
            await asyncio.to_thread(check_archive, artifact)
        except BadArchive as error:
            raise bad(f"artifact: {error.message}") from None
        await _check_sandbox(call, form)
        name, facts = await _facts(call, form)
        made = await call.services.deployments.create(
            call.key.project,
            dialect="vellum",
            runtime="vellum",
            label=LATEST,
            entrypoint="",
            archive=artifact,
            facts=facts,
            by=call.recording("deploy", None, f"workflow {name}"[:200]),
        )
    await _built(call, made)
    if form.dry_run:
        await call.services.deployments.delete(call.key.project, made.id)
    shown: dict[str, Any] = {"workflow_sandbox_id": form.sandbox_id or made.id}
    if form.deployment is not None:
        shown["workflow_deployment_id"] = workflow_deployment_id(call.key.project, name)
    if form.dry_run:
        shown["proposed_diffs"] = {}
    return answer(shown)


def read_form(parts: list[Part]) -> tuple[Form, Path]:
    """400 names the part that is not right. Parts that are not known are passed over, as `strict` is."""
    by_name = {one.name: one for one in parts}
    artifact = by_name.get("artifact")
    if artifact is None or artifact.path is None or artifact.filename is None:
        raise bad("the part artifact is missing: a file <module>.tar.gz with the workflow's source")
    sandbox = _text(by_name, "workflow_sandbox_id")
    sandbox_id = None if sandbox is None else uuid_text(sandbox)
    if sandbox is not None and sandbox_id is None:
        raise not_there(f"there is no workflow sandbox {sandbox[:100]!r}")
    form = Form(
        module=module_of(artifact.filename),
        exec_config=_json(by_name, "exec_config", dict[str, Any]),
        sandbox_id=sandbox_id,
        deployment=_json(by_name, "deployment_config", DeploymentConfig),
        dataset=_json(by_name, "dataset", list[Any]),
        dry_run=_flag(by_name, "dry_run"),
    )
    _flag(by_name, "strict")
    return form, artifact.path


def module_of(filename: str) -> str:
    """The package that was pushed: `a__b.tar.gz` is of `a.b`."""
    if not filename.endswith(_SUFFIX) or len(filename) == len(_SUFFIX):
        raise bad(f"artifact: the file is named {filename[:100]!r}, not <module>{_SUFFIX}")
    return filename.removesuffix(_SUFFIX).replace("__", ".")


async def _facts(call: Call, form: Form) -> tuple[str, dict[str, Any]]:
    """Of a deployment to be, with its name. The host adds what it finds out."""
    facts: dict[str, Any] = {"module": form.module, "base_url": root_of(call), "dry_run": form.dry_run}
    if form.exec_config is not None:
        facts["exec_config"] = {name: form.exec_config[name] for name in _VARIABLES if name in form.exec_config}
    if form.sandbox_id is not None:
        facts["sandbox_id"] = form.sandbox_id
    if form.dataset is not None:
        facts["dataset"] = form.dataset
    config = form.deployment or DeploymentConfig()
    name = config.name or kebab_case(form.module)
    facts |= {"name": name, "label": config.label or name, "sandbox_only": form.deployment is None}
    if form.deployment is None:
        return name, facts
    try:
        check_deployment_name(name)
    except OptionError as error:
        raise bad(f"deployment_config: {error.message}; {error.hint}") from None
    holders = {one.label: one.deployment_id for one in await tags_of(call, name)}
    facts["release_tags"] = [checked_tag(tag, holders.get(tag)) for tag in config.release_tags or ()]
    facts |= {"description": config.description, "release_description": config.release_description}
    if holders:
        facts["created"] = (await find_workflow(call, name)).created_at
    return name, facts


async def _check_sandbox(call: Call, form: Form) -> None:
    if form.sandbox_id is None:
        return
    found = await call.services.deployments.get(call.key.project, form.sandbox_id)
    if found is None or found.dialect != "vellum":
        raise not_there(f"there is no workflow sandbox {form.sandbox_id}")


async def _built(call: Call, made: Deployment) -> None:
    """Once a host has built it. 400 says why none could; then nothing is left of it."""
    seconds = call.services.settings.vellum_push_seconds
    refusal: VellumRefusal | None
    try:
        async with asyncio.timeout(seconds):
            refusal = await _outcome(call, made)
    except TimeoutError:
        refusal = bad(f"no host built it within {seconds:g} seconds: is one running, as with `stook serve --hosting`?")
        last = await call.services.deployments.get(call.key.project, made.id)
        refusal = None if last is not None and last.state in _BUILT else refusal
    if refusal is not None:
        await call.services.deployments.delete(call.key.project, made.id)
        raise refusal


async def _outcome(call: Call, made: Deployment) -> VellumRefusal | None:
    """None: it was built."""
    following = call.services.deployments.follow(call.key.project, made.id)
    async for news in until_stopping(following, call.services.channels.stopping):
        if isinstance(news, Deployment):
            match news.state:
                case DeploymentState.running | DeploymentState.stopped:
                    return None
                case DeploymentState.failed:
                    return bad(news.reason or "it could not be built")
                case DeploymentState.queued | DeploymentState.building:
                    pass
                case _:
                    assert_never(news.state)
    return VellumRefusal(503, "the server is stopping; push again")


def _text(parts: dict[str, Part], name: str) -> str | None:
    """An empty one is one that is not there."""
    part = parts.get(name)
    if part is None:
        return None
    if part.path is not None:
        raise bad(f"the part {name} is a file; send it as a field")
    return part.text().strip() or None


def _flag(parts: dict[str, Part], name: str) -> bool:
    text = _text(parts, name)
    if text not in (None, "true", "false", "True", "False"):
        raise bad(f"{name} is neither true nor false")
    return text in ("true", "True")


def _json(parts: dict[str, Part], name: str, kind: Any) -> Any:
    text = _text(parts, name)
    if text is None or text == "null":
        return None
    try:
        return msgspec.json.decode(text, type=kind)
    except (msgspec.DecodeError, RecursionError) as error:
        raise bad(f"{name}: {error}") from None


ROUTES = [
    Route(
        method="POST",
        path="/v1/workflows/push",
        name="vellum_push",
        scope="operate",
        handler=push,
        summary="Push a workflow, and release it",
        large=True,
    ),
]
