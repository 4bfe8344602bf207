"""How the modules of a pushed workflow are found: under a name that no other module has, and under their own.

    stook_release_5d4d….nodes.greet   where it is loaded, whatever it was called where it was pushed
    hello_wf.nodes.greet              the same module, unless something else of that name is installed here

Standard library and the runtime only.
"""

from __future__ import annotations

import importlib
import importlib.machinery
import importlib.util
import sys
from typing import TYPE_CHECKING, Any

from vellum.workflows.loaders.base import BaseWorkflowFinder

if TYPE_CHECKING:
    import io
    from pathlib import Path

__all__ = ["Finder", "OwnName"]


class Finder(BaseWorkflowFinder):
    """Makes a folder the package `namespace`. The runtime leaves a finder's namespace out when it makes nodes' ids, so
    that these are the same in every release."""

    def __init__(self, namespace: str, folder: Path, module: str) -> None:
        self.namespace, self._folder, self._module = namespace, folder, module

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> Any:  # noqa: ARG002 - the protocol's
        if fullname != self.namespace:
            return None
        init = self._folder / "__init__.py"
        if init.is_file():
            return importlib.util.spec_from_file_location(
                fullname, init, submodule_search_locations=[str(self._folder)]
            )
        return _folder_of(fullname, [str(self._folder)])

    def format_error_message(self, error_message: str) -> str:
        return error_message.replace(self.namespace, self._module)

    def virtual_open(self, file_path: str) -> io.StringIO | None:  # noqa: ARG002 - all files are real
        return None


class OwnName:
    """What a module calls itself when it imports its own parts in full. A name that something else has here stays that
    one's, but for the parts that it does not have: so one stands at the end of `sys.meta_path`. Another stands at its
    beginning for what is `inside` the module: the usual finders would load each part a second time."""

    def __init__(self, namespace: str, module: str, *, inside: bool) -> None:
        self._namespace, self._module, self._inside = namespace, module, inside

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> Any:  # noqa: ARG002 - the protocol's
        if self._inside and not self._is_own(fullname.rpartition(".")[0]):
            return None
        if self._module.startswith(f"{fullname}."):
            return _folder_of(fullname, [])
        if fullname != self._module and not fullname.startswith(f"{self._module}."):
            return None
        real = self._namespace + fullname[len(self._module) :]
        try:
            found = importlib.util.find_spec(real)
        except ModuleNotFoundError:
            return None
        return None if found is None else importlib.machinery.ModuleSpec(fullname, _Same(real))  # type: ignore[arg-type]

    def _is_own(self, parent: str) -> bool:
        name = getattr(sys.modules.get(parent), "__name__", "")
        return name == self._namespace or name.startswith(f"{self._namespace}.")


class _Same:
    """The module of another name, which keeps that name."""

    def __init__(self, real: str) -> None:
        self._real = real
        self._spec: Any = None

    def create_module(self, spec: Any) -> Any:  # noqa: ARG002 - the protocol's
        found = importlib.import_module(self._real)
        self._spec = found.__spec__
        return found

    def exec_module(self, module: Any) -> None:
        module.__spec__ = self._spec  # the import has just put its own there


def _folder_of(fullname: str, places: list[str]) -> importlib.machinery.ModuleSpec:
    spec = importlib.machinery.ModuleSpec(fullname, None, is_package=True)
    spec.submodule_search_locations = places
    return spec
