"""Runs the tasks of an app made with stook, one execution after another: `python -u -I stook_python.py`.

    host ──load──▶ environment variables, entrypoint, its `stook.App`s ──loaded──▶ host
         ──run───▶ handler ──done, raised──▶                                       (one at a time)

Needs stook in its environment. A task has its payload, its types and its context here, and no store behind it: what
outlives an attempt (steps, sleeps, children, events) says that it is not to be had.
"""

from __future__ import annotations

import asyncio
import ctypes
import importlib
import importlib.util
import json
import logging
import os
import socket
import struct
import sys
import time
import traceback
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import ModuleType

__all__ = ["main"]

PR_SET_DUMPABLE = 4
_SIZE = struct.Struct(">I")
_HERE = str(os.path.abspath(__file__))


def main() -> None:
    line = socket.socket(fileno=int(os.environ["STOOK_REPLICA_FD"]))
    os.set_inheritable(line.fileno(), False)  # noqa: FBT003 -- positional only
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
        send(line, {"op": "failed", "error": told(error, load["path"])})
        return
    send(line, {"op": "loaded", "apps": found})
    with asyncio.Runner() as runner:
        while True:
            run = receive(line)
            if run is None:
                return
            answer = call(apps, runner, run, load["most"], load["path"])
            for stream in (sys.stdout, sys.stderr):
                try:
                    stream.flush()
                except BaseException:
                    pass
            send(line, answer)


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
    from stook.core.errors import ConfigError
    from stook.wiring.task_entry import entry_of

    definition = task.definition(processes=False)
    if definition.batched:
        raise ConfigError(
            f"task {task.name!r} is batched: hosted tasks take one payload a call", hint="leave out batch="
        )
    schema = entry_of(task.name, definition).schema
    given = None if schema is None else json.loads(schema)
    return {"name": task.name, "input_schema": given, "timeout": definition.policy.timeout}


def call(apps: dict[str, Any], runner: asyncio.Runner, run: dict[str, Any], most: int, root: str) -> dict[str, Any]:
    from stook.core.ids import batch_of, index_of, parse_id
    from stook.worker.answer import answer
    from stook.worker.assignment import Assignment
    from stook.worker.source import Trouble

    try:
        definition = apps[run["app"]].tasks[run["action"]].definition(processes=False)
        policy, at = definition.policy, parse_id(run["id"])
        now = time.time_ns() // 1000
        assignment = Assignment(
            batch_of(at),
            index_of(at),
            definition.name,
            policy.queue,
            1,
            1,
            policy.timeout,
            now,
            run["context"]["metadata"],
        )
        payload = definition.reader.read((run["payload"] or "null").encode())
        context = None if definition.context is None else definition.context(assignment, 0)
        value = definition.handler(*definition.arguments(payload, assignment, 0, context))
        if definition.is_async:
            value = runner.run(value)
        ended = answer(value, definition.encode, policy.retry, 0)
    except BaseException as error:
        found = told(error, root)
        sys.stderr.write(found["traceback"])
        return {"op": "raised", "error": found}
    if isinstance(ended, BaseException):
        return {"op": "raised", "error": told(ended, root)}
    if isinstance(ended, Trouble):
        error_ = {"type": ended.type, "message": ended.message, "traceback": ended.traceback}
        return {"op": "raised", "error": error_}
    if len(ended) > most:
        message = f"the result has {len(ended)} bytes of JSON, the limit is {most}"
        return {"op": "raised", "error": {"type": "ResultTooLarge", "message": message, "code": "result_too_large"}}
    return {"op": "done", "output": ended.decode()}


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


def receive(line: socket.socket) -> Any:
    head = exactly(line, _SIZE.size)
    body = None if head is None else exactly(line, _SIZE.unpack(head)[0])
    return None if body is None else json.loads(body)


def exactly(line: socket.socket, size: int) -> bytearray | None:
    data = bytearray()
    while len(data) < size:
        piece = line.recv(min(size - len(data), 1 << 20))
        if not piece:
            return None
        data += piece
    return data


def send(line: socket.socket, frame: dict[str, Any]) -> None:
    body = json.dumps(frame).encode()
    line.sendall(_SIZE.pack(len(body)) + body)


if __name__ == "__main__":
    main()
