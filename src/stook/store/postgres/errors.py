"""What PostgreSQL's errors mean: to the driver (run it again?) and to people."""

from __future__ import annotations

from enum import Enum
from typing import Final, NamedTuple

from stook.core.errors import (
    NotInstalled,
    StookError,
    StoreError,
    StoreFull,
    StoreReadOnly,
    StoreUnavailable,
)
from stook.store.postgres.library import asyncpg
from stook.store.statement import LookAgain

__all__ = ["Cause", "cause_of", "translate"]


class Cause(Enum):
    """Why a verb may be run again."""

    lost = "lost"
    """The connection, or it never came about: the server restarts, is full, or is elsewhere now."""
    clash = "clash"
    """Two transactions in each other's way; this one was rolled back."""
    taken = "taken"
    """Somebody committed the same key a moment earlier: the verb will find it and answer accordingly."""
    text = "text"
    """A word that no text column can hold (NUL, half a surrogate pair)."""


_LOST: Final = (
    OSError,  # TimeoutError among them
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.IdleSessionTimeoutError,
    asyncpg.TooManyConnectionsError,
    asyncpg.InternalClientError,  # the server's last words came between two of ours
)
_CLASH: Final = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError, asyncpg.InvalidCachedStatementError)
_OF_ASYNCPG: Final = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)


def cause_of(error: BaseException) -> Cause | None:
    if isinstance(error, asyncpg.ProtocolViolationError):
        return None  # no PostgreSQL at the other end, or a pooler that wants other words
    if isinstance(error, _LOST) or _is_cut_off(error):
        return Cause.lost
    if isinstance(error, (*_CLASH, LookAgain)):
        return Cause.clash
    if isinstance(error, asyncpg.UniqueViolationError):
        return Cause.taken
    if isinstance(error, asyncpg.CharacterNotInRepertoireError) or (
        isinstance(error, asyncpg.DataError) and isinstance(error.__cause__, UnicodeEncodeError)
    ):
        return Cause.text
    return None


class _Meaning(NamedTuple):
    kind: type[StookError]
    message: str
    hint: str


_MEANINGS: Final[dict[type[Exception], _Meaning]] = {
    asyncpg.InvalidPasswordError: _Meaning(
        StoreUnavailable, "{where} refuses the password", "check user and password in the URL"
    ),
    asyncpg.InvalidAuthorizationSpecificationError: _Meaning(
        StoreUnavailable, "{where} refuses the user: {error}", "check the URL, and the server's pg_hba.conf"
    ),
    asyncpg.InvalidCatalogNameError: _Meaning(
        StoreUnavailable, "{where}: {error}", "create the database, or name another in the URL"
    ),
    asyncpg.TooManyConnectionsError: _Meaning(
        StoreUnavailable, "{where} has no connection left", "raise its max_connections, or run fewer programs"
    ),
    asyncpg.CannotConnectNowError: _Meaning(
        StoreUnavailable, "{where} is starting up or shutting down", "try again in a moment"
    ),
    asyncpg.ProtocolViolationError: _Meaning(
        StoreUnavailable, "{where}: {error}", "connect to the server itself: a pooler must pool sessions"
    ),
    asyncpg.OutOfMemoryError: _Meaning(
        StoreUnavailable, "{where} has no memory left: {error}", "give it more, or run fewer programs"
    ),
    asyncpg.DiskFullError: _Meaning(
        StoreFull,
        "no room left on the disk of {where}",
        "free some space; nothing was half-written, run the same again",
    ),
    asyncpg.ReadOnlySQLTransactionError: _Meaning(
        StoreReadOnly, "{where} takes no writes", "name the primary server in the URL, not a standby"
    ),
    asyncpg.InsufficientPrivilegeError: _Meaning(
        StoreError, "{where}: {error}", "let the schema's owner grant this role its rights"
    ),
    asyncpg.QueryCanceledError: _Meaning(StoreUnavailable, "{where} cancelled a statement: {error}", "try again"),
    asyncpg.UndefinedTableError: _Meaning(
        NotInstalled, "{where}: {error}", "open the store again: that installs its schema"
    ),
    ConnectionRefusedError: _Meaning(StoreUnavailable, "no server answers for {where}", "start it, or check the URL"),
    FileNotFoundError: _Meaning(StoreUnavailable, "no server answers for {where}", "start it, or check the URL"),
    TimeoutError: _Meaning(StoreUnavailable, "{where} does not answer", "check the network, then try again"),
    OSError: _Meaning(StoreUnavailable, "cannot reach {where}: {error}", "check the URL and the network"),
}


def _is_cut_off(error: BaseException) -> bool:
    """There is one class for a connection that is gone or out of step and for being used wrongly."""
    return isinstance(error, asyncpg.InterfaceError) and any(word in str(error) for word in ("closed", "in progress"))


def translate(error: Exception, where: str, statement: str | None = None) -> StookError | None:
    """One line for people; None for what is no error of the database. `where` names it without its password."""
    words = " ".join(str(error).split())
    for kind in type(error).__mro__:
        meaning = _MEANINGS.get(kind)
        if meaning is not None:
            return meaning.kind(meaning.message.format(where=where, error=words), hint=meaning.hint)
    cause = cause_of(error)
    if cause is Cause.clash:
        return StoreUnavailable(f"{where}: other transactions were in the way: {words}", hint="try again")
    if cause is Cause.lost:
        return StoreUnavailable(f"lost the connection to {where}", hint="check the server, then try again")
    if isinstance(error, _OF_ASYNCPG):
        at = "" if statement is None else f" (statement {statement})"
        return StoreError(f"{where}: {words}{at}")
    return None
