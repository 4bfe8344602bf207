"""What operators do to batches, on the wire."""

from __future__ import annotations

from typing import Annotated

import msgspec

from stook.wire.batch import Batch, Count
from stook.wire.stamp import Stamp

__all__ = [
    "Acted",
    "Action",
    "ActionPage",
    "ActionQuery",
    "Cancel",
    "ChangeBatchLimits",
    "ChangeLimits",
    "Pause",
    "Resume",
    "Retry",
]

Index = Annotated[int, msgspec.Meta(ge=0, lt=2**32)]


class Action(msgspec.Struct, kw_only=True):
    """One bulk action. `state` is `finished`, `running` (a retry whose probe is being tried) or `aborted`; `progress`
    is 0 to 1; `actor` is the id of the key that asked for it. What was done to no batch has none."""

    id: str
    kind: str
    batch_id: str | None
    scope: str
    actor: str
    state: str
    affected: int
    progress: float
    created_at: Stamp
    finished_at: Stamp | None


class ActionPage(msgspec.Struct):
    data: list[Action]
    next: str | None


class ActionQuery(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    batch: str | None = None
    after: str | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 50


class Acted(msgspec.Struct):
    """`affected` executions (of a retry: those queued now), the batch afterwards, and the action as it is recorded."""

    affected: int
    batch: Batch
    action: Action


class Pause(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    reason: str = "paused by user"


class Resume(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """`ramp`: concurrency grows over ten seconds."""

    ramp: bool = True


class Cancel(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """`hard` also stops what runs. With `indexes` only these executions, and the batch goes on."""

    hard: bool = False
    reason: str = "cancelled by user"
    indexes: list[Index] | None = None


class Retry(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Ended executions in `states`, narrowed to one failure `group` or to `indexes`. With `probe` so many go first, the
    rest once half of them have succeeded."""

    states: tuple[str, ...] = ("failed",)
    group: str | None = None
    indexes: list[Index] | None = None
    probe: Count | None = None


class ChangeBatchLimits(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Executions of the batch in flight at once; null: no limit."""

    max_concurrency: Count | None


class ChangeLimits(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Of the project, or one of its queues or tasks; what is left out stays."""

    queue: str | None = None
    task: str | None = None
    max_concurrency: Count | msgspec.UnsetType | None = msgspec.UNSET
    paused: bool | None = None
    weight: float | None = None
