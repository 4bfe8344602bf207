"""One build: from an archive to apps that are published, or to the reason why not."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Final

from stook.core.errors import StookError, StoreError, StoreUnavailable
from stook.hosting.archive import BadArchive
from stook.hosting.build_log import BuildLog
from stook.hosting.building import EnvironmentFailed
from stook.hosting.finishing import to_its_end
from stook.hosting.prepared import prepare
from stook.hosting.replica import Died, Loaded, Unloadable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from stook.core.deployment import BuildOrder, Deployment
    from stook.engine.hosted_code import HostedCode
    from stook.hosting.prepared import Prepared
    from stook.hosting.replica import Replica
    from stook.hosting.site import HostOptions
    from stook.hosting.spares import Spares

__all__ = ["LEASE", "build"]

LEASE: Final = 30.0

log = logging.getLogger("stook.hosting")


class _Failed(Exception):
    """The reason is the message."""


async def build(
    order: BuildOrder,
    code: HostedCode,
    options: HostOptions,
    *,
    uid: int | None,
    environment: Callable[[Deployment], Awaitable[dict[str, str]]],
    keep: Callable[[Deployment, Prepared, Replica], None],
    spares: Spares | None = None,
) -> bool:
    """`environment` of its process; `keep` gets the process that has loaded it, once it is published. False: it was
    given up, because it is somebody else's by now."""
    deployment = order.deployment
    building = asyncio.ensure_future(
        _build(order, code, options, uid=uid, environment=environment, keep=keep, spares=spares)
    )
    renewing = asyncio.ensure_future(_renew(order, code))
    try:
        await asyncio.wait({building, renewing}, return_when=asyncio.FIRST_COMPLETED)
        if not building.done():
            log.warning("deployment %s is built elsewhere, or was deleted: this build stops", deployment.id)
            return False
    finally:
        for one in (building, renewing):
            one.cancel()
        await asyncio.gather(building, renewing, return_exceptions=True)
    error = building.exception()
    if isinstance(error, StoreUnavailable):
        log.warning("building deployment %s broke off, it is begun again: %s", deployment.id, error)
        with contextlib.suppress(StoreError):
            await code.renew_build(order.token, 0)
        return True
    if error is not None:
        log.error("building deployment %s broke off: %s", deployment.id, error, exc_info=error)
        return await code.fail_build(order.token, f"the host could not build it: {type(error).__name__}: {error}")
    return building.result()


async def _renew(order: BuildOrder, code: HostedCode) -> None:
    while True:
        await asyncio.sleep(LEASE / 3)
        with contextlib.suppress(StoreError):
            if not await code.renew_build(order.token, LEASE):
                return


async def _build(
    order: BuildOrder,
    code: HostedCode,
    options: HostOptions,
    *,
    uid: int | None,
    environment: Callable[[Deployment], Awaitable[dict[str, str]]],
    keep: Callable[[Deployment, Prepared, Replica], None],
    spares: Spares | None,
) -> bool:
    """False: it was somebody else's by then."""
    deployment = order.deployment
    said = BuildLog(lambda lines: code.write_log(deployment.id, lines))
    replica: Replica | None = None
    try:
        prepared = await prepare(deployment, code, options, uid=uid, say=said.say, spares=spares)
        said.say("loading")
        env = await environment(deployment)
        replica, answer = await prepared.start(env, said, check=True)
        loaded = _loaded(answer, said)
        for app in loaded.apps:
            said.say(f"app {app.name}: {', '.join(action.name for action in app.actions) or 'no actions'}")
        await said.close()
        published = await code.publish(order.token, loaded.apps, facts=loaded.facts)
        if published is not None and published.state == "running":
            kept, replica = replica, None
            keep(published, prepared, kept)
    except (BadArchive, EnvironmentFailed, _Failed) as error:
        return await _fail(order, code, said, str(error))
    except StookError as error:
        if isinstance(error, StoreError):
            raise
        return await _fail(order, code, said, str(error))
    else:
        return published is not None
    finally:
        if replica is not None:
            await to_its_end(replica.stop(options.grace))
        await said.close()


def _loaded(answer: Loaded | Unloadable | Died, said: BuildLog) -> Loaded:
    match answer:
        case Loaded():
            return answer
        case Unloadable():
            for line in answer.traceback.splitlines():
                said.say(line)
            where = f" ({answer.where})" if answer.where else ""
            raise _Failed(f"{answer.type}: {answer.message}{where}")
        case Died(how):
            raise _Failed(f"the process that loaded the code {how}")


async def _fail(order: BuildOrder, code: HostedCode, said: BuildLog, reason: str) -> bool:
    said.say(f"failed: {reason}")
    await said.close()
    return await code.fail_build(order.token, reason)
