"""What the Kernel dialect refuses, as errors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from stook.client.refused import raised
from stook.core import errors

if TYPE_CHECKING:
    from stook.client.request import Answer
    from stook.core.errors import StookError

__all__ = ["KernelAnswer", "refused"]

_SHOWN: Final = 3
_CLASSES: Final[dict[str, type[StookError]]] = {
    "bad_request": errors.OptionError,
    "invalid_input": errors.OptionError,
    "invalid_payload": errors.PayloadError,
    "payload_too_large": errors.InputError,
    "too_many_payloads": errors.InputError,
    "request_too_large": errors.InputError,
    "batch_finished": errors.Conflict,
    "invocation_finished": errors.Conflict,
    "idempotency_key_reused": errors.KeyConflict,
    "unauthorized": errors.ConfigError,
    "forbidden": errors.ConfigError,
    "method_not_allowed": errors.ConfigError,
    "not_found": errors.NotFound,
    "project_not_found": errors.NotFound,
    "concurrency_limit_exceeded": errors.StoreUnavailable,
    "capacity_exhausted": errors.StoreUnavailable,
    "internal_error": errors.StoreError,
}
"""By the code, or by that of the first detail."""


class _Detail(msgspec.Struct):
    code: str = ""
    message: str = ""
    index: int | None = None


class _Body(msgspec.Struct):
    code: str
    message: str
    details: list[_Detail] = []


class KernelAnswer(Exception):
    """The cause behind an error: the answer's status, and its body's `code` and `details` (code, message, index)."""

    def __init__(self, status: int, body: _Body) -> None:
        super().__init__(f"{status} {body.code}: {body.message}")
        self.status = status
        self.code = body.code
        self.details = body.details


def refused(answer: Answer, server: str, *, first_index: int = 0) -> StookError:
    """What is wrong with the first bad payload is told, and how many more there are."""
    try:
        body = msgspec.json.decode(answer.content, type=_Body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return raised(answer, server, first_index=first_index)  # something on the way
    first = body.details[0] if body.details else _Detail()
    kind = _CLASSES.get(first.code) or _CLASSES.get(body.code) or errors.StookError
    error = kind(body.message, index=first.index, where=server)
    more = [one.message for one in body.details if one.message != body.message]
    if more:
        error.hint = "; ".join(more[:_SHOWN]) + (f"; and {len(more) - _SHOWN} more" if len(more) > _SHOWN else "")
    error.__cause__ = KernelAnswer(answer.status, body)
    return error
