"""The processes of a trial: started, killed, started again, ended, and none left behind."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from soak.lifeline import READY

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType

    from soak.report import Ledger

__all__ = ["Crew", "Post"]

MARK: Final = "STOOK_SOAK_RUN"
"""In the environment of every process of one crew, its children's too: so that those left behind are found."""
_ROOT: Final = Path(__file__).parent.parent
_LOOK: Final = 0.05


class Post:
    """A place in the crew, filled by one process after another."""

    def __init__(self, role: str, command: Sequence[str]) -> None:
        self.role = role
        self.command = list(command)
        self.child: subprocess.Popen[bytes] | None = None
        self.said = Path()
        """Where the words of the present process are."""

    @property
    def running(self) -> bool:
        return self.child is not None and self.child.poll() is None


class Crew:
    """Children hold their parent's hand through standard input (`soak.lifeline`)."""

    def __init__(self, folder: Path, mark: str, environment: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        self._environment = {**(environment or {}), MARK: mark}
        self.killed: dict[str, int] = {}
        self.posts: list[Post] = []
        self._mark = mark
        self._serial = 0
        self.ended_by_themselves = 0
        self._unexpected: list[str] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for post in self.posts:
            if post.child is not None:
                post.child.kill()
                post.child.wait()
                assert post.child.stdin is not None
                post.child.stdin.close()
        for process in self.left_behind():
            os.kill(process, signal.SIGKILL)

    def post(self, role: str, *command: str) -> Post:
        """A new place, filled at once. `{serial}` in the command is a new word for each process."""
        post = Post(role, command)
        self.posts.append(post)
        self.fill(post)
        return post

    def fill(self, post: Post) -> None:
        """Starts the next process of this place."""
        self._release(post)
        self._serial += 1
        serial = f"{post.role}{self._serial}"
        command = [word.replace("{serial}", serial) for word in post.command]
        post.said = self.folder / f"said-{serial}"
        with post.said.open("wb") as said:
            post.child = subprocess.Popen(
                [sys.executable, "-m", *command],
                stdin=subprocess.PIPE,
                stdout=said,
                stderr=said,
                cwd=_ROOT,
                env=os.environ | self._environment,
                start_new_session=True,
            )

    def kill(self, post: Post) -> None:
        """SIGKILL, and wait until it is gone. One that has ended by itself is noticed instead."""
        assert post.child is not None
        if not self._noticed(post):
            post.child.kill()
            post.child.wait()
            self.killed[post.role] = self.killed.get(post.role, 0) + 1

    def look(self) -> None:
        """Fills the places of processes that ended by themselves, which is noted."""
        for post in self.posts:
            if post.child is not None and self._noticed(post):
                self.fill(post)

    async def ready(self, within: float = 120.0) -> None:
        """Until every process is at work. One that does not get there is noticed later, for what it did not do."""
        until = time.monotonic() + within
        while time.monotonic() < until:
            self.look()
            if all(READY in post.said.read_text(errors="replace") for post in self.posts):
                return
            await asyncio.sleep(_LOOK)

    async def end(self, roles: Sequence[str], within: float) -> None:
        """SIGTERM to all in these roles; what has not ended by itself in time is killed, which is noted. A process too
        young to know SIGTERM is replaced until one does: each must have been there once when the load ends."""
        ending = [post for post in self.posts if post.role in roles and post.child is not None]
        await asyncio.gather(*(self._end(post, within) for post in ending))

    async def _end(self, post: Post, within: float) -> None:
        until = time.monotonic() + within
        while True:
            assert post.child is not None
            post.child.terminate()
            while post.running and time.monotonic() < until:  # noqa: ASYNC110 - another process's end
                await asyncio.sleep(_LOOK)
            code = post.child.poll()
            if code is None:
                self._unexpected.append(f"{post.role} did not end at SIGTERM: {await self._where(post)}")
                self.kill(post)
                break
            if code != -signal.SIGTERM:
                if code != 0:
                    self._unexpected.append(f"{post.role} ended with code {code} at SIGTERM{_last_words(post)}")
                break
            self.fill(post)
            while post.running and READY not in post.said.read_text(errors="replace") and time.monotonic() < until:  # noqa: ASYNC110 - as above
                await asyncio.sleep(_LOOK)
        self._release(post)
        post.child = None

    def left_behind(self) -> list[int]:
        """Processes of this crew that still run although nobody waits for them."""
        known = {post.child.pid for post in self.posts if post.child is not None}
        found = []
        wanted = f"{MARK}={self._mark}".encode()
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and int(entry.name) not in known and int(entry.name) != os.getpid():
                try:
                    if wanted in (entry / "environ").read_bytes().split(b"\0"):
                        found.append(int(entry.name))
                except OSError:
                    continue
        return found

    async def gone(self, within: float = 5.0) -> list[int]:
        """What is left behind after `within` seconds at most."""
        until = time.monotonic() + within
        while (found := self.left_behind()) and time.monotonic() < until:  # noqa: ASYNC110 - as above
            await asyncio.sleep(_LOOK)
        return found

    def told(self, ledger: Ledger) -> None:
        """Whether every process ended as it was meant to, without a word of a crash."""
        what = "processes ended only as they were told to"
        ledger.looked(what, self._serial)
        ledger.looked("nothing had to be repaired", self._serial)
        for problem in self._unexpected:
            ledger.wrong(what, problem)
        for path in sorted(self.folder.glob("said-*")):
            words = path.read_text(errors="replace")
            if "Traceback" in words:
                ledger.wrong(what, f"{path.name}: {_brief(words)}")
            for line in words.splitlines():
                if " was wrong: " in line:
                    ledger.wrong("nothing had to be repaired", f"{path.name}: {line}")

    def _noticed(self, post: Post) -> bool:
        assert post.child is not None
        code = post.child.poll()
        if code is not None:
            self.ended_by_themselves += 1
            self._unexpected.append(f"{post.role} ended by itself with code {code}{_last_words(post)}")
        return code is not None

    async def _where(self, post: Post) -> str:
        """What its main thread is doing."""
        assert post.child is not None
        post.child.send_signal(signal.SIGUSR1)
        await asyncio.sleep(0.5)
        lines = post.said.read_text(errors="replace").splitlines()
        main = [place for place, line in enumerate(lines) if line.startswith("Current thread")]
        return (
            " | ".join(line.strip() for line in lines[main[-1] + 1 : main[-1] + 4]) if main else "it does not say why"
        )

    def _release(self, post: Post) -> None:
        if post.child is not None and post.child.stdin is not None:
            post.child.stdin.close()


def _last_words(post: Post) -> str:
    words = post.said.read_text(errors="replace").strip()
    return f": {_brief(words)}" if words else ""


def _brief(words: str) -> str:
    lines = words.strip().splitlines()
    return " | ".join(line.strip() for line in lines[-3:])[:500]
