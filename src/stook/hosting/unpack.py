"""A checked archive's files, in a folder."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING, Final

from stook.hosting.archive import LIMITS, ArchiveRefusal, BadArchive, checked_members
from stook.hosting.members import DAMAGED, each_file

if TYPE_CHECKING:
    from pathlib import Path
    from typing import BinaryIO

    from stook.hosting.archive import ArchiveLimits

__all__ = ["unpack"]

_CHUNK: Final = 1 << 20


def unpack(path: Path, into: Path, *, limits: ArchiveLimits = LIMITS) -> None:
    """Makes the folder `into`, which must not be there, with what is in the archive. `BadArchive` leaves nothing.
    Blocks."""
    kind, members = checked_members(path, limits)
    sizes = {one.name: one for one in members}
    into.mkdir(mode=0o755)
    try:
        for one in members:
            if one.is_folder:
                (into / one.name.strip("/")).mkdir(parents=True, exist_ok=True)

        def take(name: str, content: BinaryIO) -> None:
            one = sizes[name]
            _write(into / name, content, one.size, executable=bool(one.mode & 0o111))

        each_file(path, kind, take)
        for one in members:
            if one.target is not None:
                place = into / one.name
                place.parent.mkdir(parents=True, exist_ok=True)
                place.symlink_to(one.target)
    except DAMAGED as error:
        shutil.rmtree(into, ignore_errors=True)
        raise BadArchive(ArchiveRefusal.not_an_archive, f"the archive is damaged: {error}") from None
    except BaseException:
        shutil.rmtree(into, ignore_errors=True)
        raise


def _write(place: Path, content: BinaryIO, size: int, *, executable: bool) -> None:
    """Not a byte more than the archive said before."""
    place.parent.mkdir(parents=True, exist_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(place, flags, 0o755 if executable else 0o644), "wb") as file:
        left = size
        while data := content.read(min(_CHUNK, left + 1)):
            left -= len(data)
            if left < 0:
                raise BadArchive(ArchiveRefusal.too_large, f"{place.name!r} is larger than the archive says")
            file.write(data)
