"""Who asks, and whether they may."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from stook.server.refusal import Refusal

if TYPE_CHECKING:
    from stook.engine.keys import Keys, KeyView
    from stook.wire.key import Scope

__all__ = ["find_caller", "may"]

_LONGEST: Final = 200
_CHALLENGE: Final = {"www-authenticate": 'Bearer realm="stook"'}


async def find_caller(keys: Keys, header: str | None) -> KeyView:
    """401 without a key that is valid now."""
    if not header:
        raise Refusal(
            401,
            "unauthorized",
            "a key is needed",
            hint="send the header Authorization: Bearer stk_…",
            headers=dict(_CHALLENGE),
        )
    scheme, _, secret = header.partition(" ")
    secret = secret.strip()
    found = None
    if scheme.lower() == "bearer" and 0 < len(secret) <= _LONGEST and secret.isascii():
        found = await keys.find(secret)
    if found is None:
        raise Refusal(
            401,
            "unauthorized",
            "this key is not valid (any more)",
            hint="`Bearer stk_<id>_<secret>`, as it was shown when it was made",
            headers=dict(_CHALLENGE),
        )
    return found


def may(key: KeyView, scope: Scope) -> None:
    """403 that names what is missing. `admin` includes all."""
    if scope not in key.scopes and "admin" not in key.scopes:
        raise Refusal(
            403,
            "forbidden",
            f"key {key.id} lacks the scope {scope!r}",
            hint=f"it has {', '.join(sorted(key.scopes)) or 'none'}; ask for a key with {scope}",
        )
