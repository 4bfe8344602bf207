"""What an open store says of itself, for `stook doctor`."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from stook.store.script.clock import read_clock

if TYPE_CHECKING:
    from stook.wiring.session import Session

__all__ = ["StoreFacts", "read_store_facts", "store_files"]

_REMOTE: Final = frozenset(
    {
        "9p",
        "afs",
        "ceph",
        "cifs",
        "fuse.glusterfs",
        "fuse.s3fs",
        "fuse.sshfs",
        "gfs2",
        "glusterfs",
        "lustre",
        "nfs",
        "nfs4",
    }
    | {"ocfs2", "smb3", "smbfs", "virtiofs"}
)


class StoreFacts(msgspec.Struct, kw_only=True):
    """`place` holds no password. Bytes; `free` is of the disk the store is on, where that is this machine's. `network`
    names a file system that SQLite's locks do not work on."""

    kind: str
    place: str
    version: str
    schema: int
    size: int
    settings: dict[str, str]
    clock: int
    free: int | None = None
    network: str | None = None


async def read_store_facts(session: Session) -> StoreFacts:
    """`StoreError` if it cannot be read."""
    clock = await session.store.read(read_clock)
    if _is_sqlite(session.store.url):
        return _of_sqlite(session.store.url, session.settings.synchronous, clock)
    return await _of_postgres(session.store.url, clock)


def store_files(url: str) -> list[Path]:
    """The files and the folder that an embedded store consists of, whether they are there or not."""
    from stook.store.sqlite.driver import path_of  # noqa: PLC0415 - one driver is loaded, not both

    if not _is_sqlite(url):
        return []
    path = Path(path_of(url)).resolve()
    return [path.with_name(path.name + ending) for ending in ("", "-wal", "-shm", "-journal", ".blobs")]


def _is_sqlite(url: str) -> bool:
    return not url.lower().startswith(("postgresql:", "postgres:"))


def _of_sqlite(url: str, synchronous: str, clock: int) -> StoreFacts:
    from stook.store.sqlite.connect import connect  # noqa: PLC0415 - one driver is loaded, not both
    from stook.store.sqlite.driver import path_of  # noqa: PLC0415

    path = Path(path_of(url)).resolve()
    with contextlib.closing(connect(str(path), read_only=True)) as connection:
        schema, journal = (
            connection.execute(f"pragma {name}").fetchone()[0] for name in ("user_version", "journal_mode")
        )
    parts = (path, path.with_name(f"{path.name}-wal"))
    return StoreFacts(
        kind="SQLite",
        place=str(path),
        version=sqlite3.sqlite_version,
        schema=schema,
        size=sum(part.stat().st_size for part in parts if part.exists()),
        settings={"journal_mode": journal, "synchronous": synchronous},
        clock=clock,
        free=shutil.disk_usage(path.parent).free,
        network=_network(path),
    )


def _network(path: Path) -> str | None:
    """The kind of the file system that `path` is on, if it is one over a network."""
    try:
        lines = Path("/proc/self/mounts").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    mounts = [line.split(" ")[1:3] for line in lines]
    around = [(len(folder), kind) for folder, kind in mounts if path.is_relative_to(folder.replace("\\040", " "))]
    kind = max(around, default=(0, ""))[1]
    return kind if kind in _REMOTE else None


async def _of_postgres(url: str, clock: int) -> StoreFacts:
    from stook.store.postgres.connect import connect, place_of  # noqa: PLC0415 - one driver is loaded, not both

    connection = await connect(url, "stook", timeout=10, warm=False)
    try:
        names = ("server_version", "synchronous_commit", "max_connections", "TimeZone")
        found = {name: str(await connection.fetchval("select current_setting($1)", name)) for name in names}
        schema = await connection.fetchval("select max(number) from migration")
        size = await connection.fetchval(
            "select coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint from pg_class c"
            " where c.relnamespace = 'stook'::regnamespace and c.relkind = 'r'"
        )
    finally:
        await connection.close()
    return StoreFacts(
        kind="PostgreSQL",
        place=place_of(url),
        version=found.pop("server_version"),
        schema=schema,
        size=size,
        settings=found,
        clock=clock,
    )
