"""Keys that a host gave to hosted code go when it does: it revokes them itself, unless it was killed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stook.engine import process
from stook.store.script.hosted_keys import orphaned_keys
from stook.store.script.key import revoke_key

if TYPE_CHECKING:
    from stook.store.port import Store

__all__ = ["revoke_orphans"]


async def revoke_orphans(store: Store) -> int:
    """How many it were. A host of this machine is gone when its process is; one of another is so after two minutes
    without a sign of life. Several at once do no harm."""
    here = process.host()

    def ended(host: str, mark: str) -> bool:
        return host == here and not process.is_alive(mark)

    keys = await store.read(orphaned_keys, ended)
    for project, key_id in keys:
        await store.write(revoke_key, project, key_id)
    return len(keys)
