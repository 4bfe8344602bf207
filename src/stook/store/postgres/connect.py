"""Opening a connection the way stook wants it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from stook.core.errors import ConfigError
from stook.store.postgres.library import asyncpg

__all__ = ["check_schema", "connect", "place_of"]

_SETTINGS: Final = {
    "application_name": "stook",
    "client_min_messages": "error",
    # Statistics of a queue are always yesterday's: a plan made while a table was empty must not read it whole an hour
    # later. Every statement has its index; these make sure that it is used, in its order, and planned
    # once per connection.
    "plan_cache_mode": "force_generic_plan",
    "enable_seqscan": "off",
    "enable_bitmapscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "jit": "off",
    # Verbs are written for this one; a server's own default may be another.
    "default_transaction_isolation": "read committed",
    "lock_timeout": "0",
    # Arrays of payloads become rows in memory, not in a temporary file.
    "work_mem": "32MB",
    # A program that was stopped in the middle of a verb must not hold its locks for long.
    "idle_in_transaction_session_timeout": "30s",
    "statement_timeout": "0",
    "tcp_keepalives_idle": "30",
    "tcp_keepalives_interval": "10",
    "tcp_keepalives_count": "3",
}
_CONNECT_SECONDS: Final = 10.0
_FILES: Final = ("sslcert", "sslkey", "sslrootcert", "sslcrl")
_SCHEMA: Final = re.compile(r"[a-z_][a-z0-9_]{0,49}")
# The first use of an array type on a connection asks the server about it; once for all is quicker.
_ARRAYS: Final = "select $1::bytea[], $2::text[], $3::integer[], $4::bigint[], $5::double precision[]"


def check_schema(schema: str) -> None:
    """Its name goes into statements and channels as it is."""
    if not _SCHEMA.fullmatch(schema):
        raise ConfigError(
            f"schema {schema!r} is no name for a schema", hint="lower-case letters, digits and _, at most 50 of them"
        )


def place_of(url: str) -> str:
    """Where `url` leads, for messages: without user and password."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "a local socket", parts.port
    except ValueError:
        return "PostgreSQL"
    where = host if port is None else f"{host}:{port}"
    return f"PostgreSQL at {where}, database {parts.path.removeprefix('/') or '(default)'}"


async def connect(url: str, schema: str, *, timeout: float | None, warm: bool = True, **settings: str) -> Any:
    """A connection that finds the schema's tables by their bare names. A statement that takes longer than `timeout`
    seconds is given up. Raises what the network or asyncpg raise: `translate` knows what they mean."""
    try:
        _check_port(url)
        connection = await asyncpg.connect(
            url,
            timeout=_CONNECT_SECONDS,
            command_timeout=timeout,
            statement_cache_size=1000,
            max_cached_statement_lifetime=0,
            max_cacheable_statement_size=0,
            server_settings={**_SETTINGS, "search_path": f'"{schema}"', **settings},
        )
    except ValueError as error:
        raise ConfigError(
            f"not a PostgreSQL URL: {_reason(url, error)}", hint="like postgresql://user:password@host/database"
        ) from None
    except FileNotFoundError:
        _check_files(url)
        raise
    if warm:
        try:
            await connection.prepare(_ARRAYS)
        except BaseException:  # whoever is cancelled here has no other hold on it, and its loop could not close
            connection.terminate()
            raise
    return connection


def _check_port(url: str) -> None:
    """Some event loops take it modulo 65,536. What else is no port is the library's to say: it knows lists of hosts."""
    for place in urlsplit(url).netloc.rpartition("@")[2].split(","):
        port = place.rpartition(":")[2]
        if port.isdecimal() and int(port) >= 1 << 16:
            raise ValueError(f"there is no port {port}")


def _reason(url: str, error: ValueError) -> str:
    """Whoever reads a URL to the first `/` takes the password before it for a port, and says it."""
    credentials, at, _ = url.partition("//")[2].rpartition("@")
    if at and any(mark in credentials for mark in "/?#["):
        return "/, ?, # and [ in a user or a password are written %2F, %3F, %23 and %5B"
    return str(error)


def _check_files(url: str) -> None:
    """The socket of a server that is away is not found either, and the error names neither."""
    for name, value in parse_qsl(urlsplit(url).query):
        if name in _FILES and not Path(value).is_file():
            raise ConfigError(f"{place_of(url)}: {name}={value} is no file", hint="correct it in the URL") from None
