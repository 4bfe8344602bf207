"""An app on a temporary store, driven step by step."""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from stook.config.settings import read_settings
from stook.core.errors import ConfigError
from stook.core.ids import execution_id
from stook.core.work import Claim
from stook.engine.maintenance import sweep_once
from stook.testing.clock import FakeClock
from stook.wiring.opened import open_own

if TYPE_CHECKING:
    from types import TracebackType

    from stook.wiring.app import App
    from stook.wiring.portal import Portal
    from stook.wiring.session import Session
    from stook.wiring.task import Task

__all__ = ["Harness"]


class Harness:
    """While it is open, the app uses the harness's store instead of its own: a new SQLite file that is removed
    afterwards, or the `store` given. Nothing runs by itself: workers run in `run_until_idle`, time passes in
    `clock.advance`."""

    def __init__(self, app: App, *, store: str | None = None, clock: FakeClock | None = None) -> None:
        self.app = app
        self.clock = clock or FakeClock()
        self._url = store
        self._stack = contextlib.ExitStack()
        self._session: Session | None = None
        self._portal: Portal | None = None

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            url, synchronous = self._url, None
            if url is None:
                folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="stook-"))
                url, synchronous = f"sqlite:///{Path(folder) / 'test.db'}", "off"  # nobody cuts the power of it
            settings = read_settings(url=url, project=self.app.project, synchronous=synchronous)
            own = open_own(settings, clock=self.clock)
            stack.callback(own.close)
            stack.enter_context(self.app.using(own.session, own.portal))
            self._stack = stack.pop_all()
        self._session, self._portal = own.session, own.portal
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()
        self._session = self._portal = None

    def run_until_idle(self, *tasks: Task[..., Any, Any], concurrency: int = 10) -> int:
        """Runs what is due now, and all that becomes due through it without the clock moving: `tasks`, or all of the
        app's. Groups of batched tasks do not wait for more members. Returns how many sweeps it took to
        find nothing more."""
        session, portal = self._open()
        chosen = tasks or tuple(self.app.tasks.values())
        if not chosen:
            raise ConfigError(f"app {self.app.name!r} has no task to work on", hint="define one with @app.task")
        definitions = {one.name: one.definition() for one in chosen}

        async def run() -> int:
            rounds = 0
            while True:
                rounds += 1
                await sweep_once(session.store)
                working = session.working(
                    definitions, concurrency=concurrency, maintained=False, custom=self.app.context
                )
                async with working as worker:
                    await worker.drain()
                if not await sweep_once(session.store):
                    return rounds

        return portal.call(run())

    def crash_worker(self, *tasks: Task[..., Any, Any], items: int = 1, lease: float = 60.0) -> list[str]:
        """A worker takes up to `items` executions and is gone, as if killed; returns their ids. They come back once the
        clock has moved past the lease."""
        session, portal = self._open()
        names = [one.name for one in tasks or tuple(self.app.tasks.values())]
        found: list[str] = []
        portal.call(sweep_once(session.store))  # what earlier ones held may be due again
        while len(found) < items:
            claim = Claim(worker="crashed", tasks=names, items=items - len(found), idle=not found, lease=lease)
            slices = portal.call(session.new_source().claim(claim)).slices
            found.extend(execution_id(one.batch_id, one.first + place) for one in slices for place in one.offsets)
            if not slices or slices[0].exclusive:
                break
        return found

    def opened(self) -> tuple[Session, Portal]:
        """The open store and the thread that everything of it runs on."""
        return self._open()

    def _open(self) -> tuple[Session, Portal]:
        if self._session is None or self._portal is None:
            raise RuntimeError("the harness is not open: use it in a `with` statement")
        return self._session, self._portal
