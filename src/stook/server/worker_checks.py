"""What a worker says from afar, before the store believes it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import msgspec

from stook.core.payload_check import Invalid, check_many
from stook.server.refusal import Refusal
from stook.server.worker_logs import check_logs
from stook.server.worker_memos import check_suspension

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from stook.core.outcome import Settlement
    from stook.wire.work import SeeTask

__all__ = ["check_schemas", "check_settlements", "check_token"]

_WHOLE: Final = 2**31
_LONGEST: Final = 2**53
"""Microseconds."""
_LATEST: Final = 10 * 366 * 86_400.0
"""Seconds."""


def check_settlements(settlements: Sequence[Settlement]) -> None:
    """400 for numbers out of range, columns of different lengths, and results that are no JSON. Results are left
    without the whitespace around them."""
    for place, one in enumerate(settlements):
        _check_numbers(place, "token", (one.token,), 2**63)
        _check_numbers(place, "offsets", one.offsets, _WHOLE)
        _check_numbers(place, "durations", one.durations, _LONGEST)
        if not len(one.offsets) == len(one.results) == len(one.durations):
            raise _wrong(place, "offsets", "offsets, results and durations differ in length")
        if one.blobs:
            raise _wrong(place, "blobs", "results are sent by value")
        for trouble in one.troubles:
            _check_numbers(place, "troubles", (trouble.offset, trouble.halves), _WHOLE)
            _check_numbers(place, "troubles", (trouble.duration,), _LONGEST)
            after = trouble.retry_after
            if after is not None and not (math.isfinite(after) and 0 <= after <= _LATEST):
                raise _wrong(place, "troubles", f"retry_after={after!r} is no number of seconds from 0 to {_LATEST:g}")
            check_suspension(f"settlement {place}, offset {trouble.offset}", trouble)
        check_logs(place, one.logs)
        checked = check_many(one.results)
        if isinstance(checked, Invalid):
            reason = f"the result of offset {one.offsets[checked.position]} is no JSON: {checked.flaw.reason}"
            raise _wrong(place, "results", reason)
        one.results = checked


def check_token(place: int, token: int) -> None:
    _check_numbers(place, "token", (token,), 2**63)


def check_schemas(tasks: Iterable[SeeTask]) -> None:
    for task in tasks:
        if task.schema is not None:
            try:
                msgspec.json.decode(task.schema, type=dict[str, Any])
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                raise Refusal(
                    400, "option_error", f"the schema of task {task.name!r} is no JSON schema", field="schema"
                ) from None


def _check_numbers(place: int, field: str, numbers: Sequence[int], most: int) -> None:
    if numbers and not (min(numbers) >= 0 and max(numbers) < most):
        raise _wrong(place, field, f"{field} holds a number that is not between 0 and {most - 1}")


def _wrong(place: int, field: str, what: str) -> Refusal:
    return Refusal(400, "option_error", f"settlement {place}: {what}", field=field)
