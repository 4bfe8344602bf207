"""A folder of code as an archive to deploy: the same files make the same bytes."""

from __future__ import annotations

import contextlib
import os
import stat
import subprocess
import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from stook.core.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["archive_of", "pack"]

_LEFT_OUT: Final = frozenset({".git", "__pycache__", ".venv", ".mypy_cache", ".pytest_cache", ".ruff_cache"})
_PIECE: Final = 2**20


@contextlib.contextmanager
def archive_of(place: str | os.PathLike[str]) -> Iterator[Path]:
    """A file as it is; a folder packed, for as long as the context is open. `InputError` for what cannot be read."""
    path = Path(place)
    if path.is_dir():
        with tempfile.TemporaryDirectory(prefix="stook-deploy-") as folder:
            yield pack(path, Path(folder) / "code.zip")
        return
    try:
        with path.open("rb"):
            pass
    except OSError as error:
        raise InputError(
            f"cannot be read: {error.strerror or error}", where=str(path), hint="give a folder, a ZIP or a tar.gz"
        ) from None
    yield path


def pack(folder: Path, to: Path) -> Path:
    """Writes a ZIP of the files, paths from the folder. In a git repository those that git does not ignore, elsewhere
    all but caches and virtual environments (`.venv`). Links stay links."""
    try:
        with zipfile.ZipFile(to, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
            for name in sorted(_names(folder)):
                _add(archive, folder, name)
    except OSError as error:
        where = str(folder if error.filename is None else error.filename)
        raise InputError(f"cannot be read: {error.strerror or error}", where=where) from None
    return to


def _names(folder: Path) -> Iterator[str]:
    tracked = _tracked(folder)
    if tracked is not None:
        yield from (name for name in tracked if os.path.lexists(folder / name) and not (folder / name).is_dir())
        return
    for root, folders, files in os.walk(folder):
        here = Path(root).relative_to(folder)
        links = [name for name in folders if (Path(root) / name).is_symlink()]
        folders[:] = sorted(name for name in folders if name not in _LEFT_OUT and name not in links)
        yield from ((here / name).as_posix() for name in (*files, *links))


def _tracked(folder: Path) -> list[str] | None:
    """None: it is in no repository, or git is not there to ask."""
    asked = ["git", "-C", str(folder), "ls-files", "--cached", "--others", "--exclude-standard", "-z", "--", "."]
    try:
        done = subprocess.run(asked, capture_output=True, check=False, timeout=60)  # noqa: S603 - no shell, fixed words
    except (OSError, subprocess.TimeoutExpired):
        return None
    names = [os.fsdecode(name) for name in done.stdout.split(b"\0") if name]
    return (names or None) if done.returncode == 0 else None


def _add(archive: zipfile.ZipFile, folder: Path, name: str) -> None:
    path = folder / name
    found = path.lstat()
    entry = zipfile.ZipInfo(name)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.create_system = 3
    if stat.S_ISLNK(found.st_mode):
        entry.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(entry, os.fsencode(path.readlink()))
        return
    if not stat.S_ISREG(found.st_mode):
        raise InputError("is neither a file nor a link", where=str(path), hint="leave it out of the folder")
    runs = 0o755 if found.st_mode & stat.S_IXUSR else 0o644
    entry.external_attr = (stat.S_IFREG | runs) << 16
    with path.open("rb") as file, archive.open(entry, "w", force_zip64=found.st_size >= zipfile.ZIP64_LIMIT) as member:
        while piece := file.read(_PIECE):
            member.write(piece)
