"""Every error as an answer: one table over the tree of `StookError`s, and what only HTTP can refuse."""

from __future__ import annotations

import math
import re
from typing import Final

import msgspec

from stook.core.errors import DuplicateKey, DuplicateKeys, InvokeError, OptionError, QuotaExceeded, StookError
from stook.wire.batch import NewBatch
from stook.wire.problem import ItemProblem, Problem, QuotaProblem, Refused

__all__ = ["RETRY_AFTER", "STATUS", "Refusal", "invalid_json", "no_room", "refusal_of", "wrong_shape"]

RETRY_AFTER: Final = 1
"""Seconds, where a moment may help."""

STATUS: Final[dict[str, int]] = {
    "stook_error": 500,
    "config_error": 400,
    "missing_extra": 415,
    "unsupported_by_backend": 400,
    "not_installed": 503,
    "schema_too_new": 503,
    "input_error": 400,
    "bad_archive": 400,
    "payload_error": 400,
    "payload_too_large": 413,
    "option_error": 400,
    "blocked_address": 400,
    "duplicate_keys": 400,
    "not_found": 404,
    "execution_not_found": 404,
    "invoke_error": 400,
    "unknown_task": 404,
    "unknown_queue": 404,
    "not_invocable": 409,
    "payload_invalid": 400,
    "duplicate_key": 409,
    "invoke_many_error": 409,
    "throttled": 409,
    "result_pruned": 410,
    "conflict": 409,
    "key_conflict": 409,
    "no_encryption_key": 409,
    "store_error": 500,
    "store_full": 507,
    "store_read_only": 503,
    "store_unavailable": 503,
    "execution_failed": 409,
    "execution_cancelled": 409,
    "execution_expired": 409,
    "result_timeout": 504,
    "secret_unreadable": 500,
    "lease_lost": 409,
    "quota_exceeded": 429,
}
"""By the error's code. A test holds it against the tree."""

_FIELD: Final = re.compile(r" - at `(?:key in )?\$\.?([^`]*)`$")
_UNKNOWN: Final = re.compile(r"^Object contains unknown field `(.*?)`")
_MISSING: Final = re.compile(r"^Object missing required field `(.*?)`")
_TOLD: Final = 1000
_WORD: Final = re.compile(r"[a-z_]+")


class Refusal(Exception):
    """An answer that says no."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        hint: str | None = None,
        index: int | None = None,
        field: str | None = None,
        expected: int | None = None,
        state: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.problem = Problem(
            code=code, message=message, hint=hint, index=index, field=field, expected=expected, state=state
        )
        self.headers = headers or {}
        if status in (429, 503):
            self.headers.setdefault("retry-after", str(RETRY_AFTER))

    def body(self) -> bytes:
        return msgspec.json.encode(Refused(self.problem))


def no_room(what: str) -> Refusal:
    """For the request, in this process."""
    return Refusal(
        503, "overloaded", f"the server has no {what} left for this", hint="try again in a moment, or send less at once"
    )


def refusal_of(error: StookError) -> Refusal:
    """`where` (a line of the body) goes before the message."""
    message = error.message if error.where is None else f"{error.where}: {error.message}"
    if isinstance(error, DuplicateKeys):
        message = f"{error.message} (items {', '.join(str(index) for _, index, _ in error.pairs[:10])})"
    clean = _clean(message)
    hint = None if error.hint is None else _clean(error.hint)
    made = Refusal(STATUS[error.code], error.code, clean, hint=hint, index=error.index, field=_option(error))
    if isinstance(error, InvokeError) and error.errors:
        made.problem.errors = [
            ItemProblem(index=one.index, code=one.code, path=_clean(one.path), message=_clean(one.message))
            for one in error.errors[:_TOLD]
        ]
    if isinstance(error, DuplicateKey):
        made.problem.existing_id = error.existing_id
    if isinstance(error, QuotaExceeded):
        used = None if error.limit == "max_rate" else max(0, error.most - error.room)
        made.problem.quota = QuotaProblem(
            name=error.limit, limit=error.most, used=used, room=error.room, retry_after=error.retry_after
        )
        if error.retry_after is not None:
            made.headers["retry-after"] = str(max(1, math.ceil(error.retry_after)))
    return made


def _clean(text: str) -> str:
    return text.encode(errors="backslashreplace").decode()


def _option(error: StookError) -> str | None:
    """That of a submission which an error is about: its message begins with it."""
    if not isinstance(error, OptionError) or error.where is not None or error.index is not None:
        return None
    found = _WORD.match(error.message)
    return found[0] if found is not None and found[0] in NewBatch.__struct_fields__ else None


def wrong_shape(error: msgspec.ValidationError, where: str) -> Refusal:
    """`where` is the body or the query."""
    text = str(error)
    unknown = _UNKNOWN.search(text)
    place = _FIELD.search(text)
    inside = place[1] if place else ""
    if unknown:
        name = f"{inside}.{unknown[1]}" if inside else unknown[1]
        return Refusal(400, "unknown_field", f"{where}: there is no field {name!r}", field=name)
    missing = _MISSING.search(text)
    if missing:
        name = f"{inside}.{missing[1]}" if inside else missing[1]
        return Refusal(400, "option_error", f"{where}: the field {name!r} is missing", field=name)
    return Refusal(400, "option_error", f"{where}: {_FIELD.sub('', text)}", field=inside or None)


def invalid_json(error: Exception) -> Refusal:
    if isinstance(error, RecursionError):
        return Refusal(400, "invalid_json", "the body is nested too deep", hint="at most 500 levels are allowed")
    return Refusal(400, "invalid_json", f"the body is no valid JSON: {error}")
