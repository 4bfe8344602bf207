"""API keys: made, shown once, rotated, revoked, and found again by whoever brings the secret."""

from __future__ import annotations

import asyncio
import contextlib
import math
import secrets
from functools import partial
from typing import TYPE_CHECKING, Final

import msgspec

from stook.core.errors import OptionError, StoreError
from stook.core.scopes import check_scopes
from stook.core.secret_text import CHOSEN_ID, check_chosen, digest_of, id_in, secret_text
from stook.engine.kept import Kept
from stook.engine.names import check_name, check_project
from stook.engine.recording import write_recorded
from stook.store.script.key import (
    KeyRow,
    create_first_key,
    create_key,
    find_key,
    list_keys,
    revoke_key,
    rotate_key,
    touch_key,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stook.engine.recording import Recording
    from stook.store.port import Store

__all__ = ["KeyView", "Keys"]

CACHED: Final = 1.0
"""Seconds for which a key that was found is not read again."""
TOUCHED: Final = 60_000_000
"""Microseconds between two notes of a key's last use."""
FIRST_PROJECT: Final = "default"
_LONGEST_OVERLAP: Final = 366 * 86400.0


class KeyView(msgspec.Struct, frozen=True):
    """Microseconds since the epoch. `last_used_at` is a minute behind at most."""

    id: str
    project: str
    name: str
    scopes: tuple[str, ...]
    created_at: int
    revoked_at: int | None
    last_used_at: int | None


class _Found(msgspec.Struct, gc=False):
    row: KeyRow
    ahead: float
    """The store's clock minus the loop's, in microseconds."""


class Keys:
    """What is found is kept for at most a second, and dropped at once when keys change in this process; what other
    processes change is heard of within that second. Use it on one loop, `close` it there."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._found: Kept[str, _Found] = Kept(store, "keys", self._read, seconds=CACHED)
        self._touching: set[asyncio.Task[None]] = set()

    async def create(
        self, project: str, name: str, scopes: Sequence[str], *, by: Recording | None = None
    ) -> tuple[KeyView, str]:
        """The key, and its secret: it is nowhere written down, and never shown again. What is done `by` somebody is
        recorded with it."""
        check_project(project)
        check_name("name", name)
        key_id, allowed = secrets.token_hex(8), check_scopes(scopes)
        text = _new_text(key_id)
        act = partial(create_key, key_id, project, name, allowed, digest_of(text))
        row = await write_recorded(self._store, by, act, affected=_one, scope=lambda made: _named(made, by))
        return _view(row), text

    async def list(self, project: str) -> Sequence[KeyView]:
        """Revoked ones too, the oldest first."""
        return [_view(row) for row in await self._store.read(list_keys, project)]

    async def revoke(self, project: str, key_id: str, *, by: Recording | None = None) -> KeyView:
        """It opens nothing any more. Twice is once; `NotFound` for a key of another project."""
        row = await write_recorded(self._store, by, partial(revoke_key, project, key_id), affected=_one)
        self._found.forget()
        return _view(row)

    async def rotate(
        self, project: str, key_id: str, overlap: float = 0, *, by: Recording | None = None
    ) -> tuple[KeyView, str]:
        """A new secret under the same id; the one it had is good for `overlap` more seconds, any earlier one no more.
        `Conflict` for a revoked key."""
        if isinstance(overlap, bool) or not math.isfinite(overlap) or not 0 <= overlap <= _LONGEST_OVERLAP:
            raise OptionError(f"overlap={overlap!r} is not a number of seconds from 0 to {_LONGEST_OVERLAP:.0f}")
        text = _new_text(key_id)
        act = partial(rotate_key, project, key_id, digest_of(text), round(overlap * 1_000_000))
        row = await write_recorded(self._store, by, act, affected=_one)
        self._found.forget()
        return _view(row), text

    async def ensure_first(self, secret: str | None) -> str | None:
        """The secret of the first admin key of the project `default`, made now; `secret` presets it. None where there
        is or was a key already. Any number of processes may ask at once: one of them makes it."""
        if secret is None:
            key_id = secrets.token_hex(8)
            text = _new_text(key_id)
        else:
            check_chosen(secret)
            key_id, text = id_in(secret), secret
        made = await self._store.write(create_first_key, key_id, FIRST_PROJECT, CHOSEN_ID, ("admin",), digest_of(text))
        return None if made is None else text

    async def find(self, secret_text: str) -> KeyView | None:
        """The key whose secret this is; None if there is none, or it is revoked."""
        key_id, digest = id_in(secret_text), digest_of(secret_text)
        found = await self._found.get(key_id)
        if found is None:
            return None
        now = round(asyncio.get_running_loop().time() * 1_000_000 + found.ahead)
        if not found.row.is_opened_by(digest, now):
            return None
        self._touch(found, now)
        return _view(found.row)

    async def close(self) -> None:
        """Notes of last use that are under way are written."""
        await self._found.close()
        await asyncio.gather(*self._touching, return_exceptions=True)

    async def _read(self, key_id: str) -> _Found | None:
        answer = await self._store.read(find_key, key_id)
        if answer is None:
            return None
        row, now = answer
        return _Found(row, now - asyncio.get_running_loop().time() * 1_000_000)

    def _touch(self, found: _Found, now: int) -> None:
        if found.row.last_used_at is not None and now - found.row.last_used_at < TOUCHED:
            return
        found.row.last_used_at = now
        touching = asyncio.create_task(self._note(found.row.id, now), name="stook-key-used")
        self._touching.add(touching)
        touching.add_done_callback(self._touching.discard)

    async def _note(self, key_id: str, now: int) -> None:
        with contextlib.suppress(StoreError):  # a full disk must not lock anybody out
            await self._store.write(touch_key, key_id, now, TOUCHED)


def _one(_: object) -> int:
    return 1


def _named(key: KeyRow, by: Recording | None) -> str:
    """A key of another project is named with it."""
    ours = by is None or by.note.project == key.project
    return f"key {key.id}" if ours else f"key {key.id} of project {key.project}"[:500]


def _new_text(key_id: str) -> str:
    return secret_text(key_id, secrets.token_hex(32))


def _view(row: KeyRow) -> KeyView:
    return KeyView(
        id=row.id,
        project=row.project,
        name=row.name,
        scopes=tuple(row.scopes.split()),
        created_at=row.created_at,
        revoked_at=row.revoked_at,
        last_used_at=row.last_used_at,
    )
