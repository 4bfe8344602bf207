"""Whether the environment that the host itself runs in has all that an app asks for."""

from __future__ import annotations

import importlib.metadata
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = ["are_met", "python_fits"]


def are_met(requirements: Sequence[str], locked: Mapping[str, str] | None = None) -> bool:
    """With all that those need in turn. `locked`: versions by name that are the only ones that will do. False also
    where nobody here can read requirements (`packaging` is not installed)."""
    packaging = _packaging()
    if packaging is None:
        return False
    try:
        return all(_is_met(packaging, text, (), locked or {}, set()) for text in requirements)
    except (packaging.requirements.InvalidRequirement, packaging.version.InvalidVersion):
        return False


def python_fits(asked: str | None, version: str) -> bool:
    """`asked` as in `requires-python`; what cannot be read asks for nothing."""
    packaging = _packaging()
    if asked is None or packaging is None:
        return True
    try:
        return bool(packaging.specifiers.SpecifierSet(asked).contains(version, prereleases=True))
    except packaging.specifiers.InvalidSpecifier:
        return True


def _packaging() -> Any:
    try:
        import packaging.requirements  # noqa: PLC0415 -- may be missing
        import packaging.specifiers  # noqa: PLC0415
        import packaging.utils  # noqa: PLC0415
        import packaging.version  # noqa: PLC0415
    except ImportError:
        return None
    return packaging


def _is_met(
    packaging: Any, text: str, extras: Iterable[str], locked: Mapping[str, str], seen: set[tuple[str, frozenset[str]]]
) -> bool:
    asked = packaging.requirements.Requirement(text)
    if asked.marker is not None and not any(asked.marker.evaluate({"extra": extra}) for extra in (*extras, "")):
        return True
    if asked.url is not None:
        return False
    name = packaging.utils.canonicalize_name(asked.name)
    mark = (name, frozenset(asked.extras))
    if mark in seen:
        return True
    seen.add(mark)
    try:
        found = importlib.metadata.distribution(asked.name)
    except importlib.metadata.PackageNotFoundError:
        return False
    if not asked.specifier.contains(found.version, prereleases=True):
        return False
    if name in locked and packaging.version.Version(locked[name]) != packaging.version.Version(found.version):
        return False
    return all(_is_met(packaging, one, asked.extras, {}, seen) for one in found.requires or ())
