"""What lies in an archive, the same for both kinds."""

from __future__ import annotations

import contextlib
import gzip
import lzma
import stat
import tarfile
import zipfile
import zlib
from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from typing import BinaryIO

__all__ = ["DAMAGED", "Member", "Unreadable", "each_file", "read_members"]

DAMAGED: Final = (
    *(zipfile.BadZipFile, zipfile.LargeZipFile, tarfile.TarError, gzip.BadGzipFile, zlib.error, lzma.LZMAError),
    *(EOFError, NotImplementedError, UnicodeDecodeError, ValueError, OverflowError),
)
_MOST_TARGET: Final = 4096
_CHUNK: Final = 1 << 20


class Unreadable(Exception):
    """`why` is an `ArchiveRefusal`'s value."""

    def __init__(self, why: str, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.why = why
        self.hint = hint


class Member(msgspec.Struct, frozen=True):
    """`mode` as `stat` has it, type included; `target` of a symbolic link."""

    name: str
    size: int
    mode: int
    target: str | None = None

    @property
    def is_folder(self) -> bool:
        return stat.S_ISDIR(self.mode)

    @property
    def is_file(self) -> bool:
        return stat.S_ISREG(self.mode)


def read_members(path: Path, *, most: int, most_bytes: int) -> tuple[Literal["zip", "tar.gz"], list[Member]]:
    """Of a ZIP or a tar.gz, in its order, stopping soon after more than `most`. `Unreadable` if it is neither, damaged,
    encrypted, or if a tar has more than `most_bytes`."""
    try:
        with path.open("rb") as file:
            if file.read(2) == b"\x1f\x8b":
                return "tar.gz", _of_tar(path, most, most_bytes)
        return "zip", _of_zip(path, most)
    except DAMAGED as error:
        raise Unreadable("not_an_archive", f"it cannot be read as a ZIP or tar.gz: {error}") from None


def each_file(path: Path, kind: Literal["zip", "tar.gz"], take: Callable[[str, BinaryIO], None]) -> None:
    """Calls `take` with each regular file's name and content. Raises what is in `DAMAGED`."""
    if kind == "zip":
        with zipfile.ZipFile(path) as archive:
            for info in archive.infolist():
                if not info.is_dir() and not stat.S_ISLNK(info.external_attr >> 16):
                    with archive.open(info) as content:
                        take(info.filename, content)  # type: ignore[arg-type]
    else:
        with tarfile.open(path, "r:gz") as archive_:
            for one in archive_:
                if one.isreg():
                    found = archive_.extractfile(one)
                    assert found is not None
                    with found:
                        take(one.name, found)  # type: ignore[arg-type]


def _of_zip(path: Path, most: int) -> list[Member]:
    with zipfile.ZipFile(path) as archive:
        infos = archive.infolist()
        if len(infos) > most:
            raise Unreadable("too_many_members", f"{len(infos)} files and folders, at most {most} may be")
        return [_zip_member(archive, info) for info in infos]


def _zip_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Member:
    if info.flag_bits & 1:
        raise Unreadable("encrypted", f"{info.filename!r} is encrypted", "pack it without a password")
    mode = info.external_attr >> 16
    if info.is_dir():
        return Member(info.filename, 0, stat.S_IFDIR | 0o755)
    if stat.S_ISLNK(mode):
        if info.file_size > _MOST_TARGET:
            raise Unreadable("unsafe_link", f"the link {info.filename!r} has a target of {info.file_size} bytes")
        return Member(info.filename, 0, mode, archive.read(info).decode())
    kind = stat.S_IFMT(mode) or stat.S_IFREG
    return Member(info.filename, info.file_size, kind | stat.S_IMODE(mode))


def _of_tar(path: Path, most: int, most_bytes: int) -> list[Member]:
    found: list[Member] = []
    with _measured(path, most_bytes) as content, tarfile.open(fileobj=content, mode="r|") as archive:
        for one in archive:
            if len(found) >= most:
                raise Unreadable("too_many_members", f"more than {most} files and folders")
            target = one.linkname if one.issym() else None
            found.append(Member(one.name, one.size if one.isreg() else 0, _tar_kind(one) | (one.mode & 0o777), target))
    return found


def _tar_kind(one: tarfile.TarInfo) -> int:
    if one.isreg():
        return stat.S_IFREG
    if one.isdir():
        return stat.S_IFDIR
    if one.issym():
        return stat.S_IFLNK
    return stat.S_IFBLK if one.isblk() else stat.S_IFIFO if one.isfifo() else stat.S_IFCHR


@contextlib.contextmanager
def _measured(path: Path, most: int) -> Iterator[Any]:
    with gzip.open(path) as content:
        yield _Measured(content, most)


class _Measured:
    """A stream that may be read no further than a tar of `most` bytes reaches."""

    def __init__(self, content: gzip.GzipFile, most: int) -> None:
        self._content = content
        self._most = most
        self._left = 2 * most + _CHUNK  # headers, and what tars are filled up with

    def read(self, size: int) -> bytes:
        data = self._content.read(size)
        self._left -= len(data)
        if self._left < 0:
            raise Unreadable("too_large", f"it unpacks to more than {self._most} bytes")
        return data
