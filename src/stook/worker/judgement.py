"""What a batched handler's answer says of each member. Pure.

    None, Broadcast     the same for all            list, tuple     by position
    dict                by event id                 BatchError      those named failed, the rest have None

A member's verdict is a plain value, or one of Ok, Fail, or an exception.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stook.worker.failures import BatchContractError
from stook.worker.verdicts import BatchError, Broadcast, Fail, Ok

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["is_verdict", "judge", "judge_batch_error"]


def judge(answered: Any, size: int, ids: Callable[[], Sequence[str]]) -> list[Any]:
    """One verdict per member. `BatchContractError` for an answer that does not fit the group.

    `ids` gives the members' execution ids, and is asked only for an answer by id.
    """
    if answered is None:
        return [None] * size
    if isinstance(answered, Broadcast):
        return [answered.value] * size
    if isinstance(answered, (list, tuple)):
        if len(answered) != size:
            raise BatchContractError(f"Batch handler returned {len(answered)} results but received {size} executions")
        return list(answered)
    if isinstance(answered, dict):
        return _by_id(answered, ids())
    raise BatchContractError(
        f"Batch handler must return a list matching input length: received {size} executions, "
        f"got {type(answered).__name__}"
    )


def judge_batch_error(error: BatchError, size: int) -> list[Any]:
    verdicts: list[Any] = [None] * size
    for index, reason in error.errors.items():
        if type(index) is not int or not 0 <= index < size:
            raise BatchContractError(f"BatchError names member {index!r}, but the group has members 0 to {size - 1}")
        verdicts[index] = reason if isinstance(reason, (Fail, BaseException)) else Fail(str(reason))
    return verdicts


def _by_id(answered: dict[Any, Any], ids: Sequence[str]) -> list[Any]:
    missing = [one for one in ids if one not in answered]
    if missing or len(answered) != len(ids):
        known = set(ids)
        strange = next((repr(key) for key in answered if key not in known), None)
        wrong = f"nothing for {missing[0]}" if missing else f"something for {strange}"
        raise BatchContractError(
            f"Batch handler must return a dict whose keys are exactly its events' ids: it has {wrong}",
            hint="annotate events: list[Event] and use event.id as the key",
        )
    return [answered[one] for one in ids]


def is_verdict(kind: type) -> bool:
    return issubclass(kind, (BaseException, Fail, Ok))
