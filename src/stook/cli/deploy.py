"""`stook deploy`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from stook.cli.options import ANYWHERE, Json, Reach

if TYPE_CHECKING:
    from stook.cli.reach import Reached
    from stook.core.deployment import Deployment
    from stook.core.hosted import Dialect

__all__ = ["deploy"]

_PACKED = (".zip", ".gz", ".tgz")
_LONGEST_LABEL = 200
_USUAL = ("main.py", "app.py", "index.ts", "index.js")


def deploy(
    code: Annotated[str, Parameter(help="A folder, a ZIP or tar.gz, or the file of a folder that is its entrypoint.")],
    /,
    *,
    entrypoint: Annotated[
        str | None,
        Parameter(help="The file to load, from the root of the code; else main.py, app.py, index.ts or index.js."),
    ] = None,
    label: Annotated[str, Parameter(help="What it is asked for under.")] = "latest",
    force: Annotated[bool, Parameter(help="Take an explicit label that runs already.")] = False,
    dialect: Annotated[
        Literal["stook", "kernel"], Parameter(help="What the code is written with: stook, or Kernel's SDK.")
    ] = "stook",
    env: Annotated[
        tuple[str, ...],
        Parameter(help="NAME=VALUE for its environment, or NAME to hand on one's own, which `ps` does not show."),
    ] = (),
    env_file: Annotated[tuple[str, ...], Parameter(help="A file of lines NAME=VALUE.")] = (),
    no_wait: Annotated[bool, Parameter(help="Return when it is accepted; a host builds it then.")] = False,
    where: Reach = ANYWHERE,
    as_json: Json = False,
) -> int:
    """Deploy code: a host builds it and runs its actions.

    Of a folder in a git repository goes what git does not ignore; elsewhere
    all but caches and .venv. What was deployed under the label before ends what
    it was asked for, and stops. Shows what the build says; Ctrl-C ends the
    showing, not the build.

    Exit code: 0 when it runs, 1 when it has failed.
    """
    from stook.cli.deployed import show_build
    from stook.cli.deployment_reach import deployments_of
    from stook.cli.exits import Exit
    from stook.cli.reach import in_reach
    from stook.core.deployment import DeploymentState

    place, start = _place(code, entrypoint)
    _check_entrypoint(place, start, dialect)
    given = _env(env, env_file)
    _check_words(label, given)

    async def deployed(session: Reached) -> Deployment:
        deployments = deployments_of(session)
        options: dict[str, Any] = {"label": label, "force": force, "dialect": dialect, "env": given}
        made = await deployments.deploy(place, start, **options)
        return await show_build(deployments, made, wait=not no_wait, as_json=as_json)

    return Exit.FAILED if in_reach(where, deployed).state is DeploymentState.failed else Exit.DONE


def _place(code: str, entrypoint: str | None) -> tuple[Path, str]:
    """Where the code is, and which of its files is loaded."""
    from stook.core.errors import InputError, OptionError

    path = Path(code)
    if entrypoint is not None and not entrypoint.strip():
        raise OptionError("--entrypoint is empty", hint="name a file, from the root of the code")
    if path.is_dir():
        usual = next((name for name in _USUAL if (path / name).is_file()), None)
        if entrypoint is None and usual is None:
            raise OptionError(
                f"{code}: none of {', '.join(_USUAL)} is there", hint="name the file to load with --entrypoint"
            )
        return path, entrypoint or usual or ""
    if not path.exists():
        raise InputError("there is no such file or folder", where=code)
    if path.suffix in _PACKED:
        if entrypoint is None:
            _check_archive(path, None)
            raise OptionError(f"{code}: which of its files is loaded?", hint="name it with --entrypoint")
        return path, entrypoint
    if entrypoint is not None:
        raise OptionError("--entrypoint goes with a folder or an archive", hint=f"give {path.parent} and --entrypoint")
    return path.parent, path.name


def _check_entrypoint(place: Path, start: str, dialect: Dialect) -> None:
    """What is wrong is said here, before anything is packed, or a store or server asked."""
    from stook.core.deployment import check_runtime
    from stook.core.errors import OptionError
    from stook.hosting.archive import runtime_of

    if place.is_dir():
        parts = Path(start).parts
        if Path(start).is_absolute() or ".." in parts:
            raise OptionError(
                f"--entrypoint {start}: it leads out of {place}", hint="it is a path from the root of the code"
            )
        if not (place / start).is_file():
            raise OptionError(f"--entrypoint {start}: there is no such file in {place}", hint="it is a path from there")
    else:
        _check_archive(place, start)
    check_runtime(dialect, runtime_of(start), start)


def _check_archive(place: Path, start: str | None) -> None:
    from stook.core.errors import InputError
    from stook.hosting.archive import BadArchive, check_archive

    try:
        check_archive(place, entrypoint=start)
    except BadArchive as error:
        raise InputError(error.message, where=str(place), hint=error.hint) from None
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=str(place)) from None


def _check_words(label: str, env: dict[str, str]) -> None:
    from stook.core.errors import OptionError
    from stook.engine.deployment_env import check_env

    if not 1 <= len(label) <= _LONGEST_LABEL:
        raise OptionError(f"--label has {len(label)} characters, 1 to {_LONGEST_LABEL} are allowed")
    check_env(env)


def _env(env: tuple[str, ...], files: tuple[str, ...]) -> dict[str, str]:
    """Files first, each as it is named; then the options."""
    import os

    from stook.core.errors import OptionError

    found: dict[str, str] = {}
    for file in files:
        found |= _env_of(file)
    for one in env:
        name, equals, value = one.partition("=")
        if not equals:
            if name not in os.environ:
                raise OptionError(f"--env {name}: it is not in this environment", hint=f"--env {name}=VALUE gives one")
            value = os.environ[name]
        found[name] = value
    return found


def _env_of(file: str) -> dict[str, str]:
    from stook.core.errors import InputError

    try:
        lines = Path(file).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise InputError(f"cannot be read: {reason}", where=file) from None
    found: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        text = line.strip().removeprefix("export ").strip()
        if not text or text.startswith("#"):
            continue
        name, equals, value = text.partition("=")
        if not equals:
            raise InputError("is not NAME=VALUE", where=f"{file}, line {number}")
        found[name.strip()] = _unquoted(value.strip())
    return found


def _unquoted(value: str) -> str:
    quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "\"'"
    return value[1:-1] if quoted else value
