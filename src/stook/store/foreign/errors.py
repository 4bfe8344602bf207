"""What the errors of a caller's connection mean, whichever library raises them: the server's code says it."""

from __future__ import annotations

from typing import Any, Final

from stook.core.errors import NotInstalled, StookError, StoreError, StoreFull, StoreReadOnly, StoreUnavailable

__all__ = ["FAILED", "TAKEN", "sqlstate_of", "translate"]

TAKEN: Final = "23505"
FAILED: Final = "25P02"
_AGAIN: Final = {"40001", "40P01", "55P03"}
_MISSING: Final = {"42P01", "42703", "3F000"}
_LIBRARIES: Final = ("psycopg", "asyncpg", "sqlalchemy", "aiosqlite")


def sqlstate_of(error: BaseException) -> str | None:
    found: Any = getattr(error, "sqlstate", None)
    return found if isinstance(found, str) else None


def translate(error: BaseException, place: str) -> StookError | None:
    """One line for people; None for what is no error of the database or its library."""
    code, words = sqlstate_of(error), " ".join(str(error).split())
    if code is None:
        if type(error).__module__.partition(".")[0] not in _LIBRARIES:
            return None
        return StoreUnavailable(f"{place}: {words or type(error).__name__}", hint="look at the connection")
    if code == FAILED:
        return StoreError(f"{place}: the transaction has failed before", hint="roll it back, then call again")
    if code in _MISSING:
        return NotInstalled(f"{place}: {words}", hint="install stook's schema there: await app.ensure_installed()")
    if code == "42501":
        return StoreError(f"{place}: {words}", hint="let the schema's owner grant this role its rights")
    if code == "25006":
        return StoreReadOnly(f"{place}: the transaction is read-only")
    if code == "53100":
        return StoreFull(f"{place}: no room left on the disk of the server")
    if code in _AGAIN or code == TAKEN:
        return StoreUnavailable(f"{place}: another transaction was in the way: {words}", hint="run yours again")
    if code[:2] in ("08", "57", "53"):
        return StoreUnavailable(f"{place}: {words}", hint="look at the server, then try again")
    return StoreError(f"{place}: {words}")
