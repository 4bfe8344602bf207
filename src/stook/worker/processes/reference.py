"""How a child process finds a handler that cannot be sent to it: by where it was defined.

    module : qualname    file, for a module that is no importable name: a script, or one loaded by its path

What stands there may be what a decorator made of the handler.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
from importlib.machinery import SourceFileLoader
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from stook.core.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

__all__ = ["Reference"]

MAIN: Final = "__main__"
MAIN_IN_CHILD: Final = "__mp_main__"
"""The name multiprocessing gives to a parent's script: `if __name__ == "__main__":` does not run in the child."""


class Reference(msgspec.Struct, frozen=True):
    module: str
    qualname: str
    file: str | None

    @classmethod
    def to(cls, handler: Callable[..., Any]) -> Reference:
        """`ConfigError` for what a child cannot reach: lambdas, functions inside functions, callable objects."""
        bare = inspect.unwrap(handler)
        qualname = getattr(bare, "__qualname__", None)
        code = getattr(bare, "__code__", None)
        where = None if code is None else f"{code.co_filename}:{code.co_firstlineno}"
        if qualname is None or code is None or "<" in qualname or inspect.ismethod(bare):
            raise ConfigError(
                f"handler {qualname or handler!r} cannot be imported by a child process",
                where=where,
                hint="make it a function at the top level of a module",
            )
        module = sys.modules.get(bare.__module__)
        spec = getattr(module, "__spec__", None)
        if bare.__module__ == MAIN and spec is not None:  # python -m package.module
            return cls(spec.name, qualname, None)
        file = getattr(module, "__file__", None)
        if file is None and bare.__module__ == MAIN:
            raise ConfigError(
                f"handler {qualname} was typed into an interpreter, where a child process cannot find it",
                hint="put it into a file",
            )
        return cls(bare.__module__, qualname, None if file is None else str(Path(file).resolve()))

    def load(self) -> Any:
        """What stands under the name in the module: the function, or what a decorator put in its place."""
        found: Any = self._module()
        for name in self.qualname.split("."):
            found = getattr(found, name)
        return found

    def _module(self) -> ModuleType:
        if self.module == MAIN:
            if MAIN_IN_CHILD not in sys.modules:
                sys.modules[MAIN] = self._from_file(MAIN_IN_CHILD)
            return sys.modules[MAIN_IN_CHILD]
        try:
            return importlib.import_module(self.module)
        except ModuleNotFoundError as error:
            if self.file is None or error.name is None or not f"{self.module}.".startswith(f"{error.name}."):
                raise
            return self._from_file(self.module)

    def _from_file(self, name: str) -> ModuleType:
        file = str(self.file)
        loader = SourceFileLoader(name, file)  # by itself importlib takes only files that end in .py
        spec = importlib.util.spec_from_file_location(name, file, loader=loader)
        if spec is None:
            raise ImportError(f"{file} is no Python file", name=name, path=file)
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        try:
            loader.exec_module(module)
        except BaseException:
            del sys.modules[name]
            raise
        return module
