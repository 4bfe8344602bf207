"""Runs in a replica: one release of a Vellum workflow, with the unmodified runtime of `vellum-ai`.

Nothing of stook is imported here: this file, vellum_modules.py beside it, and the runtime are all there is. It speaks
frames (4 bytes of length, then JSON) over the descriptor in STOOK_REPLICA_FD:

    load  {path, module, release, env, most, facts?, check?}   -> loaded {apps, facts} | failed {error}
    run   {id, payload, context}                               -> event* -> done {output} | raised {error, output}

SIGTERM ends what runs as cancelled, and then the process. `spent` in an answer: the process is to be replaced
(something may still run in it, or it has served long enough).
"""

from __future__ import annotations

import ctypes
import json
import os
import queue
import re
import signal
import socket
import struct
import sys
import threading
import traceback
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vellum.client.types import ChatMessage, VellumAudio, VellumDocument, VellumImage, VellumVideo
from vellum.workflows import nodes
from vellum.workflows.context import ExecutionContext
from vellum.workflows.exceptions import WorkflowInitializationException
from vellum.workflows.nodes.displayable.bases.api_node import BaseAPINode
from vellum.workflows.nodes.displayable.bases.base_prompt_node import BasePromptNode
from vellum.workflows.nodes.displayable.tool_calling_node import ToolCallingNode
from vellum.workflows.nodes.utils import get_unadorned_node
from vellum.workflows.references.vellum_secret import VellumSecretReference
from vellum.workflows.state.context import WorkflowContext
from vellum.workflows.types.core import VellumSecret
from vellum.workflows.workflows.base import BaseWorkflow
from vellum.workflows.workflows.event_filters import root_workflow_event_filter

if TYPE_CHECKING:
    from collections.abc import Iterator

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
try:
    from vellum_modules import Finder, OwnName  # type: ignore[import-not-found,unused-ignore]
finally:
    del sys.path[0]

__all__ = ["Channel", "Replica", "main"]

HEAD = struct.Struct(">I")
RUNS = 2000
"""The runtime keeps a little of every run: a process that has served so many is replaced."""

HMAC = "VELLUM_HMAC_SECRET"
VALUES = {"AUDIO": VellumAudio, "VIDEO": VellumVideo, "IMAGE": VellumImage, "DOCUMENT": VellumDocument}
REMOTE = (
    BasePromptNode,
    nodes.BasePromptDeploymentNode,
    ToolCallingNode,
    nodes.BaseSearchNode,
    nodes.GuardrailNode,
    nodes.WebSearchNode,
    nodes.SubworkflowDeploymentNode,
)
"""Nodes that are nothing but calls of Vellum's own services."""
INITIATED, FULFILLED = "workflow.execution.initiated", "workflow.execution.fulfilled"
REJECTED, PAUSED = "workflow.execution.rejected", "workflow.execution.paused"


class Refused(Exception):
    """The workflow cannot be hosted: its message is for who pushed it."""


class Release:
    """What `load` left: the workflow's class, or why there is none. The latter is every run's answer."""

    def __init__(self, asked: dict[str, Any]) -> None:
        self.module, self.most = asked["module"], asked["most"]
        self._folder = Path(asked["path"]).resolve()
        self.package = "stook_release_" + re.sub(r"\W", "_", asked["release"])
        self.workflow: type[BaseWorkflow] | None = None
        self.error: dict[str, Any] | None = None
        inside = OwnName(self.package, self.module, inside=True)
        sys.meta_path[:0] = [Finder(self.package, self._folder, self.module), inside]
        sys.meta_path.append(OwnName(self.package, self.module, inside=False))
        try:
            self.workflow = BaseWorkflow.load_from_module(self.package)
        except BaseException as error:
            self.error = self.described(error)

    def facts(self, known: dict[str, Any]) -> dict[str, Any]:
        """What the workflow says of itself, without what is `known`. `Refused` for what stook cannot run."""
        assert self.workflow is not None
        refused = sorted({f"{one.__name__} ({reason})" for one, reason in _refused(self.workflow)})
        if refused:
            raise Refused("not supported, since they would call Vellum's API: " + ", ".join(refused))
        found: dict[str, Any] = {"definition": self.definition()}
        if not known.get("exec_config"):
            found["exec_config"] = self._exec_config()
        return found

    def definition(self) -> dict[str, Any]:
        if self.workflow is None:
            name = self.module.rsplit(".", 1)[-1]
            return {"id": str(uuid.uuid5(uuid.NAMESPACE_OID, name)), "name": name, "module": self._modules()}
        return {"id": str(self.workflow.__id__), "name": self.workflow.__name__, "module": self._modules()}

    def shown(self, text: str) -> str:
        """With the name that the module had where it was pushed."""
        return text.replace(self.package, self.module)

    def _modules(self) -> list[str]:
        return [*self.module.split("."), "workflow"]

    def _exec_config(self) -> dict[str, Any]:
        from vellum_ee.workflows.display.workflows.base_workflow_display import (
            BaseWorkflowDisplay,
        )

        made = BaseWorkflowDisplay.serialize_module(self.package).exec_config
        names = ("input_variables", "output_variables", "state_variables")
        whole: dict[str, Any] = json.loads(self.shown(json.dumps({name: made.get(name, []) for name in names})))
        return whole

    def described(self, error: BaseException) -> dict[str, Any]:
        """The place is the last one in the workflow's own files."""
        cause = error.__cause__ or error
        places = [(one.filename, one.lineno) for one in traceback.extract_tb(cause.__traceback__)]
        if isinstance(cause, SyntaxError):
            places.append((cause.filename or "", cause.lineno))
        own = [(Path(file), line) for file, line in places if Path(file).is_relative_to(self._folder)]
        file, line = (str(own[-1][0].relative_to(self._folder)), own[-1][1]) if own else (None, None)
        said = traceback.format_exception(type(cause), cause, cause.__traceback__)
        return {
            "type": type(cause).__name__,
            "message": self.shown(str(error) or type(error).__name__),
            "file": file,
            "line": line,
            "traceback": self.shown("".join(said)),
        }


def _refused(workflow: type[BaseWorkflow]) -> Iterator[tuple[type[nodes.BaseNode], str]]:
    """Nodes of the workflow and of those within it, with the kind or the option that cannot be served."""
    for adorned in workflow.get_nodes():
        for node in {adorned, get_unadorned_node(adorned)}:
            if reason := _reason(node):
                yield node, reason
            for reference in node:
                inner = reference.instance
                if isinstance(inner, type) and issubclass(inner, BaseWorkflow):
                    yield from _refused(inner)


def _reason(node: type[nodes.BaseNode]) -> str | None:
    for kind in REMOTE:
        if issubclass(node, kind):
            return next(one.__name__ for one in node.__mro__ if one.__module__.startswith("vellum.workflows."))
    values = {one.name: one.instance for one in node}
    if issubclass(node, BaseAPINode):
        if _secret(values):
            return "an API node with a secret"
        kind = values.get("authorization_type")  # an enumeration, or its value
        if values.get("bearer_token_value") or getattr(kind, "value", kind) == "BEARER_TOKEN":
            return "an API node with a bearer token"
    if issubclass(node, nodes.CodeExecutionNode):
        if values.get("packages"):
            return "a code node with packages"
        if values.get("runtime") != "PYTHON_3_11_6":
            return f"a code node with the runtime {values.get('runtime')}"
        if _secret(values):
            return "a code node with secrets"
    return None


def _secret(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(_secret, value.values()))
    return isinstance(value, (VellumSecret, VellumSecretReference))


class Run:
    """One execution. `send` gets its events, as the runtime dumps them; `answer` is what ends it."""

    def __init__(self, release: Release, asked: dict[str, Any], send: Any, cancelled: threading.Event) -> None:
        self._release, self._send, self._cancelled = release, send, cancelled
        self._id = asked["id"]
        context = asked["context"]
        self._trace_id, self._parent, self._timeout = context["trace_id"], context["parent"], context.get("timeout")
        if context.get("secret") is None:
            os.environ.pop(HMAC, None)
        else:
            os.environ[HMAC] = context["secret"]  # read when an API node sends something
        self._inputs = json.loads(asked["payload"] or "{}").get("inputs") or []
        self._initiated = False

    def answer(self) -> dict[str, Any]:
        try:
            if self._release.error is not None:
                return self._reject("INVALID_WORKFLOW", self._release.error["message"])
            return self._streamed()
        except WorkflowInitializationException as error:
            return self._reject(error.code.name, error.message, error.raw_data)
        except Exception as error:
            return self._reject("INTERNAL_ERROR", f"{type(error).__name__}: {error}", trace=traceback.format_exc())

    def _streamed(self) -> dict[str, Any]:
        workflow: Any = self._release.workflow
        given = {one["name"]: _value(one["name"], one["type"], one.get("value")) for one in self._inputs}
        inputs = workflow.get_inputs_class()(**given)
        context = ExecutionContext.model_validate({"trace_id": self._trace_id, "parent_context": self._parent})
        running = workflow(context=WorkflowContext(execution_context=context))
        stream = running.stream(
            inputs=inputs,
            event_filter=root_workflow_event_filter,
            execution_id=uuid.UUID(self._id),
            cancel_signal=self._cancelled,
            timeout=self._timeout,
        )
        for event in stream:
            if event.name == PAUSED:
                return self._reject("INTERNAL_ERROR", "external inputs are not supported") | {"spent": True}
            text = self._release.shown(event.model_dump_json())
            if event.name == FULFILLED:
                found = json.loads(text)["body"]["outputs"]
                output = json.dumps({"outputs": {one.name: found.get(one.name) for one in workflow.Outputs}})
                if len(output) > self._release.most:
                    message = f"the outputs are {len(output)} bytes long, {self._release.most} are allowed"
                    return self._reject("INVALID_OUTPUTS", message)
                self._send(str(event.id), event.name, event.timestamp, text)
                return {"op": "done", "output": output}
            self._initiated = self._initiated or event.name == INITIATED
            self._send(str(event.id), event.name, event.timestamp, text)
            if event.name == REJECTED:
                return _raised(json.loads(text)["body"]["error"])
        return self._reject("INTERNAL_ERROR", "the workflow ended without an outcome")

    def _reject(self, code: str, message: str, raw_data: Any = None, trace: str | None = None) -> dict[str, Any]:
        """With the events that the runtime did not make."""
        error = {"code": code, "message": self._release.shown(message), "raw_data": raw_data}
        if not self._initiated:
            said = {one["name"]: one.get("value") for one in self._inputs}
            rest = dict.fromkeys(("initial_state", "display_context", "server_metadata", "trigger"))
            self._say(INITIATED, {"inputs": said, **rest})
        self._say(REJECTED, {"error": error, "stacktrace": trace})
        return _raised(error)

    def _say(self, name: str, body: dict[str, Any]) -> None:
        at, event_id = datetime.now(UTC), str(uuid.uuid4())
        whole = {
            "id": event_id,
            "timestamp": at.isoformat(),
            "api_version": "2024-10-25",
            "trace_id": self._trace_id,
            "span_id": self._id,
            "parent": self._parent,
            "links": None,
            "name": name,
            "body": {"workflow_definition": self._release.definition(), **body},
        }
        self._send(event_id, name, at, json.dumps(whole, default=str))


def _raised(error: dict[str, Any]) -> dict[str, Any]:
    """Nodes of a run that was stopped from outside go on in their threads: only the end of the process stops them."""
    kept = {name: error.get(name) for name in ("code", "message", "raw_data")}
    spent = error["code"] in ("WORKFLOW_CANCELLED", "WORKFLOW_TIMEOUT")
    shown = {"type": error["code"], "message": error["message"]}
    return {"op": "raised", "error": shown, "output": json.dumps({"error": kept}), "spent": spent}


def _value(name: str, kind: str, value: Any) -> Any:
    """What the runtime wants in the place of what came."""
    try:
        if value is not None and kind == "CHAT_HISTORY":
            return [ChatMessage.model_validate(one) for one in value]
        if value is not None and kind in VALUES:
            return VALUES[kind].model_validate(value)
    except (TypeError, ValueError) as error:
        message = f"the input '{name}' is no {kind}: {error}"
        raise WorkflowInitializationException(message) from None
    return value


class Channel:
    """Frames from and to the host. Any thread may send."""

    def __init__(self, descriptor: int) -> None:
        os.set_inheritable(descriptor, False)  # noqa: FBT003 - it takes no name
        self._socket = socket.socket(fileno=descriptor)
        self._stream = self._socket.makefile("rb")
        self._lock = threading.Lock()

    def send(self, frame: dict[str, Any]) -> None:
        body = json.dumps(frame).encode()
        with self._lock:
            self._socket.sendall(HEAD.pack(len(body)) + body)

    def frames(self) -> Iterator[dict[str, Any]]:
        """Until the host closes its end."""
        while head := self._stream.read(HEAD.size):
            yield json.loads(self._stream.read(HEAD.unpack(head)[0]))


class Replica:
    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._asked: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self._running: threading.Event | None = None
        self._leaving = False
        self._release: Release | None = None
        self._runs = 0

    def serve(self) -> None:
        signal.signal(signal.SIGTERM, self._leave)
        threading.Thread(target=self._listen, name="stook-host", daemon=True).start()
        while not self._leaving:
            asked = self._asked.get()
            answer = self._load(asked) if asked["op"] == "load" else self._run(asked)
            sys.stdout.flush()
            sys.stderr.flush()
            self._channel.send(answer)
        os._exit(0)  # not waiting for threads of nodes

    def _listen(self) -> None:
        """In a thread of its own: the end of the host must be heard while a node computes."""
        for frame in self._channel.frames():
            self._asked.put(frame)
        os._exit(0)  # nobody is there to hear of what still runs

    def _leave(self, *_: object) -> None:
        self._leaving = True
        if self._running is None:
            os._exit(0)
        self._running.set()

    def _load(self, asked: dict[str, Any]) -> dict[str, Any]:
        os.environ.clear()
        os.environ.update(asked["env"])
        os.chdir(asked["path"])
        release = self._release = Release(asked)
        known = asked.get("facts") or {}
        action = {"name": "workflow", "input_schema": None, "output_schema": None}
        app = {"name": known.get("name") or release.module, "actions": [action]}
        loaded = {"op": "loaded", "apps": [app], "facts": {}}
        if not asked.get("check"):
            return loaded
        if release.error is not None:
            return {"op": "failed", "error": release.error}
        try:
            return loaded | {"facts": release.facts(known)}
        except Refused as error:
            return {"op": "failed", "error": {"type": "Unsupported", "message": str(error)}}
        except Exception as error:
            return {"op": "failed", "error": release.described(error)}

    def _run(self, asked: dict[str, Any]) -> dict[str, Any]:
        assert self._release is not None
        self._runs += 1
        self._running = threading.Event()
        self._channel.send({"op": "began"})

        def send(event_id: str, name: str, at: datetime, body: str) -> None:
            micros = round(at.timestamp() * 1_000_000)
            frame = {"op": "event", "run": asked["id"], "id": event_id, "name": name, "at": micros, "body": body}
            self._channel.send(frame)

        answer = Run(self._release, asked, send, self._running).answer()
        self._running = None
        spent = answer.get("spent", False) or self._leaving or self._runs >= RUNS
        return answer | {"id": asked["id"], "spent": spent}


def main() -> None:
    ctypes.CDLL(None).prctl(4, 0, 0, 0, 0)  # PR_SET_DUMPABLE: nobody else reads this process's memory
    Replica(Channel(int(os.environ["STOOK_REPLICA_FD"]))).serve()


if __name__ == "__main__":
    main()
