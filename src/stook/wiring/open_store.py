"""From a URL to a store: the only place that names a database."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from stook.core.errors import ConfigError, NotInstalled
from stook.core.shown_url import shown_url
from stook.engine.blobs import Blobs
from stook.store.blob_folder import BlobFolder
from stook.store.blob_rows import BlobRows
from stook.store.migrations import migrations

if TYPE_CHECKING:
    from collections.abc import Callable

    from stook.config.settings import Settings
    from stook.engine.blobs import BlobStore
    from stook.store.port import Store

__all__ = ["known_schema", "open_store"]


async def open_store(
    settings: Settings,
    *,
    clock: Callable[[], int] | None = None,
    create: bool = True,
    patience: float | None = None,
) -> tuple[Store, Blobs]:
    """The store of `settings.url`, its schema up to date, and where its large bodies lie. With `create=False` a SQLite
    file that is not there is `NotInstalled`. A database server that is away is waited for `patience` seconds (default:
    30), then it is `StoreUnavailable`. `clock` is for tests."""
    scheme = _scheme(settings.url)
    store: Store
    blobs: BlobStore
    match scheme:
        case "" | "sqlite":
            from stook.store.sqlite.driver import SqliteStore, path_of  # noqa: PLC0415 - one driver is loaded, not both

            # As it is now: the folder may be another one when the next connection is made.
            path = Path(path_of(settings.url)).absolute()  # noqa: ASYNC240 - asks for the name of a folder
            if not create and not path.exists():
                place = shown_url(str(path))  # which was to be a server's address, perhaps
                raise NotInstalled(f"there is no store at {place}", hint="`stook run` makes one; --store names another")
            store = SqliteStore(f"sqlite:///{path}", clock=clock, synchronous=settings.synchronous)
            blobs = BlobFolder(f"{path}.blobs")
        case "postgresql" | "postgres":
            from stook.store.postgres.driver import PostgresStore  # noqa: PLC0415 - its library is an extra

            store = await PostgresStore.open(settings.url, clock=clock, patience=patience)
            blobs = BlobRows(store)
        case _:
            raise ConfigError(
                f"{scheme!r} is no kind of store stook knows",
                hint="like sqlite:///stook.db or postgresql://user@host/database",
            )
    return store, Blobs(blobs, inline=settings.inline_bytes, most=settings.max_payload_bytes)


def known_schema(url: str) -> int:
    """The newest migration of the store's kind that this program knows."""
    driver = "sqlite" if _scheme(url) in ("", "sqlite") else "postgres"
    return migrations(f"stook.store.{driver}")[-1].number


def _scheme(url: str) -> str:
    """What stands before the first colon; nothing for a path, whose first part may be one letter and a colon."""
    found = re.match(r"([a-z][a-z0-9+.-]+):", url, re.IGNORECASE)
    return "" if found is None else found[1].lower()
