"""`App(pool=…)`: the database that a pool of the caller's leads to.

Transactions of stook need connections with settings of their own, on a loop of their own: it opens these itself, to the
same database, and leaves the pool alone. What belongs to the caller's transaction goes by `connection=`.
"""

from __future__ import annotations

import re
from typing import Any, Final
from urllib.parse import quote, urlencode

from stook.core.errors import ConfigError

__all__ = ["pool_url"]


def pool_url(pool: Any) -> str:
    """Of a pool of asyncpg's or psycopg's, or an engine of SQLAlchemy's. `ConfigError` for anything else."""
    kind = type(pool).__module__.partition(".")[0]
    if kind == "sqlalchemy":
        return _of_engine(pool)
    if kind == "psycopg_pool":
        return _of_conninfo(pool.conninfo, dict(getattr(pool, "kwargs", None) or {}))
    if kind == "asyncpg":
        args, words = getattr(pool, "_connect_args", ()), dict(getattr(pool, "_connect_kwargs", {}))
        dsn = (args[0] if args else None) or words.get("dsn")
        if dsn:
            return str(dsn)
        return _url({"dbname": words.get("database"), **{name: words.get(name) for name in _PARTS}})
    raise ConfigError(
        f"pool={type(pool).__name__} is no pool that stook knows",
        hint="asyncpg.create_pool(…), psycopg_pool.AsyncConnectionPool(…), an engine of SQLAlchemy, or store=URL",
    )


_PARTS: Final = ("host", "port", "user", "password")
_PAIR: Final = re.compile(r"(\w+)\s*=\s*('(?:[^'\\]|\\.)*'|\S+)")


def _of_engine(engine: Any) -> str:
    url = engine.url
    backend = url.get_backend_name()
    if backend == "sqlite":
        if not url.database:
            raise ConfigError("pool= is an engine on a database in memory", hint="stook needs a file, or PostgreSQL")
        return f"sqlite:///{url.database}"
    if backend != "postgresql":
        raise ConfigError(f"pool= is an engine of {backend}", hint="stook runs on SQLite and PostgreSQL")
    return str(url.set(drivername="postgresql").render_as_string(hide_password=False))


def _of_conninfo(conninfo: str, words: dict[str, Any]) -> str:
    if "://" in conninfo:
        return conninfo
    said = {name: _bare(value) for name, value in _PAIR.findall(conninfo)}
    return _url({**said, **{name: words[name] for name in (*_PARTS, "dbname") if name in words}})


def _bare(value: str) -> str:
    return re.sub(r"\\(.)", r"\1", value[1:-1] if value.startswith("'") else value)


def _url(parts: dict[str, Any]) -> str:
    known = {name: str(value) for name, value in parts.items() if value is not None}
    login = quote(known["user"], safe="") if "user" in known else ""
    if "password" in known:
        login += f":{quote(known['password'], safe='')}"
    host, port = known.get("host", ""), known.get("port", "")
    more = {"sslmode": known["sslmode"]} if "sslmode" in known else {}
    if host.startswith("/"):  # a folder of sockets
        more, host = {"host": host, **({"port": port} if port else {}), **more}, ""
        port = ""
    place = f"{login}@" * bool(login) + host + (f":{port}" if port else "")
    query = f"?{urlencode(more)}" if more else ""
    return f"postgresql://{place}/{quote(known.get('dbname', ''), safe='')}{query}"
