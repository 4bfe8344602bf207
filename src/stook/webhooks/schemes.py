"""The schemes there are, by name.

A package adds its own by an entry point, so that every server that has the package installed knows it:

    [project.entry-points."stook.webhook_schemes"]
    github = "our_schemes:GITHUB"            # an object with `name` and `headers`: stook.webhooks.signing.Scheme

A program that runs servers itself may call `register` instead.
"""

from __future__ import annotations

import functools
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Final

from stook.core.errors import ConfigError, OptionError
from stook.webhooks.signing import StandardScheme, VellumScheme

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stook.webhooks.signing import Scheme

__all__ = ["DEFAULT", "GROUP", "check_schemes", "find_scheme", "register"]

GROUP: Final = "stook.webhook_schemes"
_registered: Final[dict[str, Scheme]] = {}


def register(scheme: Scheme) -> None:
    """`ConfigError` if another one has the name; the same one again is nothing new."""
    if _registered.setdefault(scheme.name, scheme) is not scheme:
        raise ConfigError(f"there is a webhook scheme {scheme.name!r} already", hint="give it another name")


register(StandardScheme())
register(VellumScheme())
DEFAULT: Final = tuple(_registered)


def find_scheme(name: str) -> Scheme:
    """`OptionError` names those there are."""
    found = _registered.get(name)
    if found is None:
        _load()
        found = _registered.get(name)
    if found is None:
        known = ", ".join(sorted(_registered))
        raise OptionError(f"there is no webhook scheme {name!r}", where="schemes", hint=f"there are: {known}")
    return found


def check_schemes(names: Sequence[str]) -> Sequence[str]:
    """`names`, each once, if there is one at least and each is known."""
    if not names:
        raise OptionError("no scheme would sign", where="schemes", hint="leave it out for all of stook's own")
    for name in names:
        find_scheme(name)
    return list(dict.fromkeys(names))


@functools.cache
def _load() -> None:
    for entry in entry_points(group=GROUP):
        register(entry.load())
