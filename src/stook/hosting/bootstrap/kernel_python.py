"""Runs one Kernel app, one invocation after another, inside the app's own environment: `python -u -I kernel_python.py`.

    host ──load──▶ environment variables, entrypoint, registry ──loaded──▶ host
         ──run───▶ its turn is taken: it has begun ──▶ handler(context, payload) ──done, raised──▶   (one at a time)

Needs the standard library and the app's own `kernel`. It runs on Python 3.9 and later.
"""

from __future__ import annotations

import asyncio
import ctypes
import fcntl
import functools
import importlib
import importlib.util
import inspect
import json
import operator
import os
import socket
import struct
import sys
import termios
import time
import traceback
import typing
from typing import Any

__all__ = ["hide", "main"]

PR_SET_DUMPABLE = 4
_SIZE = struct.Struct(">I")
_NONE = bytes(4)
_encoded = json.JSONEncoder(separators=(",", ":")).encode
_strictly = json.JSONEncoder(allow_nan=False).encode
_HERE = os.path.abspath(__file__)
OLDER_NAMES = {"$defs": "definitions", "prefixItems": "items"}
HOLD_NAMED = ("properties", "patternProperties", "$defs", "definitions")
HOLD_VALUES = ("enum", "const", "default", "examples")


def main() -> None:
    fd = int(os.environ["STOOK_REPLICA_FD"])
    line, turns = Line(fd), Turns(fd + 1)
    hide()
    load = line.receive()
    if load is None:
        return
    os.environ.clear()
    os.environ.update(load["env"])
    if hasattr(time, "tzset"):
        time.tzset()
    try:
        kernel = load_app(load)
        apps = registered(kernel)
    except BaseException as error:
        line.send({"op": "failed", "error": told(error, load["path"])})
        return
    line.send({"op": "loaded", "apps": apps, "ahead": True})
    loop = asyncio.new_event_loop()
    while (run := line.receive()) is not None:
        if not turns.taken():
            continue
        began = time.perf_counter_ns()
        answer = call(kernel, loop, run, load["most"], load["path"])
        flush()
        answer["took"] = (time.perf_counter_ns() - began) // 1000
        if turns.wrote():
            answer["wrote"] = True
        line.send(answer)


def hide() -> None:
    """Other processes of the same user cannot look into this one."""
    try:
        ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
    except (OSError, AttributeError):
        pass


# ---------------------------------------------------------------------------------------------------------------- load


def load_app(load: dict[str, Any]) -> Any:
    try:
        kernel = importlib.import_module("kernel")  # before the app's own folder can hide it
    except ImportError as error:
        raise ImportError("the app's environment has no kernel: name it in its dependencies") from error
    root = load["path"]
    file = os.path.join(root, load["entrypoint"])
    sys.path[:0] = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
    for folder in (root, os.path.dirname(file)):
        if folder in sys.path:
            sys.path.remove(folder)
        sys.path.insert(0, folder)
    sys.argv = [file]
    name = module_name(os.path.splitext(os.path.basename(file))[0])
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return kernel


def module_name(stem: str) -> str:
    standard = getattr(sys, "stdlib_module_names", sys.builtin_module_names)
    return f"_entrypoint_{stem}" if stem in sys.modules or stem in standard else stem


def registered(kernel: Any) -> list[dict[str, Any]]:
    found = []
    for app in kernel.app_registry.get_apps():
        actions = []
        for action in app.get_actions():
            given, returned = schemas(action.handler)
            actions.append({"name": action.name, "input_schema": given, "output_schema": returned})
        found.append({"name": app.name, "actions": actions})
    if not found:
        raise LookupError("the entrypoint registers no app: it makes no kernel.App(...)")
    return found


# ------------------------------------------------------------------------------------------------------------- schemas


def schemas(handler: Any) -> tuple[Any, Any]:
    """Of input and output; None where nothing can be said."""
    try:
        function = inspect.unwrap(handler)
        hints = typing.get_type_hints(function)
        names = list(inspect.signature(function).parameters)
    except BaseException:
        return None, None
    given = hints.get(names[1]) if len(names) > 1 else None
    return schema(given) if given is not None else None, schema(hints["return"]) if "return" in hints else None


def schema(kind: Any) -> Any:
    if kind is typing.Any:
        return None
    try:
        pydantic = importlib.import_module("pydantic")
        if hasattr(pydantic, "TypeAdapter"):
            made = pydantic.TypeAdapter(rebuilt(kind, {})).json_schema()
        else:
            made = pydantic.schema_of(kind)
        return json.loads(json.dumps(older(made), allow_nan=False))
    except BaseException:
        return None


def older(made: Any) -> Any:
    """Draft 2020-12 as draft-07."""
    if isinstance(made, list):
        return [older(one) for one in made]
    if not isinstance(made, dict):
        return made
    found: dict[str, Any] = {}
    for key, value in made.items():
        name: Any = OLDER_NAMES.get(key, key)
        known = value
        if key in HOLD_NAMED and isinstance(value, dict):
            known = {inner: older(one) for inner, one in value.items()}
        elif key == "$ref":
            known = str(value).replace("#/$defs/", "#/definitions/")
        elif key not in HOLD_VALUES:
            known = older(value)
        if key == "items" and "prefixItems" in made:
            name = "additionalItems"
        found[name] = known
    if "$ref" in found and len(found) > 1:  # draft-07 ignores what stands beside a reference
        found = {"allOf": [{"$ref": found.pop("$ref")}], **found}
    return found


def rebuilt(kind: Any, made: dict[Any, Any]) -> Any:
    """Pydantic refuses `typing.TypedDict` before Python 3.12, and takes that of typing_extensions."""
    if sys.version_info < (3, 12) and isinstance(kind, type) and type(kind).__name__ == "_TypedDictMeta":
        return made[kind] if kind in made else rebuilt_dict(kind, made)
    extensions: Any = importlib.import_module("typing_extensions")
    arguments = extensions.get_args(kind)
    inner = tuple(one if isinstance(one, list) else rebuilt(one, made) for one in arguments)
    if inner == arguments:
        return kind
    if hasattr(kind, "copy_with"):
        return kind.copy_with(inner)
    origin = extensions.get_origin(kind)
    return functools.reduce(operator.or_, inner) if type(kind).__name__ == "UnionType" else origin[inner]


def rebuilt_dict(kind: Any, made: dict[Any, Any]) -> Any:
    extensions: Any = importlib.import_module("typing_extensions")
    made[kind] = typing.Any  # within itself
    fields = {}
    for name, one in extensions.get_type_hints(kind, include_extras=True).items():
        marked = extensions.get_origin(one) in (extensions.Required, extensions.NotRequired)
        inner = rebuilt(extensions.get_args(one)[0] if marked else one, made)
        mark = extensions.Required if name in kind.__required_keys__ else extensions.NotRequired
        fields[name] = mark[inner]
    made[kind] = extensions.TypedDict(kind.__name__, fields)
    return made[kind]


# ---------------------------------------------------------------------------------------------------------------- call


def call(kernel: Any, loop: asyncio.AbstractEventLoop, run: dict[str, Any], most: int, root: str) -> dict[str, Any]:
    try:
        asyncio.set_event_loop(loop)
        action = kernel.app_registry.get_app_by_name(run["app"]).get_action(run["action"])
        payload = None if run["payload"] is None else json.loads(run["payload"])
        result = action.handler(kernel.KernelContext(invocation_id=run["id"]), payload)
        if inspect.isawaitable(result):
            result = loop.run_until_complete(result)
    except BaseException as error:
        found = told(error, root)
        sys.stderr.write(found["traceback"])
        return {"op": "raised", "error": found}
    try:
        output = _strictly(result)
    except BaseException as error:
        sys.stderr.write(f"the result is not JSON: {type(error).__name__}: {error}\n")
        return {"op": "raised", "error": {**told(error, root), "code": "result_not_serializable"}}
    if len(output) > most:
        message = f"the result has {len(output)} bytes of JSON, the limit is {most}"
        return {"op": "raised", "error": {"type": "ResultTooLarge", "message": message, "code": "result_too_large"}}
    return {"op": "done", "output": output}


def told(error: BaseException, root: str) -> dict[str, Any]:
    """An exception in words, without the frames that are ours."""
    try:
        message = str(error)
    except BaseException:
        message = "<its message cannot be shown>"
    step = error.__traceback__
    while step is not None and is_ours(step.tb_frame.f_code.co_filename):
        step = step.tb_next
    try:
        text = "".join(traceback.format_exception(type(error), error, step))
    except BaseException:
        text = f"{type(error).__name__}: {message}\n"
    file, line = place(error, step, root)
    return {"type": type(error).__name__, "message": message, "traceback": text[-30000:], "file": file, "line": line}


def is_ours(file: str) -> bool:
    return file == _HERE or file.startswith("<frozen importlib") or file.endswith("/kernel/app_framework.py")


def place(error: BaseException, step: Any, root: str) -> tuple[str | None, int | None]:
    """The last place within the app, relative to its root."""
    if isinstance(error, SyntaxError) and error.filename:
        return shown(error.filename, root), error.lineno
    found: tuple[str | None, int | None] = (None, None)
    while step is not None:
        file = step.tb_frame.f_code.co_filename
        if file.startswith(root + os.sep) and f"{os.sep}site-packages{os.sep}" not in file:
            found = (shown(file, root), step.tb_lineno)
        step = step.tb_next
    return found


def shown(file: str, root: str) -> str:
    return os.path.relpath(file, root) if file.startswith(root + os.sep) else file


# ---------------------------------------------------------------------------------------------------------------- line


def flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BaseException:
            pass
    if _flush_all is not None:
        _flush_all(None)


def flush_of_c() -> Any:
    try:
        return ctypes.PyDLL(None).fflush
    except (OSError, AttributeError):
        return None


_flush_all = flush_of_c()


class Line:
    """Of frames: what lies ready is read at once."""

    def __init__(self, fd: int) -> None:
        self._socket = socket.socket(fileno=fd)
        self._rest = bytearray()
        os.set_inheritable(fd, False)  # noqa: FBT003 -- positional only

    def receive(self) -> Any:
        body = self.body()
        return None if body is None else json.loads(body)

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
