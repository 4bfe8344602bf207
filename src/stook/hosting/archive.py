"""Whether an archive may be unpacked: looked at before it is stored, and once more before it is written anywhere.

Whoever sends one is a stranger. Nothing here writes, and nothing reads more than an archive's own limits allow.
"""

from __future__ import annotations

import posixpath
import stat
from enum import StrEnum
from typing import TYPE_CHECKING, Final, Literal

import msgspec

from stook.core.errors import BadArchive
from stook.hosting.members import Member, Unreadable, read_members

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

__all__ = [
    "LIMITS",
    "ArchiveFacts",
    "ArchiveLimits",
    "ArchiveRefusal",
    "BadArchive",
    "check_archive",
    "checked_members",
    "runtime_of",
]

_NODE: Final = frozenset({".ts", ".tsx", ".mts", ".cts", ".js", ".mjs", ".cjs"})
_MOST_NAME: Final = 1024
_MOST_DEPTH: Final = 64
_MOST_LINKS: Final = 40
_SMALL: Final = 64 * 2**20
"""An archive that unpacks to less may be as dense as it likes."""


class ArchiveRefusal(StrEnum):
    not_an_archive = "not_an_archive"
    encrypted = "encrypted"
    unsafe_path = "unsafe_path"
    unsafe_link = "unsafe_link"
    special_file = "special_file"
    duplicate_path = "duplicate_path"
    too_many_members = "too_many_members"
    too_large = "too_large"
    too_compressed = "too_compressed"
    no_entrypoint = "no_entrypoint"
    unknown_entrypoint = "unknown_entrypoint"


class ArchiveLimits(msgspec.Struct, frozen=True):
    """`ratio`: what it unpacks to, over its own size."""

    members: int = 50_000
    expanded_bytes: int = 2 * 2**30
    ratio: float = 200.0


LIMITS: Final = ArchiveLimits()


class ArchiveFacts(msgspec.Struct, frozen=True):
    kind: Literal["zip", "tar.gz"]
    members: int
    expanded_bytes: int


def check_archive(path: Path, *, entrypoint: str | None = None, limits: ArchiveLimits = LIMITS) -> ArchiveFacts:
    """`BadArchive` says what is wrong with the ZIP or tar.gz at `path`. Blocks: a tar is decompressed once."""
    kind, members = checked_members(path, limits)
    if entrypoint is not None:
        _check_entrypoint(entrypoint, members)
    return ArchiveFacts(kind, len(members), sum(one.size for one in members))


def checked_members(path: Path, limits: ArchiveLimits = LIMITS) -> tuple[Literal["zip", "tar.gz"], list[Member]]:
    try:
        kind, members = read_members(path, most=limits.members, most_bytes=limits.expanded_bytes)
    except Unreadable as error:
        raise BadArchive(ArchiveRefusal(error.why), str(error), hint=error.hint) from None
    _check_sizes(path.stat().st_size, members, limits)
    _check_places(members)
    return kind, members


def runtime_of(entrypoint: str) -> Literal["python", "node"]:
    """By its extension."""
    suffix = posixpath.splitext(entrypoint)[1]
    if suffix == ".py":
        return "python"
    if suffix in _NODE:
        return "node"
    raise BadArchive(
        ArchiveRefusal.unknown_entrypoint,
        f"nothing here runs the entrypoint {entrypoint!r}",
        hint=f"its name ends with .py, {', '.join(sorted(_NODE))}",
    )


def _check_sizes(size: int, members: list[Member], limits: ArchiveLimits) -> None:
    if len(members) > limits.members:
        raise BadArchive(
            ArchiveRefusal.too_many_members, f"{len(members)} files and folders, at most {limits.members} may be"
        )
    expanded = sum(one.size for one in members)
    if expanded > limits.expanded_bytes:
        raise BadArchive(
            ArchiveRefusal.too_large, f"it unpacks to {expanded} bytes, at most {limits.expanded_bytes} may be"
        )
    if expanded > _SMALL and expanded > limits.ratio * size:
        raise BadArchive(
            ArchiveRefusal.too_compressed,
            f"{size} bytes that unpack to {expanded}: more than {limits.ratio:g} times as much",
        )


def _check_places(members: list[Member]) -> None:
    places: dict[str, Member] = {}
    for one in members:
        place = _place(one.name)
        before = places.get(place)
        if before is not None and not (before.is_folder and one.is_folder):
            raise BadArchive(ArchiveRefusal.duplicate_path, f"{one.name!r} is in it twice")
        _check_kind(one)
        places[place] = one
    for place, one in places.items():
        for folder in _folders_of(place):
            above = places.get(folder)
            if above is not None and not above.is_folder:
                raise BadArchive(
                    ArchiveRefusal.unsafe_path, f"{one.name!r} lies below {above.name!r}, which is no folder"
                )
    links = {place: one.target for place, one in places.items() if one.target is not None}
    for place, target in links.items():
        if not _stays_inside(place, links):
            raise BadArchive(ArchiveRefusal.unsafe_link, f"the link {place!r} leads out of it, to {target!r}")


def _place(name: str) -> str:
    """Where a member lies, from the root of the archive."""
    parts = [part for part in name.split("/") if part not in ("", ".")]
    unsafe = (
        name.startswith("/")
        or ".." in parts
        or "\0" in name
        or (len(name) > 1 and name[1] == ":" and name[0].isalpha())
        or not all(char.isprintable() or char == " " for char in name)
    )
    if unsafe or len(name.encode(errors="replace")) > _MOST_NAME or len(parts) > _MOST_DEPTH:
        raise BadArchive(
            ArchiveRefusal.unsafe_path,
            f"{name[:200]!r} is no path within the archive",
            hint="paths are relative, without .., and of moderate length",
        )
    return "/".join(parts)


def _check_kind(one: Member) -> None:
    if one.target is None and not one.is_folder and not one.is_file:
        raise BadArchive(
            ArchiveRefusal.special_file,
            f"{one.name!r} is neither file, folder nor symbolic link ({stat.filemode(one.mode)})",
        )


def _folders_of(place: str) -> Iterable[str]:
    parts = place.split("/")[:-1]
    return ("/".join(parts[: length + 1]) for length in range(len(parts)))


def _stays_inside(place: str, links: dict[str, str]) -> bool:
    """Walks the link as the kernel would, links on its way included."""
    followed = 0
    at: list[str] = []
    ahead = list(reversed(place.split("/")))
    while ahead:
        step = ahead.pop()
        if step in ("", "."):
            continue
        if step == "..":
            if not at:
                return False
            at.pop()
            continue
        at.append(step)
        target = links.get("/".join(at))
        if target is None:
            continue
        followed += 1
        if followed > _MOST_LINKS or target.startswith("/") or "\0" in target:
            return False
        at.pop()
        ahead.extend(reversed(target.split("/")))
    return True


def _check_entrypoint(entrypoint: str, members: list[Member]) -> None:
    runtime_of(entrypoint)
    place = _place(entrypoint)
    files = {_place(one.name) for one in members if one.is_file or one.target is not None}
    if place not in files:
        near = sorted(one for one in files if posixpath.basename(one) == posixpath.basename(place))
        hint = f"did you mean {near[0]}?" if near else "it is a path from the archive's root"
        raise BadArchive(ArchiveRefusal.no_entrypoint, f"the archive has no file {entrypoint!r}", hint=hint)
