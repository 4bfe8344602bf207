"""API keys: their secrets are known by digest alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from stook.core.errors import Conflict, NotFound
from stook.core.secret_text import is_secret
from stook.store.statement import All, Each, Many, Notify, Now, Run

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stook.store.statement import Row, Script

__all__ = ["KeyRow", "create_first_key", "create_key", "find_key", "list_keys", "revoke_key", "rotate_key", "touch_key"]

_FIRST = "first key"


class KeyRow(msgspec.Struct):
    """Columns of `find_key.sql` and `lock_key.sql`."""

    id: str
    project: str
    name: str
    scopes: str
    digest: bytes
    old_digest: bytes | None
    old_until: int | None
    created_at: int
    revoked_at: int | None
    last_used_at: int | None

    def is_opened_by(self, digest: bytes, now: int) -> bool:
        opened = is_secret(digest, self.digest, self.old_digest, self.old_until, now)
        return opened and self.revoked_at is None


def create_key(key_id: str, project: str, name: str, scopes: Sequence[str], digest: bytes) -> Script[KeyRow]:
    now: int = yield Now()
    words = " ".join(scopes)
    yield Many("insert_key", [(key_id, project, name, words, digest, now)])
    yield Notify(("keys",))
    return KeyRow(key_id, project, name, words, digest, None, None, now, None, None)


def create_first_key(
    key_id: str, project: str, name: str, scopes: Sequence[str], digest: bytes
) -> Script[KeyRow | None]:
    """None where the project has a key, or had one: of any number who ask, one gets a key."""
    there: list[Row] = yield All("any_key", (project,))
    if there:
        return None
    won: list[Row] = yield Each("claim_mark", [(f"{_FIRST} of {project}", key_id)])
    if not won:
        return None
    return (yield from create_key(key_id, project, name, scopes, digest))


def find_key(key_id: str) -> Script[tuple[KeyRow, int] | None]:
    """And the store's time."""
    rows: list[Row] = yield All("find_key", (key_id,))
    if not rows:
        return None
    now: int = yield Now()
    return KeyRow(*rows[0]), now


def list_keys(project: str) -> Script[list[KeyRow]]:
    rows: list[Row] = yield All("list_keys", (project,))
    return [KeyRow(*row) for row in rows]


def revoke_key(project: str, key_id: str) -> Script[KeyRow]:
    """Twice is once."""
    key = yield from _lock(project, key_id)
    now: int = yield Now()
    if key.revoked_at is None:
        key.revoked_at, key.old_digest, key.old_until = now, None, None
        yield from _save(key)
    return key


def rotate_key(project: str, key_id: str, digest: bytes, overlap: int) -> Script[KeyRow]:
    """The secret before is good for `overlap` more microseconds, the one before that no more. A revoked key is a
    `Conflict`."""
    key = yield from _lock(project, key_id)
    now: int = yield Now()
    if key.revoked_at is not None:
        raise Conflict(f"key {key_id} is revoked", hint="create a new one")
    key.old_digest, key.old_until = (key.digest, now + overlap) if overlap else (None, None)
    key.digest = digest
    yield from _save(key)
    return key


def touch_key(key_id: str, now: int, between: int) -> Script[int]:
    """Notes that it was used, unless that was noted less than `between` microseconds before."""
    changed: int = yield Run("touch_key", (key_id, now, now - between))
    return changed


def _lock(project: str, key_id: str) -> Script[KeyRow]:
    rows: list[Row] = yield All("lock_key", (key_id, project))
    if not rows:
        raise NotFound(f"no such key: {key_id}", hint="ids are listed with the project's keys")
    return KeyRow(*rows[0])


def _save(key: KeyRow) -> Script[None]:
    yield Many("update_key", [(key.id, key.digest, key.old_digest, key.old_until, key.revoked_at)])
    yield Notify(("keys",))
