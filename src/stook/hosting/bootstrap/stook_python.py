"""Runs the tasks of an app made with stook, one execution after another: `python -u -I stook_python.py`.

    host ──load──▶ environment variables, entrypoint, its `stook.App`s ──loaded──▶ host
         ──run───▶ its turn is taken: it has begun ──▶ handler ──done, raised──▶   (one at a time)

Needs stook in its environment. A task has its payload, its types, its context and its terms here, and no store behind
it: one that uses what outlives an attempt (steps, sleeps, children, events), or that other things than calls start, is
refused when it is loaded, as far as that can be seen in its code, and else fails for good when it does.
"""

from __future__ import annotations

import ast
import asyncio
import contextlib
import ctypes
import fcntl
import importlib
import importlib.util
import inspect
import json
import logging
import os
import signal
import socket
import struct
import sys
import termios
import textwrap
import time
import traceback
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import ModuleType

__all__ = ["main"]

PR_SET_DUMPABLE = 4
_SIZE = struct.Struct(">I")
_NONE = bytes(4)
_encoded = json.JSONEncoder(separators=(",", ":")).encode
_HERE = str(os.path.abspath(__file__))
DURABLE = frozenset(
    (
        *("step", "sleep", "sleep_until", "checkpoint", "last_checkpoint", "version", "invoke", "call", "gather"),
        *("invoke_many", "wait_for_event", "emit", "cancel", "schedule", "unschedule", "heartbeat"),
    )
)
"""Of a context: what needs a store."""
OWN = "run it with a worker of your own: stook worker MODULE"


def main() -> None:
    fd = int(os.environ["STOOK_REPLICA_FD"])
    line, turns = Line(fd), Turns(fd + 1)
    try:
        ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)  # nobody of the same user looks into it
    except (OSError, AttributeError):
        pass
    load = receive(line)
    if load is None:
        return
    os.environ.clear()
    os.environ.update(load["env"])
    time.tzset()
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    try:
        apps = apps_of(load_module(load))
        found = [{"name": name, "actions": [action(task) for task in app.tasks.values()]} for name, app in apps.items()]
    except BaseException as error:
        line.send({"op": "failed", "error": told(error, load["path"])})
        return
    line.send({"op": "loaded", "apps": found, "ahead": True})
    with asyncio.Runner() as runner, Customs(runner) as customs:
        calls = Calls(apps, runner, customs)
        while (run := customs.receive(line)) is not None:
            if not turns.taken():
                continue
            began = time.perf_counter_ns()
            answer = call(calls, run, load["most"], load["path"])
            for stream in (sys.stdout, sys.stderr):
                try:
                    stream.flush()
                except BaseException:
                    pass
            answer["took"] = (time.perf_counter_ns() - began) // 1000
            if turns.wrote():
                answer["wrote"] = True
            line.send(answer)


def load_module(load: dict[str, Any]) -> ModuleType:
    try:
        importlib.import_module("stook")  # before the app's own folder can hide it
    except ImportError as error:
        raise ImportError("the app's environment has no stook: name it in its dependencies") from error
    root = load["path"]
    file = os.path.join(root, load["entrypoint"])
    for folder in (root, os.path.dirname(file)):
        if folder in sys.path:
            sys.path.remove(folder)
        sys.path.insert(0, folder)
    sys.argv = [file]
    stem = os.path.splitext(os.path.basename(file))[0]
    name = f"_entrypoint_{stem}" if stem in sys.modules or stem in sys.stdlib_module_names else stem
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def apps_of(module: ModuleType) -> dict[str, Any]:
    from stook.wiring.app import App

    found = {one.name: one for one in vars(module).values() if isinstance(one, App)}
    if not found:
        raise LookupError("the entrypoint makes no app: it has no stook.App(...)")
    return found


def action(task: Any) -> dict[str, Any]:
    import msgspec

    from stook.wiring.task_entry import entry_of

    definition = task.definition(processes=False)
    check_hosted(task, definition)
    schema = entry_of(task.name, definition).schema
    policy = json.loads(msgspec.json.encode(definition.policy))
    return {
        "name": task.name,
        "input_schema": None if schema is None else json.loads(schema),
        "timeout": definition.policy.timeout,
        "policy": policy,
    }


def check_hosted(task: Any, definition: Any) -> None:
    """`ConfigError` for what a hosted task cannot have. What its policy cannot hold is refused by who publishes it."""
    from stook.core.errors import ConfigError
    from stook.core.triggers import Invocable

    for trigger in definition.triggers:
        if not isinstance(trigger, Invocable):
            raise ConfigError(
                f"task {task.name!r} has triggers=, {type(trigger).__name__} among them: only calls start hosted tasks",
                hint=f"leave triggers= out and start it from outside, or {OWN}",
            )
    if definition.strict_steps:
        raise ConfigError(
            f"task {task.name!r} has strict_steps=True: hosted tasks have no steps", hint=f"leave it out, or {OWN}"
        )
    if not definition.batched:
        for name, line in durable_uses(definition):
            raise ConfigError(
                f"task {task.name!r} uses ctx.{name} (line {line}): a hosted execution remembers nothing between its "
                "attempts, and has no children or events",
                hint=f"leave it out, or {OWN}",
            )


def durable_uses(definition: Any) -> Iterator[tuple[str, int]]:
    """(name, line) of what needs a store, where the handler itself names it."""
    if not definition.parameters.context:
        return
    try:
        handler = inspect.unwrap(definition.handler)
        lines, first = inspect.getsourcelines(handler)
        tree = ast.parse(textwrap.dedent("".join(lines)))
    except (OSError, TypeError, SyntaxError, ValueError):
        return
    given = list(inspect.signature(handler).parameters)
    context = given[0 if definition.parameters.takes == "nothing" else 1]
    for node in ast.walk(tree):
        if not isinstance(node, ast.Attribute) or node.attr not in DURABLE:
            continue
        if isinstance(node.value, ast.Name) and node.value.id == context:
            yield node.attr, first + node.lineno - 1


class Customs:
    """What apps give the contexts of their handlers, made when it is first asked for and left at the end."""

    def __init__(self, runner: asyncio.Runner) -> None:
        self._runner = runner
        self._leaving = contextlib.AsyncExitStack()
        self._made: dict[str, Mapping[str, Any]] = {}
        self._entered = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._runner.run(self._leaving.aclose())

    def of(self, app: Any) -> Mapping[str, Any]:
        from stook.wiring.custom_context import entered

        if app.name not in self._made:
            self._entered = self._entered or callable(app.context)
            self._made[app.name] = self._runner.run(entered(app.context, self._leaving))
        return self._made[app.name]

    def receive(self, line: Line) -> Any:
        """Ended while it rests, the process leaves what it has entered."""
        if not self._entered or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
            return receive(line)
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        try:
            return receive(line)
        finally:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)


class Calls:
    """Of the tasks of an app's module."""

    def __init__(self, apps: dict[str, Any], runner: asyncio.Runner, customs: Customs) -> None:
        from stook.worker.answer import answer
        from stook.worker.source import Trouble
        from stook.worker.trouble import failed

        self._apps = apps
        self._definitions: dict[tuple[str, str], Any] = {}
        self.runner, self.customs = runner, customs
        self.answer, self.failed, self.trouble = answer, failed, Trouble

    def definition(self, app: str, action: str) -> Any:
        found = self._definitions.get((app, action))
        if found is None:
            found = self._apps[app].tasks[action].definition(processes=False)
            self._definitions[app, action] = found
        return found

    def context(self, definition: Any, assignment: Any, app: str) -> Any:
        if definition.context is None:
            return None
        custom = self.customs.of(self._apps[app])
        return definition.context(assignment, 0, durable=nothing_remembered(definition), custom=custom)


def call(calls: Calls, run: dict[str, Any], most: int, root: str) -> dict[str, Any]:
    definition = calls.definition(run["app"], run["action"])
    retry = definition.policy.retry
    try:
        assignment = assignment_of(definition, run)
        payload = definition.reader.read((run["payload"] or "null").encode())
        context = calls.context(definition, assignment, run["app"])
        value = definition.handler(*definition.arguments(payload, assignment, 0, context))
        if definition.is_async:
            value = calls.runner.run(value)
        ended = calls.answer(value, definition.encode, retry, 0)
    except BaseException as error:
        ended = error
        sys.stderr.write(told(error, root)["traceback"])
    if isinstance(ended, BaseException):
        judged = calls.failed(0, ended, retry)
        error_ = {**told(ended, root), "retryable": judged.retryable, "retry_after": judged.retry_after}
        return {"op": "raised", "error": error_}
    if isinstance(ended, calls.trouble):
        error_ = {"type": ended.type, "message": ended.message, "traceback": ended.traceback, "code": ended.code}
        return {"op": "raised", "error": {**error_, "retryable": ended.retryable, "retry_after": ended.retry_after}}
    if len(ended) > most:
        error_ = {
            "type": "ResultTooLarge",
            "message": f"the result has {len(ended)} bytes of JSON, the limit is {most}",
        }
        return {"op": "raised", "error": {**error_, "code": "result_too_large", "retryable": False}}
    return {"op": "done", "output": ended.decode()}


def assignment_of(definition: Any, run: dict[str, Any]) -> Any:
    from stook.core.extras import ItemExtras
    from stook.core.ids import batch_of, index_of, parse_id
    from stook.worker.assignment import Assignment

    at, given = parse_id(run["id"]), run["context"]
    return Assignment(
        batch_of(at),
        index_of(at),
        definition.name,
        given["queue"],
        given["attempt"],
        given["max_attempts"],
        given["timeout"],
        given["created_at"],
        given["metadata"],
        {0: ItemExtras(tags=tuple(given["tags"]), parent=given["parent"])},
        given["fence"],
    )


def nothing_remembered(definition: Any) -> Any:
    from stook.core.errors import UnsupportedByBackend
    from stook.worker.verdicts import NonRetryable

    class NotHosted(NonRetryable, UnsupportedByBackend):
        """It would be so at each attempt."""

        code = UnsupportedByBackend.code

    def refuse(_: object) -> Any:
        raise NotHosted(
            f"task {definition.name!r} is hosted: an execution of it remembers nothing between its attempts, and has "
            "no children or events",
            hint=OWN,
        )

    return refuse


def told(error: BaseException, root: str) -> dict[str, Any]:
    """An exception in words, without the frames that are ours."""
    from stook.core.errors import StookError
    from stook.worker.trace import message_of, type_name

    step = error.__traceback__
    while step is not None and is_ours(step.tb_frame.f_code.co_filename):
        step = step.tb_next
    text = "".join(traceback.format_exception(type(error), error, step))
    file, line = None, None
    while step is not None:
        name = step.tb_frame.f_code.co_filename
        if name.startswith(root + os.sep):
            file, line = os.path.relpath(name, root), step.tb_lineno
        step = step.tb_next
    if isinstance(error, SyntaxError) and error.filename:
        file, line = os.path.relpath(error.filename, root), error.lineno
    found = {"type": type_name(type(error)), "message": message_of(error), "file": file, "line": line}
    code = error.code if isinstance(error, StookError) else ""
    return {**found, "traceback": text[-30000:], "code": code}


def is_ours(file: str) -> bool:
    return file == _HERE or file.startswith("<frozen importlib")


def receive(line: Line) -> Any:
    """The next frame: a run in it has not begun. None: there will be no more."""
    body = line.body()
    return None if body is None else json.loads(body)


class Line:
    """Of frames: what lies ready is read at once."""

    def __init__(self, fd: int) -> None:
        self._socket = socket.socket(fileno=fd)
        self._rest = bytearray()
        os.set_inheritable(fd, False)  # noqa: FBT003 -- positional only

    def body(self) -> Any:
        """None: there will be no more."""
        rest = self._rest
        while len(rest) < _SIZE.size or len(rest) < _SIZE.size + _SIZE.unpack_from(rest)[0]:
            piece = self._socket.recv(1 << 18)
            if not piece:
                return None
            rest += piece
        end = _SIZE.size + _SIZE.unpack_from(rest)[0]
        body = rest[_SIZE.size : end]
        del rest[:end]
        return body

    def send(self, frame: dict[str, Any]) -> None:
        body = _encoded(frame).encode()
        self._socket.sendall(_SIZE.pack(len(body)) + body)


class Turns:
    """A byte for each run that lies on the line: it begins, unless the byte is of another round. Who has written ends
    a round: its host reads that before it gives out new bytes."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._round = 1
        self._written = [os.dup(1), os.dup(2)]
        os.set_inheritable(fd, False)  # noqa: FBT003 -- positional only

    def taken(self) -> bool:
        """Of the run that was just received: from now on it has begun. False: it never will."""
        return os.read(self._fd, 1) == bytes((self._round,))

    def wrote(self) -> bool:
        """Something that was written has not been read."""
        for fd in self._written:
            if fcntl.ioctl(fd, termios.FIONREAD, _NONE) != _NONE:
                self._round = self._round % 255 + 1
                return True
        return False


if __name__ == "__main__":
    main()
