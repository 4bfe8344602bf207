"""What an API key allows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from stook.core.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["SCOPES", "allows", "check_scopes"]

SCOPES: Final = ("read", "submit", "operate", "worker", "admin")


def check_scopes(scopes: Iterable[str]) -> tuple[str, ...]:
    """Each once, in the order of `SCOPES`. `OptionError` names what is none."""
    if isinstance(scopes, str):
        raise OptionError(f"scopes={scopes!r} is text, not a list of scopes", hint=f"like [{scopes!r}]")
    given = list(scopes)
    for one in given:
        if one not in SCOPES:
            raise OptionError(f"{one!r} is no scope", hint=f"there are {', '.join(SCOPES)}")
    if not given:
        raise OptionError("a key without scopes opens nothing", hint=f"there are {', '.join(SCOPES)}")
    return tuple(one for one in SCOPES if one in given)


def allows(scopes: Iterable[str], wanted: str) -> bool:
    """`admin` includes all."""
    held = set(scopes)
    return wanted in held or "admin" in held
