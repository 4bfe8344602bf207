"""What PostgreSQL's errors mean: to the driver (run it again?) and to people."""

from __future__ import annotations

from enum import Enum
from typing import Final

from stook.core.errors import (
    ConfigError,
    NotInstalled,
    StookError,
    StoreError,
    StoreFull,
    StoreReadOnly,
    StoreUnavailable,
)
from stook.store.postgres.library import asyncpg

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
)
_CLASH: Final = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError, asyncpg.InvalidCachedStatementError)
_NO_SCHEMA: Final = (asyncpg.UndefinedTableError, asyncpg.InvalidSchemaNameError, asyncpg.UndefinedColumnError)


def cause_of(error: BaseException) -> Cause | None:
    if isinstance(error, asyncpg.ProtocolViolationError):
        return None  # no PostgreSQL at the other end, or a pooler that wants other words
    if isinstance(error, _LOST) or (isinstance(error, asyncpg.InterfaceError) and "closed" in str(error)):
        return Cause.lost
    if isinstance(error, _CLASH):
        return Cause.clash
    if isinstance(error, asyncpg.UniqueViolationError):
        return Cause.taken
    if isinstance(error, asyncpg.CharacterNotInRepertoireError) or (
        isinstance(error, asyncpg.DataError) and isinstance(error.__cause__, UnicodeEncodeError)
    ):
        return Cause.text
    return None


def translate(error: Exception, where: str, statement: str | None = None) -> StookError | None:
    """One line for people; None for what is no error of the database. `where` names it without its password."""
    found = _of_connecting(error, where) or _of_using(error, where)
    if found is None and isinstance(error, (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)):
        at = "" if statement is None else f" (statement {statement})"
        found = StoreError(f"{where}: {' '.join(str(error).split())}{at}")
    return found


def _of_connecting(error: Exception, where: str) -> StookError | None:
    match error:
        case asyncpg.ClientConfigurationError():
            return ConfigError(f"not a PostgreSQL URL: {error}", hint="like postgresql://user:password@host/database")
        case asyncpg.InvalidPasswordError():
            return StoreUnavailable(f"{where} refuses the password", hint="check user and password in the URL")
        case asyncpg.InvalidAuthorizationSpecificationError():
            return StoreUnavailable(f"{where} refuses the user: {error}", hint="check the URL, and pg_hba.conf")
        case asyncpg.InvalidCatalogNameError():
            return StoreUnavailable(f"{where} does not exist", hint="create the database, or name another in the URL")
        case asyncpg.TooManyConnectionsError():
            return StoreUnavailable(f"{where} has no connection left", hint="raise its max_connections")
        case asyncpg.CannotConnectNowError():
            return StoreUnavailable(f"{where} is starting up or shutting down", hint="try again in a moment")
        case asyncpg.ProtocolViolationError():
            return StoreUnavailable(
                f"{where}: {error}", hint="connect to the server itself: a pooler must pool sessions, not transactions"
            )
        case TimeoutError():
            return StoreUnavailable(f"{where} does not answer", hint="check the network, then try again")
        case ConnectionRefusedError() | FileNotFoundError():
            return StoreUnavailable(f"no server answers for {where}", hint="start it, or check the URL")
        case OSError():
            return StoreUnavailable(f"cannot reach {where}: {error}", hint="check the URL and the network")
        case _:
            return None


def _of_using(error: Exception, where: str) -> StookError | None:
    match error:
        case asyncpg.DiskFullError():
            return StoreFull(
                f"no room left on the disk of {where}",
                hint="free some space; nothing was half-written, run the same again",
            )
        case asyncpg.ReadOnlySQLTransactionError():
            return StoreReadOnly(f"{where} takes no writes", hint="name the primary server in the URL, not a standby")
        case asyncpg.InsufficientPrivilegeError():
            return StoreError(f"{where}: {error}", hint="let the schema's owner grant this role its rights")
        case asyncpg.QueryCanceledError():
            return StoreUnavailable(f"{where} cancelled a statement: {error}", hint="try again")
        case _ if isinstance(error, _NO_SCHEMA):
            return NotInstalled(f"{where}: {error}", hint="restart stook: opening the store installs its schema")
        case _ if cause_of(error) is Cause.lost:
            return StoreUnavailable(f"lost the connection to {where}", hint="check the server, then try again")
        case _:
            return None
