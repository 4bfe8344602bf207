"""A host: builds what was deployed, serves what is to be served, and leaves no process behind.

orders ──▶ builds (a few at once) ──▶ published
hosted ──▶ prepared ──▶ served ──▶ stopped, when nothing needs it any more
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from typing import TYPE_CHECKING, Final

from stook.core.errors import SchemaTooNew, StookError, StoreError
from stook.hosting.builder import LEASE, build
from stook.hosting.dialects import environment_of
from stook.hosting.event_keeper import EventKeeper
from stook.hosting.finishing import to_its_end
from stook.hosting.orphans import end_orphans
from stook.hosting.prepared import forget, prepare
from stook.hosting.room import Room
from stook.hosting.served import Served
from stook.hosting.spares import Spares
from stook.hosting.tidy import tidy

if TYPE_CHECKING:
    from collections.abc import Collection

    from stook.core.deployment import BuildOrder, Deployment, Hosted
    from stook.engine.hosted_code import HostedCode
    from stook.engine.hosted_events import HostedEvents
    from stook.hosting.prepared import Prepared
    from stook.hosting.replica import Replica
    from stook.hosting.site import HostedKey, HostOptions, Site
    from stook.store.port import Store

__all__ = ["Host"]

TOPIC: Final = "deployments"
LOOK: Final = 10.0
"""Seconds after which it looks again though nobody rang."""
TIDY: Final = 3600.0
_REST: Final = 1.0
FIRST_PAUSE: Final = 5.0
LONGEST_PAUSE: Final = 300.0
"""Seconds between two tries to prepare a deployment that cannot be prepared here."""

log = logging.getLogger("stook.hosting")


class Host:
    """`start`, then `stop`; one use, on one loop. What fails meanwhile is said in the log, and tried again."""

    def __init__(
        self,
        store: Store,
        code: HostedCode,
        events: HostedEvents,
        *,
        name: str,
        site: Site,
        options: HostOptions,
    ) -> None:
        self._store = store
        self._code = code
        self._events = EventKeeper(events)
        self._name = name
        self._site = site
        self._options = options
        self._serving: dict[str, Served] = {}
        self._beginning: dict[str, asyncio.Task[None]] = {}
        self._ending: set[asyncio.Task[None]] = set()
        self._building: set[asyncio.Task[None]] = set()
        self._warm: dict[str, tuple[Prepared, Replica]] = {}
        self._spares = Spares()
        self._shared = Room(options.total)
        self._keys: dict[str, HostedKey] = {}
        self._users: dict[str, int] = {}
        self._retiring: set[str] = set()
        self._unwanted: set[str] = set()
        self._room = asyncio.Event()
        self._looking: asyncio.Task[None] | None = None

    @property
    def serving(self) -> dict[str, Served]:
        """By deployment."""
        return dict(self._serving)

    async def start(self) -> None:
        self._looking = asyncio.create_task(self._look_again_and_again(), name="stook host")

    async def stop(self, grace: float) -> None:
        """Nothing more is taken, what runs may end for `grace` seconds; builds that are under way are given up, for
        another host to begin anew. No process is left on return."""
        tasks = [*self._building, *self._beginning.values()]
        if self._looking is not None:
            tasks.append(self._looking)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.gather(*(self._cool(one) for one in list(self._warm)))
        await asyncio.gather(*(self._end(one, grace) for one in list(self._serving)), *self._ending)
        await self._spares.close()
        for deployment_id in list(self._keys):
            await self._drop_key(deployment_id)

    # ----------------------------------------------------------------------------------------------------- the loop

    async def _look_again_and_again(self) -> None:
        tidied = time.monotonic()
        await asyncio.to_thread(end_orphans)
        while True:
            mark = self._store.mark()
            try:
                await self._look()
                if time.monotonic() - tidied > TIDY:
                    tidied = time.monotonic()
                    used = [place for served in self._serving.values() for place in served.prepared.places]
                    await asyncio.to_thread(tidy, self._options.folder, used)
                    await asyncio.to_thread(end_orphans)
            except StoreError as error:
                log.warning("the host waits for the store: %s", error)
                await asyncio.sleep(_REST)
            except Exception:
                log.exception("the host could not look for what is deployed, and looks again")
                await asyncio.sleep(_REST)
            await self._until_news(mark)

    async def _until_news(self, mark: int) -> None:
        """Somebody rang, a build has made room for another, or it is time."""
        self._room.clear()
        rung = asyncio.ensure_future(self._store.wait((TOPIC,), LOOK, mark))
        room = asyncio.ensure_future(self._room.wait())
        try:
            await asyncio.wait({rung, room}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            rung.cancel()
            room.cancel()
            await asyncio.gather(rung, room, return_exceptions=True)

    async def _look(self) -> None:
        await self._code.bury_builders()
        while len(self._building) < self._options.builds:
            order = await self._code.take_build(self._name, LEASE)
            if order is None:
                break
            self._begin_build(order)
        wanted = {one.deployment.id: one for one in await self._code.hosted()}
        here = {*self._serving, *self._beginning, *self._retiring}
        for deployment_id, one in wanted.items():
            if deployment_id not in here:
                task = asyncio.create_task(self._begin(one), name="stook host begin")
                self._beginning[deployment_id] = task
        for deployment_id in [one for one in self._beginning if one not in wanted]:
            self._beginning[deployment_id].cancel()
        self._look_after(wanted)

    def _look_after(self, wanted: Collection[str]) -> None:
        """What is there already."""
        for deployment_id, served in self._serving.items():
            if deployment_id in self._retiring:
                continue
            if deployment_id not in wanted:
                self._end_later(deployment_id)
            elif served.failure is not None and not isinstance(served.failure, SchemaTooNew):
                log.warning("deployment %s is served anew: %s", deployment_id, served.failure)
                self._end_later(deployment_id, again=True)
        unwanted = {one for one in self._warm if one not in wanted}
        for deployment_id in unwanted & self._unwanted:  # twice: it was published after the first look had begun
            self._end_later(deployment_id)
        self._unwanted = unwanted

    def _end_later(self, deployment_id: str, *, again: bool = False) -> None:
        """`again`: the next look begins it once more."""
        self._retiring.add(deployment_id)
        ending = asyncio.create_task(self._retire(deployment_id, again=again), name="stook host end")
        self._ending.add(ending)
        ending.add_done_callback(self._ending.discard)

    def _begin_build(self, order: BuildOrder) -> None:
        task = asyncio.create_task(self._build(order), name="stook build")
        self._building.add(task)
        task.add_done_callback(self._built)

    def _built(self, task: asyncio.Task[None]) -> None:
        self._building.discard(task)
        self._room.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a build broke off: %s", error, exc_info=error)

    async def _build(self, order: BuildOrder) -> None:
        deployment = order.deployment

        async def environment(of: Deployment) -> dict[str, str]:
            return environment_of(of, order.env, key=await self._key_of(of), url=self._options.url)

        published = False

        def keep(made: Deployment, prepared: Prepared, replica: Replica) -> None:
            nonlocal published
            published = True
            self._warm[made.id] = (prepared, replica)

        self._make_folder()
        ours, stopped = True, False
        uid = self._user_of(deployment)
        try:
            ours = await build(
                order, self._code, self._options, uid=uid, environment=environment, keep=keep, spares=self._spares
            )
        except asyncio.CancelledError:
            stopped = True
            raise
        finally:
            if ours and not published:  # who else builds it may use the same folder
                await to_its_end(self._clear(deployment.id))
            if stopped:
                await to_its_end(self._release(order.token))

    async def _release(self, token: int) -> None:
        with contextlib.suppress(StoreError):
            await self._code.release_build(token)

    async def _clear(self, deployment_id: str) -> None:
        self._users.pop(deployment_id, None)
        await self._drop_key(deployment_id)
        await asyncio.to_thread(forget, deployment_id, self._options)

    async def _begin(self, hosted: Hosted) -> None:
        deployment = hosted.deployment
        pause = FIRST_PAUSE
        try:
            while True:
                try:
                    await self._serve(hosted)
                except (StookError, OSError) as error:
                    log.warning(
                        "deployment %s cannot be served here, tried again in %g s: %s", deployment.id, pause, error
                    )
                    await asyncio.sleep(pause)
                    pause = min(2 * pause, LONGEST_PAUSE)
                else:
                    return
        finally:
            self._beginning.pop(deployment.id, None)

    async def _serve(self, hosted: Hosted) -> None:
        deployment = hosted.deployment
        warm = self._warm.pop(deployment.id, None)
        if warm is None:
            self._make_folder()
            uid = self._user_of(deployment)
            prepared = await prepare(
                deployment, self._code, self._options, uid=uid, say=lambda _: None, spares=self._spares
            )
        else:
            prepared = warm[0]
        served = Served(
            hosted,
            prepared,
            name=f"{self._name}-{deployment.id[:8]}",
            site=self._site,
            options=self._options,
            room=self._shared,
            events=self._events,
            key=self._key_of,
            secret=self._code.secrets.current,
            write_log=lambda execution, lines: self._code.write_log(deployment.id, lines, execution_id=execution),
        )
        if warm is not None:
            served.pool.adopt(warm[1])
        try:
            await self._shared.make_place()
            await served.start()
        except BaseException:
            await to_its_end(served.stop(0))
            raise
        self._serving[deployment.id] = served

    async def _retire(self, deployment_id: str, *, again: bool) -> None:
        """Nothing of it is left to be run, unless it is to begin `again`."""
        try:
            if deployment_id in self._serving:
                await self._end(deployment_id, self._options.grace)
            else:
                await self._cool(deployment_id)
            if not again:
                await self._clear(deployment_id)
        finally:
            self._retiring.discard(deployment_id)
            self._room.set()

    async def _end(self, deployment_id: str, grace: float) -> None:
        served = self._serving.pop(deployment_id)
        try:
            await served.stop(grace)
        except StoreError as error:
            log.warning("deployment %s was not stopped in order: %s", deployment_id, error)

    async def _cool(self, deployment_id: str) -> None:
        _, replica = self._warm.pop(deployment_id)
        await replica.stop(self._options.grace)

    # ------------------------------------------------------------------------------------------------ keys and users

    def _make_folder(self) -> None:
        self._options.folder.mkdir(mode=0o755 if self._options.uids else 0o700, parents=True, exist_ok=True)

    async def _key_of(self, deployment: Deployment) -> str | None:
        """One for as long as this host lives; the runtime of Vellum is given none."""
        if deployment.dialect == "vellum":
            return None
        if deployment.id not in self._keys:
            self._keys[deployment.id] = await self._site.new_key(deployment)
        return self._keys[deployment.id].secret

    async def _drop_key(self, deployment_id: str) -> None:
        key = self._keys.pop(deployment_id, None)
        if key is not None:
            with contextlib.suppress(StookError):
                await self._site.drop_key(key)

    def _user_of(self, deployment: Deployment) -> int | None:
        """No two deployments that are here at one time are the same user, as long as there are users enough."""
        uids = self._options.uids
        if not uids:
            return None
        if deployment.id not in self._users:
            taken = set(self._users.values())
            free = next((uid for uid in uids if uid not in taken), None)
            self._users[deployment.id] = uids[len(taken) % len(uids)] if free is None else free
        return self._users[deployment.id]
