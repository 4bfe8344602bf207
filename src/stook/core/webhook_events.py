"""Names of events that webhooks carry, which of them an endpoint wants, and what an event says."""

from __future__ import annotations

import difflib
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import msgspec

from stook.core.errors import OptionError
from stook.core.hosted import read_hosted_task
from stook.core.states import State

if TYPE_CHECKING:
    from collections.abc import Collection

__all__ = [
    "ALL_EVENTS",
    "BATCH_EVENTS",
    "DEFAULT_EVENTS",
    "DISABLED",
    "EXECUTION_EVENTS",
    "INTERNAL_PROJECT",
    "INTERNAL_TASK",
    "MOST_BYTES",
    "TASK",
    "TEST",
    "WORKFLOW",
    "WORKFLOW_EVENTS",
    "WORKFLOW_USAGE",
    "Wants",
    "bit_of",
    "body_of",
    "end_mask",
    "endpoint_project",
    "error_of",
    "mask_of",
    "sent_id",
    "timestamp",
    "workflow_of",
]

TASK: Final = "stook.webhook"
QUEUE: Final = "stook.webhooks"
INTERNAL_TASK: Final = "stook."
"""Tasks whose names begin so are stook's own."""
INTERNAL_PROJECT: Final = "webhook/"
"""The same of projects."""
MOST_BYTES: Final = 256 * 1024
"""A body that is larger goes without its result."""

TEST: Final = "webhook.test"
DISABLED: Final = "webhook.endpoint.disabled"
BATCH_EVENTS: Final = ("batch.finished", "batch.reopened", "batch.paused", "batch.resumed")
EXECUTION_EVENTS: Final = {
    State.succeeded: "execution.succeeded",
    State.failed: "execution.failed",
    State.cancelled: "execution.cancelled",
    State.expired: "execution.expired",
}
WORKFLOW_EVENTS: Final = ("workflow.execution.initiated", "workflow.execution.fulfilled", "workflow.execution.rejected")
WORKFLOW_USAGE: Final = "workflow_execution.usage_calculation.fulfilled"
NEVER_SENT: Final = (
    "workflow_execution.usage_calculation.rejected",
    "metric.execution.fulfilled",
    "prompt_execution.usage_calculation.fulfilled",
    "prompt_execution.usage_calculation.rejected",
)
"""Events of Vellum's that receivers may ask for, and that nothing here gives rise to."""
ALL_EVENTS: Final = (
    *BATCH_EVENTS,
    *EXECUTION_EVENTS.values(),
    DISABLED,
    TEST,
    *WORKFLOW_EVENTS,
    WORKFLOW_USAGE,
    *NEVER_SENT,
)
"""In the order of their bits, which are stored: new ones go to the end."""
DEFAULT_EVENTS: Final = (*BATCH_EVENTS, DISABLED, *WORKFLOW_EVENTS)
_BITS: Final = {name: 1 << place for place, name in enumerate(ALL_EVENTS)}
_WORKFLOW_NAMES: Final = frozenset({*WORKFLOW_EVENTS, WORKFLOW_USAGE})
_WORKFLOW_MASK: Final = sum(_BITS[name] for name in _WORKFLOW_NAMES)
WORKFLOW: Final = "workflow"
"""The one action of a hosted workflow."""


def bit_of(name: str) -> int:
    return _BITS[name]


@lru_cache(maxsize=256)
def workflow_of(task: str) -> str | None:
    """The app of a task that may be a hosted workflow's; None: it is none."""
    found = read_hosted_task(task)
    return None if found is None or found.action != WORKFLOW else found.app


def end_mask(task: str, state: State) -> int:
    """The events that an end of an execution of the task may be."""
    mask = _BITS[EXECUTION_EVENTS[state]]
    return mask if workflow_of(task) is None else mask | _WORKFLOW_MASK


def sent_id(event_id: str, name: str) -> str:
    """As receivers see it: those of Vellum's events expect a UUID."""
    return str(uuid.UUID(event_id.removeprefix("evt_"))) if name in _WORKFLOW_NAMES else event_id


def mask_of(names: Collection[str]) -> int:
    """None given: the default set. `OptionError` names one that does not exist."""
    mask = 0
    for name in names or DEFAULT_EVENTS:
        bit = _BITS.get(name)
        if bit is None:
            near = difflib.get_close_matches(name, ALL_EVENTS, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(ALL_EVENTS)}"
            raise OptionError(f"there is no event {name!r}", where="events", hint=hint)
        mask |= bit
    return mask


class Wants(msgspec.Struct, frozen=True):
    """What an endpoint asked for. `tasks` empty: of all; a hosted workflow may be named as its users do. `named`: only
    of batches submitted with its id."""

    id: str
    mask: int
    tasks: Sequence[str]
    named: bool

    def event(self, name: str, task: str | None, named: Collection[str]) -> bool:
        """`task` None: the event is of no batch, and neither filter has a say."""
        if not self.mask & _BITS[name]:
            return False
        if task is None:
            return True
        if self.tasks and task not in self.tasks and workflow_of(task) not in self.tasks:
            return False
        return not self.named or self.id in named


def endpoint_project(endpoint_id: str) -> str:
    """The internal project that carries an endpoint's deliveries."""
    return INTERNAL_PROJECT + endpoint_id


@lru_cache(maxsize=64)  # the thousands that end together end at one time
def timestamp(at: int) -> str:
    """RFC 3339, to the microsecond."""
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at)
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")


def body_of(event_id: str, name: str, at: int, project: str, data: dict[str, Any]) -> bytes:
    """JSON, made once: every attempt sends these bytes."""
    whole = {"id": event_id, "type": name, "timestamp": timestamp(at), "project": project, "data": data}
    return msgspec.json.encode(whole)


def error_of(kind: str, code: str, message: str) -> dict[str, str]:
    """What an exception says may hold half a surrogate pair, which no text can: that becomes U+FFFD."""
    if not (kind + message).isascii():
        kind, message = (text.encode("utf-16", "surrogatepass").decode("utf-16", "replace") for text in (kind, message))
    return {"type": kind, "code": code, "message": message}
