"""API keys: made, shown once, rotated, revoked, and found again by whoever brings the secret."""

from __future__ import annotations

import asyncio
import contextlib
import math
import secrets
from typing import TYPE_CHECKING, Final

import msgspec

from stook.core.errors import OptionError, StoreError
from stook.core.scopes import check_scopes
from stook.core.secret_text import CHOSEN_ID, check_chosen, digest_of, id_in, secret_text
from stook.engine.listening import listening
from stook.engine.names import check_name
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

    from stook.store.port import Store

__all__ = ["KeyView", "Keys"]

CACHED: Final = 1.0
"""Seconds for which a key that was found is not read again."""
TOUCHED: Final = 60_000_000
"""Microseconds between two notes of a key's last use."""
FIRST_PROJECT: Final = "default"
_MOST_CACHED: Final = 10_000
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
        self._found: dict[str, _Found] = {}
        self._listener: asyncio.Task[None] | None = None
        self._touching: set[asyncio.Task[None]] = set()

    async def create(self, project: str, name: str, scopes: Sequence[str]) -> tuple[KeyView, str]:
        """The key, and its secret: it is nowhere written down, and never shown again."""
        check_name("project", project)
        check_name("name", name)
        key_id, allowed = secrets.token_hex(8), check_scopes(scopes)
        text = _new_text(key_id)
        row = await self._store.write(create_key, key_id, project, name, allowed, digest_of(text))
        return _view(row), text

    async def list(self, project: str) -> Sequence[KeyView]:
        """Revoked ones too, the oldest first."""
        return [_view(row) for row in await self._store.read(list_keys, project)]

    async def revoke(self, project: str, key_id: str) -> KeyView:
        """It opens nothing any more. Twice is once; `NotFound` for a key of another project."""
        row = await self._store.write(revoke_key, project, key_id)
        self._found.clear()
        return _view(row)

    async def rotate(self, project: str, key_id: str, overlap: float = 0) -> tuple[KeyView, str]:
        """A new secret under the same id; the one it had is good for `overlap` more seconds, any earlier one no more.
        `Conflict` for a revoked key."""
        if isinstance(overlap, bool) or not math.isfinite(overlap) or not 0 <= overlap <= _LONGEST_OVERLAP:
            raise OptionError(f"overlap={overlap!r} is not a number of seconds from 0 to {_LONGEST_OVERLAP:.0f}")
        text = _new_text(key_id)
        row = await self._store.write(rotate_key, project, key_id, digest_of(text), round(overlap * 1_000_000))
        self._found.clear()
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
        found = self._found.get(key_id) or await self._read(key_id)
        if found is None:
            return None
        now = round(asyncio.get_running_loop().time() * 1_000_000 + found.ahead)
        if not found.row.is_opened_by(digest, now):
            return None
        self._touch(found, now)
        return _view(found.row)

    async def close(self) -> None:
        """Notes of last use that are under way are written."""
        if self._listener is not None:
            self._listener.cancel()
            await asyncio.gather(self._listener, return_exceptions=True)
            self._listener = None
        await asyncio.gather(*self._touching, return_exceptions=True)
        self._found.clear()

    async def _read(self, key_id: str) -> _Found | None:
        """Listening begins before the look, so that nothing revoked meanwhile is kept."""
        if self._listener is None or self._listener.done():
            self._listener = asyncio.create_task(self._listen(), name="stook-keys")
            await asyncio.sleep(0)
        listener = self._listener
        answer = await self._store.read(find_key, key_id)
        if answer is None:
            return None
        row, now = answer
        found = _Found(row, now - asyncio.get_running_loop().time() * 1_000_000)
        if not listener.done() and len(self._found) < _MOST_CACHED:
            self._found[key_id] = found
        return found

    async def _listen(self) -> None:
        """What is found while this runs is kept until it ends: after a second, or when keys change."""
        try:
            async with listening(self._store, "keys", timeout=CACHED) as heard:
                await heard
        except StoreError:
            pass
        finally:
            self._found.clear()

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
