"""asyncpg, or one line that says how to get it."""

from __future__ import annotations

from stook.core.errors import MissingExtra

__all__ = ["asyncpg"]

try:
    import asyncpg
except ModuleNotFoundError as error:
    if error.name != "asyncpg":
        raise
    raise MissingExtra("PostgreSQL needs the package asyncpg", hint="pip install 'stook[postgres]'") from None
