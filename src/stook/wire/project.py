"""Projects on the wire."""

from __future__ import annotations

from typing import Annotated

import msgspec

from stook.wire.batch import Count
from stook.wire.stamp import Stamp

__all__ = ["ChangeProject", "NewProject", "Project", "ProjectPage"]

Big = Annotated[int, msgspec.Meta(ge=1, lt=2**62)]
Positive = Annotated[float, msgspec.Meta(gt=0)]


class Project(msgspec.Struct, kw_only=True):
    """Null: no limit. `queued_items` have not ended, `queued_bytes` are their payloads'; null where nobody counts them
    because neither is limited."""

    name: str
    weight: float
    max_concurrency: int | None
    max_queued_items: int | None
    max_payload_bytes: int | None
    max_rate: float | None
    queued_items: int | None
    queued_bytes: int | None
    created_at: Stamp | None


class ProjectPage(msgspec.Struct):
    data: list[Project]
    next: None = None


class ChangeProject(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What is left out stays; null takes a limit away. `max_rate` is submitted items a second."""

    weight: Positive | msgspec.UnsetType = msgspec.UNSET
    max_concurrency: Count | msgspec.UnsetType | None = msgspec.UNSET
    max_queued_items: Big | msgspec.UnsetType | None = msgspec.UNSET
    max_payload_bytes: Big | msgspec.UnsetType | None = msgspec.UNSET
    max_rate: Positive | msgspec.UnsetType | None = msgspec.UNSET


class NewProject(ChangeProject, kw_only=True, forbid_unknown_fields=True):
    name: str
