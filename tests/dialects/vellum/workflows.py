"""Workflow deployments for tests, and what runs them: a worker in this process, where a host has processes.

The workflow does what its input `do` says. It tells what the runtime would tell.
"""

from __future__ import annotations

import contextlib
import io
import tarfile
import uuid
from typing import Any

import msgspec

from stook.core.deployment import Action, App, Deployment
from stook.core.hosted import hosted_policy, hosted_task
from stook.core.hosted_event import HostedEvent
from stook.core.vellum_events import fulfilled_event, initiated_event, rejected_event, run_facts
from stook.engine.hosted_code import HostedCode
from stook.engine.hosted_events import HostedEvents
from stook.worker.context import Context
from stook.worker.definition import define
from stook.worker.signals import AsyncSignal
from tests.server.serving import Serving

__all__ = ["CONFIG", "DEFINITION", "NODE", "Workflows", "archive_of", "given", "text"]

DEFINITION = {"id": "6b9fd6bd-6a5b-4a3c-8d0c-0d6e7f1a2b3c", "name": "Hello", "module": ["hello", "workflow"]}
NODE = {"id": "9f0c1de2-30e1-4a76-9b0a-5d6d36c1f6a1", "name": "Greet", "module": ["hello", "nodes", "greet"]}
CONFIG = {
    "input_variables": [
        {"id": "0c6a2cf5-54c9-4b1e-9f3c-1f5b0a9d7e11", "key": "do", "type": "STRING", "required": True},
        {"id": "1c6a2cf5-54c9-4b1e-9f3c-1f5b0a9d7e12", "key": "n", "type": "NUMBER", "required": False},
    ],
    "output_variables": [
        {"id": "2c6a2cf5-54c9-4b1e-9f3c-1f5b0a9d7e13", "key": "greeting", "type": "STRING"},
        {"id": "3c6a2cf5-54c9-4b1e-9f3c-1f5b0a9d7e14", "key": "count", "type": "NUMBER"},
    ],
}


def text(name: str, value: Any, type_: str = "STRING") -> dict[str, Any]:
    return {"name": name, "type": type_, "value": value}


def given(do: str = "greet", **more: Any) -> dict[str, Any]:
    """The body of a submission."""
    return {"workflow_deployment_name": "hello", "inputs": [text("do", do)], **more}


def archive_of(**files: str) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as tar:
        for name, content in (files or {"workflow.py": "x = 1\n"}).items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content.encode()))
    return made.getvalue()


class USER_DEFINED_ERROR(Exception):  # noqa: N801 - the type of the error is its code
    __module__ = "builtins"


class Workflows:
    def __init__(self, served: Serving, folder: Any) -> None:
        self.served = served
        self.services = served.services
        self.code = HostedCode(self.services.store, self.services.blobs, self.services.seal)
        self.events = HostedEvents(self.services.store)
        self.archive = folder / "hello.tar.gz"
        self.archive.write_bytes(archive_of())

    def release(self, name: str = "hello", *, tags: tuple[str, ...] = (), **facts: Any) -> Deployment:
        return self.served.call(self._release(name, tags, facts))

    async def _release(self, name: str, tags: tuple[str, ...], facts: dict[str, Any]) -> Deployment:
        known = {"exec_config": CONFIG, "definition": DEFINITION, "release_tags": list(tags), "module": "hello"}
        made = await self.services.deployments.create(
            "default",
            dialect="vellum",
            runtime="vellum",
            label="LATEST",
            entrypoint="",
            archive=self.archive,
            facts={"name": name, "label": name.title(), **known, **facts},
        )
        built = await self.build()
        assert built is not None
        assert built.id == made.id
        return built

    async def build(self, refuse: str | None = None) -> Deployment | None:
        """As a host does, of the next one that is to be built."""
        while (order := await self.code.take_build("host")) is None:
            await self.services.store.wait(("deployments",), 0.1)
        if refuse is not None:
            await self.code.fail_build(order.token, refuse)
            return None
        facts = order.deployment.facts
        apps = [] if facts.get("sandbox_only") or facts.get("dry_run") else [App(facts["name"], (Action("workflow"),))]
        return await self.code.publish(order.token, apps, facts={"definition": DEFINITION})

    @contextlib.contextmanager
    def working(self, *releases: Deployment):
        definitions = {}
        for one in releases:
            name = one.apps[0].name
            task = hosted_task(one.id, name, "workflow")
            definitions[task] = define(self._handler(one), name=task, policy=hosted_policy("vellum", name))
        context = self.served.session.working(definitions)
        self.served.call(context.__aenter__())
        try:
            yield
        finally:
            self.served.call(context.__aexit__(None, None, None))

    def _handler(self, release: Deployment) -> Any:
        async def workflow(payload: Any, ctx: Context) -> Any:
            asked = {one["name"]: one["value"] for one in payload["inputs"]}
            run = run_facts(ctx.execution_id, "default", release.apps[0].name, release.id, "LATEST", release.facts)
            if "say" in asked:
                ctx.logger.info(asked["say"])
            return await _Run(self, run, asked, ctx.signal).go()

        return workflow


class _Run:
    def __init__(self, workflows: Workflows, run: Any, asked: dict[str, Any], signal: AsyncSignal) -> None:
        self.workflows, self.run, self.asked, self.signal = workflows, run, asked, signal

    async def go(self) -> Any:
        at = 1_750_000_000_000_000
        await self._tell(initiated_event(self.run, at, self.asked))
        match self.asked.get("do"):
            case "greet":
                span = str(uuid.uuid4())
                await self._tell(self._node(span, "initiated", inputs={"text": "hello", "n": 2, "list": [1]}))
                await self._tell(self._node(span, "fulfilled", outputs={"text": "hello"}, invoked_ports=None))
                await self._tell(self._workflow("streaming", output={"name": "greeting", "delta": "hel"}))
                await self._tell(self._workflow("streaming", output={"name": "greeting", "value": "hello"}))
                outputs = {"greeting": "hello", "count": 2.0, "extra": {"a": [1]}}
                end = fulfilled_event(self.run, at + 1_000_000, outputs)
                end["body"]["final_state"] = {"meta": {"turns": 1}}
                await self._tell(end)
                return {"outputs": outputs}
            case "again":  # what a worker told that was lost, and then the one that took its place
                await self._tell(self._node(str(uuid.uuid4()), "initiated", inputs={}))
                await self._tell(rejected_event(self.run, at, "INTERNAL_ERROR", "lost"))
                await self._tell(initiated_event(self.run, at, self.asked))
                await self._tell(self._node(str(uuid.uuid4()), "initiated", inputs={}))
                await self._tell(self._workflow("streaming", output={"name": "greeting", "value": "again"}))
                return {"outputs": {"greeting": "again"}}
            case "wait":
                await self._tell(self._workflow("streaming", output={"name": "greeting", "delta": "hel"}))
                await self.signal.wait()
                raise InterruptedError
            case "fail":
                error = rejected_event(self.run, at, "USER_DEFINED_ERROR", "no such luck", {"why": "dice"})
                error["body"]["stacktrace"] = "Traceback: secret"
                await self._tell(error)
                raise USER_DEFINED_ERROR("no such luck")
            case other:
                raise ValueError(f"cannot {other}")

    def _node(self, span: str, what: str, **body: Any) -> dict[str, Any]:
        made = self._workflow("x")
        parent = {
            "type": "WORKFLOW",
            "span_id": self.run.execution_id,
            "workflow_definition": DEFINITION,
            "parent": None,
        }
        name = f"node.execution.{what}"
        return {**made, "name": name, "span_id": span, "parent": parent, "body": {"node_definition": NODE, **body}}

    def _workflow(self, what: str, **body: Any) -> dict[str, Any]:
        made = initiated_event(self.run, 1_750_000_000_000_000, {})
        name = f"workflow.execution.{what}"
        return {**made, "name": name, "body": {"workflow_definition": DEFINITION, **body}}

    async def _tell(self, event: dict[str, Any]) -> None:
        event = {**event, "id": str(uuid.uuid4())}
        told = HostedEvent(event["id"], event["name"], 1_750_000_000_000_000, msgspec.json.encode(event))
        await self.workflows.events.keep({self.run.execution_id: [told]})
