"""An app's store: opened at the first use, closed with the app."""

from __future__ import annotations

import contextlib
import functools
import os
import threading
from typing import TYPE_CHECKING, Any, Self

from stook.config.settings import read_settings
from stook.core.errors import ConfigError
from stook.wiring.pool_url import pool_url

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from stook.wiring.definitions import EventDef, TaskDef
    from stook.wiring.opened import Opened
    from stook.wiring.portal import Portal
    from stook.wiring.session import Session
    from stook.wiring.task import Task
    from stook.worker.definition import Home

__all__ = ["Opening"]


class Opening:
    """What every part of `App` builds on."""

    definitions: dict[str, TaskDef]
    events: dict[str, EventDef]

    def __init__(
        self,
        name: str,
        *,
        store: str | None = None,
        project: str | None = None,
        api_key: str | None = None,
        pool: Any = None,
        clock: Callable[[], int] | None = None,
    ) -> None:
        if not name:
            raise ConfigError("an app needs a name")
        for option, value in (("name", name), ("store", store), ("project", project), ("api_key", api_key)):
            if value is not None and not isinstance(value, str):
                raise ConfigError(f"{option}={value!r} is not text")
        if clock is not None and not callable(clock):
            raise ConfigError(f"clock={clock!r} is no function", hint="give one that returns microseconds")
        if store is not None and pool is not None:
            raise ConfigError("store and pool are two stores", hint="give one of them")
        self.name = name
        self.tasks: dict[str, Task[..., Any, Any]] = {}
        self.store, self.project = store if pool is None else pool_url(pool), project
        self.api_key, self.pool = api_key, pool
        self._clock = clock
        self._lock = threading.RLock()
        self._own: Opened | None = None
        self._inherited: list[Opened] = []
        self._lent: tuple[Session, Portal] | None = None

    @functools.cached_property
    def home(self) -> Home:
        """What tells the store whose tasks these are."""
        from stook.worker.definition import Home  # noqa: PLC0415 - `import stook` stays light

        return Home(self.name, lambda: (*self.tasks, *self.definitions))

    @contextlib.contextmanager
    def using(self, session: Session, portal: Portal) -> Iterator[None]:
        """Puts another open session in the place of the app's own, for tests and embedders. `close` leaves it open."""
        before, self._lent = self._lent, (session, portal)
        try:
            yield
        finally:
            self._lent = before

    def close(self) -> None:
        """Ends the workers of `working`, each within its grace, and closes the store. The next use opens it again."""
        own = self._own
        if own is None or own.pid != os.getpid():
            return
        if own.portal.is_here():
            raise ConfigError("an app cannot be closed by one of its own coroutines", hint="close it outside")
        own.end_workers()  # whose handlers may go on submitting
        with self._lock:
            if self._own is own:
                self._own = None
                own.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def opened(self) -> tuple[Session, Portal]:
        """The open store and the thread that everything of it runs on; opened if it was not."""
        if self._lent is not None:
            return self._lent
        with self._lock:
            if self._own is None or self._own.pid != os.getpid():
                from stook.wiring.opened import open_own  # noqa: PLC0415 - `import stook` stays light

                if self._own is not None:
                    self._inherited.append(self._own)  # the parent's, in a child made by fork: not even to be freed
                self._own = open_own(
                    read_settings(url=self.store, project=self.project), clock=self._clock, api_key=self.api_key
                )
            return self._own.session, self._own.portal
