"""Who builds a deployment: a lease under a token, as with executions. What a lost host left, another begins again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from stook.core.deployment import MOST_LOSSES, Deployment, DeploymentEvent
from stook.store.script.deployment_row import SERVED, change_state, row_of, save_deployments, with_apps
from stook.store.statement import All, Each, Notify, Now, Run

if TYPE_CHECKING:
    from stook.store.script.deployment_row import DeploymentRow
    from stook.store.statement import Row, Script

__all__ = ["Taken", "builders", "fail_build", "lock_build", "release_build", "renew_build", "take_build"]

HOST_LOST = "host lost"


class Taken(msgspec.Struct, frozen=True):
    """`env` is sealed; None: there is none."""

    deployment: Deployment
    env: bytes | None


def take_build(host: str, token: int, lease: int) -> Script[Taken | None]:
    """The oldest that waits, or whose lease has ended, for `lease` microseconds. One whose hosts are lost again and
    again fails. `token` is drawn by the caller."""
    while True:
        now: int = yield Now()
        rows: list[Row] = yield All("lock_next_build", (now,))
        if not rows:
            return None
        row = row_of(rows[0])
        row.losses += row.token is not None
        if row.losses < MOST_LOSSES:
            break
        change_state(row, DeploymentEvent.fail, HOST_LOST)
        yield from save_deployments([row], now)
    change_state(row, DeploymentEvent.take)
    row.host, row.token, row.lease_until = host, token, now + lease
    yield from save_deployments([row], now)
    env: list[Row] = yield Each("read_hosted_env", [(row.id,)])
    return Taken((yield from with_apps([row]))[0], env[0][1])


def renew_build(token: int, lease: int) -> Script[bool]:
    now: int = yield Now()
    changed: int = yield Run("renew_hosted_build", (token, now + lease))
    return bool(changed)


def release_build(token: int) -> Script[bool]:
    """It waits again, and no host was lost. False: the token is not valid any more."""
    changed: int = yield Run("release_hosted_build", (token,))
    if changed:
        yield Notify((SERVED,))
    return bool(changed)


def builders() -> Script[list[tuple[int, str]]]:
    """Tokens of builds under way, and their hosts."""
    rows: list[Row] = yield All("read_hosted_builders")
    return [(token, host) for token, host in rows]


def fail_build(token: int, reason: str) -> Script[bool]:
    row = yield from lock_build(token)
    if row is None:
        return False
    now: int = yield Now()
    change_state(row, DeploymentEvent.fail, reason)
    yield from save_deployments([row], now)
    return True


def lock_build(token: int) -> Script[DeploymentRow | None]:
    """None: the token is not valid any more."""
    rows: list[Row] = yield All("lock_hosted_build", (token,))
    return row_of(rows[0]) if rows else None
