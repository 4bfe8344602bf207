"""Every error stook raises on purpose, as one drawn tree. Each class has a stable `code`.

StookError
├── ConfigError            a setting, option or definition that cannot work
│   ├── MissingExtra       needs an optional package
│   ├── NotInstalled       the store has no schema yet
│   └── SchemaTooNew       the store was written by a newer stook
├── InputError             what was given to run is unreadable or wrong
│   ├── PayloadError       one item's payload or result
│   │   └── PayloadTooLarge
│   ├── OptionError        an option's value
│   ├── BlockedAddress     a URL that stook may not call
│   └── DuplicateKeys      the same caller's key twice in one batch
├── NotFound               no such batch, execution, task
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

from typing import ClassVar

__all__ = [
    "BlockedAddress",
    "ConfigError",
    "Conflict",
    "DuplicateKeys",
    "ExecutionCancelled",
    "ExecutionExpired",
    "ExecutionFailed",
    "InputError",
    "KeyConflict",
    "LeaseLost",
    "MissingExtra",
    "NoEncryptionKey",
    "NotFound",
    "NotInstalled",
    "OptionError",
    "PayloadError",
    "PayloadTooLarge",
    "QuotaExceeded",
    "ResultTimeout",
    "SchemaTooNew",
    "SecretUnreadable",
    "StookError",
    "StoreError",
    "StoreFull",
    "StoreReadOnly",
    "StoreUnavailable",
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
    code = "config_error"


class MissingExtra(ConfigError):
    code = "missing_extra"


class NotInstalled(ConfigError):
    code = "not_installed"


class SchemaTooNew(ConfigError):
    code = "schema_too_new"


class InputError(StookError, ValueError):
    code = "input_error"


class PayloadError(InputError):
    code = "payload_error"


class PayloadTooLarge(PayloadError):
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


class OptionError(InputError):
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


class NotFound(StookError):
    code = "not_found"


class Conflict(StookError):
    code = "conflict"


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
    code = "execution_failed"


class ExecutionCancelled(StookError):
    code = "execution_cancelled"


class ExecutionExpired(StookError):
    code = "execution_expired"


class ResultTimeout(StookError, TimeoutError):
    code = "result_timeout"


class SecretUnreadable(StookError):
    code = "secret_unreadable"


class LeaseLost(StookError):
    code = "lease_lost"
