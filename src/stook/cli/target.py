"""From `orders.py:enrich` to a task: imports the user's module and finds what is meant in it.

    FILE.py:TASK   FILE.py   package.module:TASK   package.module

TASK is a name in the module (a task or a plain function) or a task's own name; without it, the module's only task.
"""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import inspect
import os
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stook.core.errors import ConfigError
from stook.core.fingerprint import own_frame
from stook.wiring.app import App
from stook.wiring.task import Task

if TYPE_CHECKING:
    from types import ModuleType

__all__ = ["load_app", "load_task", "load_tasks"]

AnyTask = Task[..., Any, Any]


def load_task(target: str) -> AnyTask:
    """`ConfigError` says in one line what is missing or wrong, and where."""
    place, name = _split(target)
    module = _load(place)
    if name:
        return _named(module, place, name)
    found = _tasks(module)
    if len(found) == 1:
        return next(iter(found.values()))
    if found:
        raise ConfigError(f"there are {len(found)} tasks", where=place, hint=f"choose one: {_choices(place, module)}")
    raise ConfigError("there is no task", where=place, hint=_without_task(place, module))


def load_app(target: str) -> App | None:
    """The app that is named; None if it is something else, or nothing is named."""
    place, name = _split(target)
    found: Any = _load(place) if name else None
    for part in name.split("."):
        found = getattr(found, part, None)
    return found if isinstance(found, App) else None


def load_tasks(target: str) -> list[AnyTask]:
    """All of a module's, or the one that is named."""
    place, name = _split(target)
    if name:
        return [load_task(target)]
    module = _load(place)
    found = _tasks(module)
    if not found:
        raise ConfigError("there is no task", where=place, hint=_without_task(place, module))
    return list(found.values())


def _split(target: str) -> tuple[str, str]:
    place, _, name = target.partition(":")
    if not place:
        raise ConfigError(f"{target!r} names no module", hint="like orders.py:enrich or package.module:enrich")
    return place, name


# ------------------------------------------------------------------------------------------------------ the module


def _load(place: str) -> ModuleType:
    is_file = place.endswith(".py") or os.sep in place or Path(place).is_file()
    try:
        return _load_file(place) if is_file else _load_module(place)
    except SyntaxError as error:
        where = place if error.filename is None else f"{_short(error.filename)}:{error.lineno or 1}"
        raise ConfigError(f"{type(error).__name__}: {error.msg}", where=where) from error
    except ConfigError as error:
        error.where = error.where or _origin(error)
        raise
    except (Exception, SystemExit) as error:
        text = "".join(traceback.format_exception_only(error)).strip().splitlines()
        raise ConfigError(
            f"cannot be imported: {text[0] if len(text) == 1 else f'{text[0]} {text[-1]}'}",
            where=_origin(error) or place,
            hint="the module must import without error",
        ) from error


def _load_module(name: str) -> ModuleType:
    _find_modules_in(Path.cwd())
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and f"{name}.".startswith(f"{error.name}."):
            raise ConfigError(
                f"there is no module {error.name!r} in this folder or among the installed ones",
                where=name,
                hint="give a file, as in orders.py:enrich, or a module that Python can import from here",
            ) from None
        raise


def _load_file(place: str) -> ModuleType:
    path = Path(place).resolve()
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "no such file"
        raise ConfigError(what, where=place, hint="give a Python file and a task, as in orders.py:enrich")
    root, parts = path.parent, [path.stem]
    while (root / "__init__.py").is_file():
        parts.insert(0, root.name)
        root = root.parent
    if parts[-1] == "__init__":
        parts.pop()
    _find_modules_in(root)
    name = ".".join(parts)
    if "." not in path.stem and path.suffix == ".py":
        module = importlib.import_module(name)
        if _file_of(module) == path:
            return module
        name += "_"  # Python has a module of this name itself
    return _load_by_path(name.replace(".", "_"), path)


def _load_by_path(name: str, path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ConfigError("is no Python file", where=str(path), hint="name it like orders.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _file_of(module: ModuleType) -> Path | None:
    file = getattr(module, "__file__", None)
    return None if file is None else Path(file).resolve()


def _find_modules_in(folder: Path) -> None:
    """As Python does for a script's own folder."""
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))


def _origin(error: BaseException) -> str | None:
    """`file:line` of the innermost frame that is the user's own code."""
    frames = traceback.extract_tb(error.__traceback__)
    for frame in reversed(frames):
        if own_frame([(frame.filename, frame.name)]) is not None:
            return f"{_short(frame.filename)}:{frame.lineno}"
    return None


def _short(file: str) -> str:
    path = Path(file)
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else file


# -------------------------------------------------------------------------------------------------------- the task


def _named(module: ModuleType, place: str, name: str) -> AnyTask:
    found: Any = module
    for part in name.split("."):
        found = getattr(found, part, None)
        if found is None:
            break
    if found is None:
        found = _tasks(module).get(name)
    match found:
        case Task():
            return found
        case App() if len(found.tasks) == 1:
            return next(iter(found.tasks.values()))
        case App():
            raise ConfigError(
                f"{name} is an app with {len(found.tasks)} tasks",
                where=place,
                hint=f"choose: {_choices(place, module)}",
            )
        case None:
            near = difflib.get_close_matches(name, _names(module), n=1)
            hint = f"did you mean {place}:{near[0]}?" if near else _without_task(place, module)
            raise ConfigError(f"there is no task {name!r}", where=place, hint=hint)
        case _ if inspect.isroutine(found) or (callable(found) and not isinstance(found, type)):
            return App(module.__name__).task(found)
        case _:
            raise ConfigError(
                f"{name} is {_kind(found)}, no task", where=place, hint="name a function, or a task made with @app.task"
            )


def _tasks(module: ModuleType) -> dict[str, AnyTask]:
    """By the tasks' own names."""
    found: dict[str, AnyTask] = {}
    for value in vars(module).values():
        if isinstance(value, Task):
            found.setdefault(value.name, value)
        elif isinstance(value, App):
            for task in value.tasks.values():
                found.setdefault(task.name, task)
    return found


def _names(module: ModuleType) -> list[str]:
    """What may stand behind the colon: names of tasks, then of functions that are the module's own."""
    tasks = [name for name, value in vars(module).items() if isinstance(value, Task)]
    functions = [
        name
        for name, value in vars(module).items()
        if inspect.isfunction(value) and value.__module__ == module.__name__ and not name.startswith("_")
    ]
    return tasks + functions


def _choices(place: str, module: ModuleType) -> str:
    return ", ".join(f"{place}:{name}" for name in _names(module)[:6])


def _without_task(place: str, module: ModuleType) -> str:
    names = _choices(place, module)
    return f"name one of its functions: {names}" if names else "define one with @app.task"


def _kind(value: object) -> str:
    return f"the class {value.__qualname__}" if isinstance(value, type) else f"a {type(value).__name__}"
