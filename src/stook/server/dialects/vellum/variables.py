"""The variables that a release declares: what goes in, what comes out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal

from stook.server.dialects.vellum.values import stable_id

if TYPE_CHECKING:
    from stook.core.deployment import Deployment

__all__ = ["Side", "ids_of", "types_of", "undeclared_id", "variables_of"]

Side = Literal["input", "output"]
_FIELDS: Final = ("id", "key", "type", "required", "default", "extensions", "schema")


def variables_of(release: Deployment, side: Side) -> list[dict[str, Any]]:
    """In the order declared, with the keys that the client knows."""
    config = release.facts.get("exec_config")
    found = config.get(f"{side}_variables") if isinstance(config, dict) else None
    made = []
    for one in found if isinstance(found, list) else ():
        if isinstance(one, dict) and isinstance(one.get("key"), str):
            shown = {name: one[name] for name in _FIELDS if one.get(name) is not None}
            made.append({"id": undeclared_id(release, side, one["key"]), "type": "JSON", **shown})
    return made


def ids_of(release: Deployment, side: Side) -> dict[str, str]:
    return {one["key"]: one["id"] for one in variables_of(release, side)}


def types_of(release: Deployment, side: Side) -> dict[str, str]:
    return {one["key"]: one["type"] for one in variables_of(release, side)}


def undeclared_id(release: Deployment, side: Side, key: str) -> str:
    """Of a value that has no variable: the same in every run of the release."""
    return stable_id(f"{release.id}|{side}s|id|{key}")
