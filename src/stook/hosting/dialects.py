"""What kinds of code are hosted: the program that runs one, what it needs installed, what it finds in its environment.

runtime    dialect   program            its environment
python     kernel    kernel_python.py   pyproject.toml, requirements.txt or just kernel
python     stook     stook_python.py    the same, or just what the host has
node       kernel    kernel_node.mjs    package.json
vellum     vellum    vellum_python.py   vellum-ai, one for all
"""

from __future__ import annotations

import hashlib
import os
import shutil
from typing import TYPE_CHECKING, Any, Final

import msgspec

from stook.core.vellum_events import run_facts
from stook.hosting.building import EnvironmentFailed
from stook.hosting.launch import bootstrap_file
from stook.hosting.node_environment import node_for
from stook.hosting.python_environment import python_for
from stook.hosting.vellum_context import run_context
from stook.hosting.vellum_environment import REQUIREMENTS, replica_env

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from stook.core.deployment import Deployment
    from stook.hosting.building import Building
    from stook.hosting.invocation import Invocation

__all__ = ["Command", "command_for", "environment_of", "load_frame", "run_frame"]

_NODE_PROGRAM: Final = ".stook-replica.mjs"
_BESIDE: Final = {"vellum_python.py": ("vellum_modules.py",)}
_TIMEOUT_MARGIN: Final = 0.9
"""Of its time a run that ends itself has, so that it can still tell."""


class Command(msgspec.Struct, frozen=True):
    """How a replica is started. `env` is what its interpreter is given: the app does not see it."""

    argv: tuple[str, ...]
    env: dict[str, str]


async def command_for(
    deployment: Deployment, root: Path, *, building: Building, say: Callable[[str], None], programs: Path
) -> Command:
    """Installs what is missing. `programs`: a folder that replicas can read. `EnvironmentFailed`."""
    unique = deployment.id
    match deployment.runtime, deployment.dialect:
        case "node", "kernel":
            node = await node_for(root, deployment.entrypoint, building=building, say=say, unique=unique)
            program = root / _NODE_PROGRAM
            _copy(bootstrap_file("kernel_node.mjs"), program)
            loader = [] if node.loader is None else ["--import", node.loader.as_uri()]
            return Command((node.node, *loader, str(program)), {"TSX_DISABLE_CACHE": "1"})
        case "python", "kernel":
            name = "kernel_python.py"
            default: tuple[str, ...] = ("kernel",)
        case "python", "stook":
            name, default = "stook_python.py", ()
        case "vellum", "vellum":
            name, default = "vellum_python.py", REQUIREMENTS
        case _:
            raise EnvironmentFailed(f"no host runs {deployment.runtime} code of the dialect {deployment.dialect}")
    nothing = root if deployment.runtime != "vellum" else programs
    python = await python_for(nothing, default=default, building=building, say=say, unique=unique)
    program = _placed(name, programs)
    return Command((str(python), "-u", "-I", str(program)), {})


def environment_of(
    deployment: Deployment, given: Mapping[str, str], *, key: str | None, url: str | None
) -> dict[str, str]:
    """All that the app finds in its environment. `url`: of the server."""
    match deployment.dialect:
        case "kernel":
            own = {"ENTRYPOINT_RELPATH": deployment.entrypoint}
            if key is not None:
                own["KERNEL_API_KEY"] = key
            if deployment.runtime == "python":
                own["PYTHONUNBUFFERED"] = "1"
            base = {} if url is None else {"KERNEL_BASE_URL": f"{url}/kernel"}
            return {**base, **given, **own}
        case "vellum":
            return {**given, **replica_env(None if url is None else f"{url}/vellum")}
        case "stook":
            base = {} if url is None else {"STOOK_SERVER": url}
            return {**base, **({} if key is None else {"STOOK_KEY": key}), **given}


def load_frame(deployment: Deployment, root: Path, env: Mapping[str, str], *, most: int, check: bool) -> dict[str, Any]:
    """`most` bytes a result may have. `check`: it is being built, not served."""
    frame = {"path": os.path.realpath(root), "env": dict(env), "most": most, "entrypoint": deployment.entrypoint}
    if deployment.dialect == "vellum":
        facts = deployment.facts
        frame |= {"module": facts.get("module", ""), "release": deployment.id, "facts": facts, "check": check}
    return frame


def run_frame(deployment: Deployment, one: Invocation) -> dict[str, Any]:
    return {
        "id": one.id,
        "app": one.app,
        "action": one.action,
        "payload": one.payload,
        "context": _context(deployment, one),
    }


def _context(deployment: Deployment, one: Invocation) -> dict[str, Any]:
    match deployment.dialect:
        case "vellum":
            facts = run_facts(
                one.id,
                deployment.project,
                one.app,
                deployment.id,
                one.label,
                deployment.facts,
                external_id=one.external_id,
                metadata=one.metadata or None,
                actor=one.actor,
            )
            return run_context(facts, None if one.timeout is None else one.timeout * _TIMEOUT_MARGIN)
        case "stook":
            return {"metadata": one.metadata, "timeout": one.timeout, **msgspec.to_builtins(one.attempt)}
        case "kernel":
            return {}


def _placed(name: str, programs: Path) -> Path:
    """With what it needs beside it, in a folder named by their content: hosts of several versions may share it."""
    sources = [bootstrap_file(one) for one in (name, *_BESIDE.get(name, ()))]
    digest = hashlib.sha256(b"".join(one.read_bytes() for one in sources)).hexdigest()[:16]
    folder = programs / f"{sources[0].stem}-{digest}"
    folder.mkdir(exist_ok=True)
    folder.chmod(0o755)
    for one in sources:
        _copy(one, folder / one.name)
    return folder / name


def _copy(source: Path, to: Path) -> None:
    """Other processes may do the same at this moment."""
    if to.exists() and to.read_bytes() == source.read_bytes():
        return
    beside = to.with_name(f".{to.name}.{os.getpid()}")
    shutil.copyfile(source, beside)
    beside.chmod(0o644)
    beside.replace(to)
