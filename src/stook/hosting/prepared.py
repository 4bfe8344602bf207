"""A deployment on this machine: unpacked, with its environment, ready to be started any number of times."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from stook.hosting.building import Building, made_once
from stook.hosting.dialects import command_for, load_frame
from stook.hosting.finishing import to_its_end
from stook.hosting.launch import ProcessLimits
from stook.hosting.replica import Died, Loaded, Replica, Unloadable
from stook.hosting.unpack import unpack

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from stook.core.deployment import Deployment
    from stook.engine.hosted_code import HostedCode
    from stook.hosting.dialects import Command
    from stook.hosting.output import Sink
    from stook.hosting.site import HostOptions
    from stook.hosting.spares import Spares

__all__ = ["Prepared", "forget", "prepare"]

_TRIES: Final = 3
"""Processes that are started, should somebody kill them while they load."""


class Prepared:
    def __init__(
        self,
        deployment: Deployment,
        root: Path,
        command: Command,
        options: HostOptions,
        uid: int | None,
        spares: Spares | None,
    ) -> None:
        self.deployment = deployment
        self.root = root
        self._command = command
        self._options = options
        self._limits = ProcessLimits(options.memory, options.tasks, uid)
        self._spares = spares

    @property
    def places(self) -> list[Path]:
        """Folders on this machine that it needs."""
        modules = self.root / "node_modules"
        shared = modules.resolve().parent if modules.is_symlink() else Path(self._command.argv[0]).parent.parent
        return [self.root.parent, shared]

    async def start(
        self, env: Mapping[str, str], sink: Sink | None, *, check: bool = False
    ) -> tuple[Replica, Loaded | Unloadable | Died]:
        """A replica that was asked to load the code, and its answer. It is the caller's to stop, whatever it says."""
        replica, answer = await self._start(env, sink, check=check)
        for _ in range(_TRIES - 1):
            if not isinstance(answer, Died) or not answer.struck:
                break
            replica, answer = await self._start(env, sink, check=check)
        return replica, answer

    async def _start(
        self, env: Mapping[str, str], sink: Sink | None, *, check: bool
    ) -> tuple[Replica, Loaded | Unloadable | Died]:
        command, options = self._command, self._options
        if self._spares is None:
            replica = await Replica.start(command.argv, cwd=self.root, env=command.env, limits=self._limits)
        else:
            replica = await self._spares.take(command, self._limits)
        frame = load_frame(self.deployment, self.root, env, most=options.result, check=check)
        try:
            async with asyncio.timeout(options.load):
                answer = await replica.load(frame, sink)
        except TimeoutError:
            await replica.stop()
            return replica, Died(f"was stopped: loading the code took longer than {options.load:g} s")
        except BaseException:
            await to_its_end(replica.stop())
            raise
        return replica, answer


async def prepare(
    deployment: Deployment,
    code: HostedCode,
    options: HostOptions,
    *,
    uid: int | None,
    say: Callable[[str], None],
    spares: Spares | None = None,
) -> Prepared:
    """`BadArchive`, `EnvironmentFailed`, or a `StoreError`. What is there already is used as it is. `spares` are for
    workflows that run as the host's own user."""
    building = Building(options.folder, options.wheels, options.no_index, options.build, uid)
    home = options.folder / "deployments" / deployment.id

    async def make(place: Path) -> None:
        say("unpacking")
        with tempfile.TemporaryDirectory(dir=place) as folder:
            archive = Path(folder) / "archive"
            await code.copy_archive(deployment, archive)
            await asyncio.to_thread(unpack, archive, place / "code")

    await made_once(home, make)
    root = home / "code"
    programs = options.folder / "programs"
    programs.mkdir(parents=True, exist_ok=True)
    command = await command_for(deployment, root, building=building, say=say, programs=programs)
    if uid is not None:
        await asyncio.to_thread(_give_to, home, uid)
    else:
        home.chmod(0o700)
    ahead = spares if deployment.runtime == "vellum" and uid is None else None
    return Prepared(deployment, root, command, options, uid, ahead)


def forget(deployment_id: str, options: HostOptions) -> None:
    """Blocks. What it had on this machine is gone, but for environments, which others may share."""
    home = options.folder / "deployments" / deployment_id
    shutil.rmtree(home, ignore_errors=True)
    home.with_name(home.name + ".lock").unlink(missing_ok=True)


def _give_to(home: Path, uid: int) -> None:
    """Nobody else can read it. The mark that it is whole stays the host's."""
    os.chown(home, 0, uid)
    home.chmod(0o750)
    for folder, folders, files in os.walk(home / "code"):
        for name in (".", *folders, *files):
            os.chown(os.path.join(folder, name), uid, uid, follow_symlinks=False)  # noqa: PTH118 -- by the thousand
