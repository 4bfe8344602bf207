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
    "Pause",
    "Resume",
    "Retry",
    "Split",
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


class Split(msgspec.Struct):
    """What became of the executions that were named, by index: `cancelled` now, `stopping` because they run, `ended`
    before, and `missing` from the batch."""

    cancelled: list[int]
    stopping: list[int]
    ended: list[int]
    missing: list[int]


class Acted(msgspec.Struct):
    """`affected` executions (of a retry: those queued now), the batch afterwards, and the action as it is recorded.
    `items` is given where executions to cancel were named."""

    affected: int
    batch: Batch
    action: Action
    items: Split | None = None


class Pause(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    reason: str = "paused by user"


class Resume(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """`ramp`: concurrency grows over ten seconds."""

    ramp: bool = True


class Cancel(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """`hard` also stops what runs. With `indexes`, `keys` or a `tag` only these executions end, running ones too, and
    the batch goes on."""

    hard: bool = False
    reason: str = "cancelled by user"
    indexes: list[Index] | None = None
    keys: list[str] | None = None
    tag: str | None = None


class Retry(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, rename={"from_": "from"}):
    """Ended executions in `states`, narrowed to one failure `group`, to the error's `code` or `type`, to a `tag`, to
    `keys`, `indexes`, or indexes `from` … `to` (the last is not meant); all that is given must hold. With `probe` so
    many go first, the rest once half of them have succeeded. `overrides` are new inputs by index, of executions that
    are retried; `merge` is a JSON merge patch of all their inputs, which must be objects."""

    states: tuple[str, ...] = ("failed",)
    group: str | None = None
    indexes: list[Index] | None = None
    keys: list[str] | None = None
    tag: str | None = None
    code: str | None = None
    type: str | None = None
    from_: Index | None = None
    to: Index | None = None
    probe: Count | None = None
    overrides: dict[str, msgspec.Raw] | None = None
    merge: msgspec.Raw = msgspec.field(default_factory=lambda: msgspec.Raw(b"null"))


class ChangeBatchLimits(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Executions of the batch in flight at once; null: no limit."""

    max_concurrency: Count | None
