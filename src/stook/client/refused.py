"""What a server refuses, as the errors that the same call raises in-process: one table over the stable codes."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING, Final

import msgspec

from stook.client.tries import wanted_pause
from stook.core import errors
from stook.core.errors import (
    BadArchive,
    BadItem,
    DuplicateKey,
    DuplicateKeys,
    InvokeError,
    InvokeManyError,
    PayloadTooLarge,
    QuotaExceeded,
    StookError,
)
from stook.wire.problem import Problem, QuotaProblem, Refused

if TYPE_CHECKING:
    from stook.client.request import Answer

__all__ = ["CLASSES", "RefusedAnswer", "error_of", "problem_behind", "raised"]

CLASSES: Final[dict[str, type[StookError]]] = {
    "stook_error": StookError,
    "config_error": errors.ConfigError,
    "unsupported_by_backend": errors.UnsupportedByBackend,
    "missing_extra": errors.MissingExtra,
    "not_installed": errors.NotInstalled,
    "schema_too_new": errors.SchemaTooNew,
    "input_error": errors.InputError,
    "payload_error": errors.PayloadError,
    "payload_too_large": PayloadTooLarge,
    "option_error": errors.OptionError,
    "blocked_address": errors.BlockedAddress,
    "duplicate_keys": DuplicateKeys,
    "not_found": errors.NotFound,
    "execution_not_found": errors.ExecutionNotFound,
    "invoke_error": errors.InvokeError,
    "unknown_task": errors.UnknownTask,
    "unknown_queue": errors.UnknownQueue,
    "not_invocable": errors.NotInvocable,
    "payload_invalid": errors.PayloadValidationError,
    "duplicate_key": errors.DuplicateKey,
    "invoke_many_error": errors.InvokeManyError,
    "throttled": errors.Throttled,
    "result_pruned": errors.ResultPruned,
    "conflict": errors.Conflict,
    "key_conflict": errors.KeyConflict,
    "no_encryption_key": errors.NoEncryptionKey,
    "quota_exceeded": QuotaExceeded,
    "store_error": errors.StoreError,
    "store_full": errors.StoreFull,
    "store_read_only": errors.StoreReadOnly,
    "store_unavailable": errors.StoreUnavailable,
    "execution_failed": errors.ExecutionFailed,
    "execution_cancelled": errors.ExecutionCancelled,
    "execution_expired": errors.ExecutionExpired,
    "result_timeout": errors.ResultTimeout,
    "secret_unreadable": errors.SecretUnreadable,
    "lease_lost": errors.LeaseLost,
    # What only HTTP can refuse.
    "unauthorized": errors.ConfigError,
    "forbidden": errors.ConfigError,
    "method_not_allowed": errors.ConfigError,
    "unsupported_media_type": errors.ConfigError,
    "unknown_field": errors.OptionError,
    "invalid_json": errors.InputError,
    "body_too_large": errors.InputError,
    "bad_archive": errors.BadArchive,
    "head_too_large": errors.InputError,
    "invalid_http": errors.ConfigError,
    "gone": errors.NotFound,
    "offset_mismatch": errors.Conflict,
    "reset": errors.Conflict,
    "too_many_requests": errors.StoreUnavailable,
    "overloaded": errors.StoreUnavailable,
    "sender_gone": errors.StoreUnavailable,
    "internal_error": errors.StoreError,
}
"""By the code. A test holds it against the tree of errors and against what the server can say."""

_TOO_LARGE: Final = re.compile(r"(\d+) bytes of JSON, the limit is (\d+)")
_TWICE: Final = re.compile(r"key ('(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\") is already used by item (\d+)")
_SHOWN: Final = 200


class RefusedAnswer(Exception):
    """The cause behind an error that a server's answer became."""

    def __init__(self, status: int, problem: Problem) -> None:
        super().__init__(f"{status} {problem.code}: {problem.message}")
        self.status = status
        self.problem = problem


def problem_behind(error: BaseException) -> Problem | None:
    return error.__cause__.problem if isinstance(error.__cause__, RefusedAnswer) else None


def raised(answer: Answer, server: str, *, first_index: int = 0) -> StookError:
    """The error of an answer that says no, with its cause. `where` names the server, and the item if there is one;
    `first_index` is that of the first item of the body."""
    problem = _problem(answer)
    error = error_of(problem, server, first_index=first_index, retry_after=wanted_pause(answer))
    error.__cause__ = RefusedAnswer(answer.status, problem)
    return error


def error_of(problem: Problem, server: str, *, first_index: int = 0, retry_after: float | None = None) -> StookError:
    kind = CLASSES.get(problem.code, StookError)
    index = problem.index
    # Of an append the server counts from the body's first item, but where it compares with the batch itself.
    if index is not None and problem.code not in ("offset_mismatch", "duplicate_keys"):
        index += first_index
    error = _made(kind, problem, index, retry_after)
    error.message = problem.message
    error.args = (problem.message,)
    error.index = index
    error.where = server if index is None else f"{server}, item {index}"
    error.hint = problem.hint
    if isinstance(error, InvokeError) and problem.errors is not None:
        error.errors = [
            BadItem(None if one.index is None else one.index + first_index, one.code, one.path, one.message)
            for one in problem.errors
        ]
    return error


def _made(kind: type[StookError], problem: Problem, index: int | None, retry_after: float | None) -> StookError:
    if issubclass(kind, PayloadTooLarge):
        found = _TOO_LARGE.search(problem.message)
        return kind(int(found[1]) if found else 0, int(found[2]) if found else 0)
    if issubclass(kind, DuplicateKeys):
        twice = _TWICE.search(problem.message)
        key, earlier = (ast.literal_eval(twice[1]), int(twice[2])) if twice else ("", 0)
        return kind([(key, index or 0, earlier)])
    if issubclass(kind, DuplicateKey):
        return kind(problem.message, existing_id=problem.existing_id)
    if issubclass(kind, BadArchive):
        return kind("", problem.message)
    if issubclass(kind, InvokeManyError):
        return kind(problem.message, committed=0, index=index or 0)
    if issubclass(kind, QuotaExceeded):
        return _quota_exceeded(kind, problem, retry_after)
    return kind(problem.message)


def _quota_exceeded(kind: type[QuotaExceeded], problem: Problem, retry_after: float | None) -> QuotaExceeded:
    quota = problem.quota or QuotaProblem(name="", limit=float("nan"), used=None, room=0, retry_after=retry_after)
    return kind(problem.message, limit=quota.name, most=quota.limit, room=quota.room, retry_after=quota.retry_after)


def _problem(answer: Answer) -> Problem:
    """Also of one that is not stook's: something on the way."""
    try:
        return msgspec.json.decode(answer.content, type=Refused).error
    except (msgspec.DecodeError, UnicodeDecodeError):
        pass
    code = {401: "unauthorized", 403: "forbidden", 404: "not_found"}.get(answer.status)
    if code is None:
        code = "store_unavailable" if answer.status in (408, 429, 502, 503, 504) else "stook_error"
    said = " ".join(answer.content[:_SHOWN].decode(errors="replace").split())
    return Problem(
        code=code, message=f"HTTP {answer.status}: {said or 'no word why'}", hint="is it a stook server, or a proxy?"
    )
