"""Every error stook raises on purpose, as one drawn tree. Each class has a stable `code`.

StookError
├── ConfigError            a setting, option or definition that cannot work
│   ├── MissingExtra       needs an optional package
│   ├── NotInstalled       the store has no schema yet
│   ├── SchemaTooNew       the store was written by a newer stook
│   └── UnsupportedByBackend  not with this store, or not where this code runs
├── InputError             what was given to run is unreadable or wrong
│   ├── PayloadError       one item's payload or result
│   │   └── PayloadTooLarge
│   ├── OptionError        an option's value
│   ├── BadArchive         an archive that is not to be unpacked
│   ├── BlockedAddress     a URL that stook may not call
│   └── DuplicateKeys      the same caller's key twice in one batch
├── InvokeError            an invocation that was refused; the classes below stand elsewhere in the tree as well
│   ├── UnknownTask        (and NotFound) no program has ever defined it
│   ├── UnknownQueue       (and NotFound) no task lives there
│   ├── NotInvocable       the task is started by other things alone
│   ├── PayloadValidationError  (and PayloadError) not what the task's type says
│   ├── DuplicateKey       (and Conflict) `dedupe="reject"`, and the key is held
│   ├── InvokeManyError    a call of many commits that broke off half way
│   ├── Throttled          there is no execution to ask: the invocation was throttled
│   ├── OptionError        (and InputError)
│   └── PayloadTooLarge    (and PayloadError)
├── NotFound               no such batch, execution, task
│   └── ExecutionNotFound
│   └── ResultPruned       it has ended, and its task keeps it no longer
├── Conflict               the object is not in a state that allows this
│   ├── KeyConflict        same idempotency key, other content
│   └── NoEncryptionKey    a secret is to be stored, and there is nothing to seal it with
├── QuotaExceeded          the project may not submit so much now
├── StoreError             the database or disk refused
│   ├── StoreFull
│   ├── StoreReadOnly
│   └── StoreUnavailable
├── ExecutionFailed        read a result that is a failure
├── ExecutionCancelled
├── ExecutionExpired
├── ResultTimeout          waited long enough
├── SecretUnreadable       a stored secret that no key here opens
└── LeaseLost              the worker no longer holds what it wants to settle
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "BadArchive",
    "BadItem",
    "BlockedAddress",
    "ConfigError",
    "Conflict",
    "DuplicateKey",
    "DuplicateKeys",
    "ExecutionCancelled",
    "ExecutionExpired",
    "ExecutionFailed",
    "ExecutionNotFound",
    "InputError",
    "InvokeError",
    "InvokeManyError",
    "KeyConflict",
    "LeaseLost",
    "MissingExtra",
    "NoEncryptionKey",
    "NotFound",
    "NotInstalled",
    "NotInvocable",
    "OptionError",
    "PayloadError",
    "PayloadTooLarge",
    "PayloadValidationError",
    "QuotaExceeded",
    "ResultPruned",
    "ResultTimeout",
    "SchemaTooNew",
    "SecretUnreadable",
    "StookError",
    "StoreError",
    "StoreFull",
    "StoreReadOnly",
    "StoreUnavailable",
    "Throttled",
    "UnknownQueue",
    "UnknownTask",
    "UnsupportedByBackend",
]


class StookError(Exception):
    """What was wrong (`message`), where (`index` of the item, `where` in words) and what to do (`hint`).

    `str(error)` is one line that holds all three; `code` never changes between releases.
    """

    code: ClassVar[str] = "stook_error"

    def __init__(
        self, message: str, *, index: int | None = None, where: str | None = None, hint: str | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.index = index
        self.where = where
        self.hint = hint

    def __str__(self) -> str:
        place = self.where if self.where is not None else None if self.index is None else f"item {self.index}"
        text = self.message if place is None else f"{place}: {self.message}"
        return text if self.hint is None else f"{text} ({self.hint})"


class ConfigError(StookError, ValueError):
    """A setting, option or definition that cannot work."""

    code = "config_error"


class MissingExtra(ConfigError):
    code = "missing_extra"


class NotInstalled(ConfigError):
    """The store has no schema yet."""

    code = "not_installed"


class SchemaTooNew(ConfigError):
    """The store was written by a newer stook."""

    code = "schema_too_new"


class UnsupportedByBackend(ConfigError):
    """Not with this store, or not where this code runs."""

    code = "unsupported_by_backend"


class InputError(StookError, ValueError):
    code = "input_error"


@dataclass(frozen=True, slots=True)
class BadItem:
    """One thing that is wrong with one item: `code` of the error, `path` into the payload ("" where it is no matter of
    one place)."""

    index: int | None
    code: str
    path: str
    message: str


class InvokeError(StookError):
    """`errors` is everything that is wrong, of every item of the call; the error itself is the first of them."""

    code = "invoke_error"
    errors: Sequence[BadItem] = ()


class PayloadError(InputError):
    code = "payload_error"


class PayloadTooLarge(PayloadError, InvokeError):
    """`size` and `limit` are bytes of UTF-8 JSON."""

    code = "payload_too_large"

    def __init__(self, size: int, limit: int, *, index: int | None = None, where: str | None = None) -> None:
        super().__init__(
            f"{size} bytes of JSON, the limit is {limit}",
            index=index,
            where=where,
            hint="store the content elsewhere and pass a reference, or raise STOOK_MAX_PAYLOAD_BYTES",
        )
        self.size = size
        self.limit = limit


class PayloadValidationError(PayloadError, InvokeError):
    """A payload that is not what the task's type says; nothing was written."""

    code = "payload_invalid"


class OptionError(InputError, InvokeError):
    """An option's value that cannot be; nothing was done."""

    code = "option_error"


class DuplicateKeys(InputError):
    """`pairs` holds (key, index of the item, index of the earlier item with the same key), the first hundred."""

    code = "duplicate_keys"

    def __init__(self, pairs: list[tuple[str, int, int]]) -> None:
        key, index, earlier = pairs[0]
        more = "" if len(pairs) == 1 else f", and {len(pairs) - 1} more"
        super().__init__(
            f"key {key!r} is already used by item {earlier}{more}",
            index=index,
            hint="make keys unique, or choose how to merge them",
        )
        self.pairs = pairs


class BlockedAddress(InputError):
    code = "blocked_address"


class BadArchive(InputError):
    """`why`: a word of `stook.hosting.archive.ArchiveRefusal`; empty where a server refused it, which says it."""

    code = "bad_archive"

    def __init__(self, why: str, message: str, *, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.why = why


class NotFound(StookError):
    code = "not_found"


class ResultPruned(NotFound):
    """It has ended, and its retention kept neither result nor error."""

    code = "result_pruned"


class ExecutionNotFound(NotFound):
    """There is no execution of this id."""

    code = "execution_not_found"


class UnknownTask(InvokeError, NotFound):
    """No program has ever defined the task, or not in the queue that was named."""

    code = "unknown_task"


class UnknownQueue(InvokeError, NotFound):
    """No task lives in a queue of this name."""

    code = "unknown_queue"


class NotInvocable(InvokeError):
    """The task is started by its triggers alone."""

    code = "not_invocable"


class Throttled(InvokeError):
    """The invocation was throttled: there is no execution to ask."""

    code = "throttled"


class InvokeManyError(InvokeError):
    """`committed` items were invoked before the item `index`, and stay so; `receipts` are theirs."""

    code = "invoke_many_error"

    def __init__(self, message: str, *, committed: int, index: int, receipts: Sequence[object] = ()) -> None:
        super().__init__(message, index=index)
        self.committed = committed
        self.receipts = receipts


class Conflict(StookError):
    code = "conflict"


class DuplicateKey(InvokeError, Conflict):
    """`existing_id` is the execution that holds the dedupe key; None where two items of the call have it."""

    code = "duplicate_key"

    def __init__(
        self, message: str, *, existing_id: str | None = None, index: int | None = None, hint: str | None = None
    ) -> None:
        super().__init__(message, index=index, hint=hint)
        self.existing_id = existing_id


class KeyConflict(Conflict):
    code = "key_conflict"


class NoEncryptionKey(Conflict):
    code = "no_encryption_key"


class QuotaExceeded(StookError):
    """`limit` names the project's limit, `most` is its value, `room` what it would still let in; `retry_after` seconds
    may help, None: nobody knows."""

    code = "quota_exceeded"

    def __init__(
        self,
        message: str,
        *,
        limit: str,
        most: float,
        room: int,
        retry_after: float | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.limit = limit
        self.most = most
        self.room = room
        self.retry_after = retry_after


class StoreError(StookError):
    code = "store_error"


class StoreFull(StoreError):
    code = "store_full"


class StoreReadOnly(StoreError):
    code = "store_read_only"


class StoreUnavailable(StoreError):
    code = "store_unavailable"


class ExecutionFailed(StookError):
    """`error` says what became of it: `code`, `type`, `message`, `traceback`; None where it has not ended."""

    code = "execution_failed"

    def __init__(
        self,
        message: str,
        *,
        error: object = None,
        index: int | None = None,
        where: str | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message, index=index, where=where, hint=hint)
        self.error = error


class ExecutionCancelled(StookError):
    """`reason` is what was said when it was cancelled, None where nothing was."""

    code = "execution_cancelled"

    def __init__(
        self,
        message: str,
        *,
        reason: str | None = None,
        index: int | None = None,
        where: str | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message, index=index, where=where, hint=hint)
        self.reason = reason


class ExecutionExpired(StookError):
    """It was not started in time."""

    code = "execution_expired"


class ResultTimeout(StookError, TimeoutError):
    """It has not ended in the time it was waited for."""

    code = "result_timeout"


class SecretUnreadable(StookError):
    code = "secret_unreadable"


class LeaseLost(StookError):
    """The worker no longer holds what it wants to settle, or to write for: somebody else runs it."""

    code = "lease_lost"
