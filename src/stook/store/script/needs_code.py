"""What is taken up again needs its code: that of a deployment may be gone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stook.core.errors import Conflict
from stook.core.hosted import read_hosted_task
from stook.store.script.deployment_row import SERVED, read_deployments
from stook.store.statement import Notify

if TYPE_CHECKING:
    from stook.store.statement import Script

__all__ = ["needs_code"]


def needs_code(task: str) -> Script[None]:
    """Of a task of hosted code: hosts look again, for a stopped deployment that is wanted once more; `Conflict` where
    it was deleted, or its code is not kept any more. Of any other task: nothing."""
    hosted = read_hosted_task(task)
    if hosted is None:
        return
    row = (yield from read_deployments((hosted.deployment_id,))).get(hosted.deployment_id)
    if row is None:
        return  # it only looks like one
    if row.deleted:
        raise Conflict(
            f"deployment {row.id} was deleted: nothing runs on it any more",
            hint="deploy the code again, and submit anew what failed",
        )
    if not row.kept:
        raise Conflict(
            f"the code of deployment {row.id}, which has stopped, is not kept any more",
            hint="deploy it again, and submit anew what failed",
        )
    yield Notify((SERVED,))
