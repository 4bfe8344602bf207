"""What may not be unpacked, and what becomes of the rest."""

from __future__ import annotations

import io
import os
import stat
import tarfile
import zipfile

import pytest

from stook.hosting.archive import ArchiveLimits, BadArchive, check_archive, runtime_of
from stook.hosting.unpack import unpack


def zipped(path, *members):
    """(name, content) or (name, content, mode): of a link, what it points at."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content, *mode in members:
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = (mode[0] if mode else stat.S_IFREG | 0o644) << 16
            archive.writestr(info, content)
    return path


def tarred(path, *members):
    with tarfile.open(path, "w:gz") as archive:
        for name, content, *kind in members:
            info = tarfile.TarInfo(name)
            info.type = kind[0] if kind else tarfile.REGTYPE
            if info.type in (tarfile.SYMTYPE, tarfile.LNKTYPE):
                info.linkname = content
                archive.addfile(info)
            else:
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content.encode()))
    return path


def refusal(path, **how):
    with pytest.raises(BadArchive) as caught:
        check_archive(path, **how)
    return caught.value.why


LINK = stat.S_IFLNK | 0o777


@pytest.mark.parametrize(
    ("why", "members"),
    [
        ("unsafe_path", [("/etc/passwd", "x")]),
        ("unsafe_path", [("a/../../b", "x")]),
        ("unsafe_path", [("C:/b", "x")]),
        ("unsafe_path", [("a" * 2000, "x")]),
        ("unsafe_path", [("a", "x"), ("a/b", "y")]),
        ("unsafe_path", [("a", "sub", LINK), ("sub/c", ""), ("a/b", "y")]),
        ("duplicate_path", [("a", "x"), ("./a", "y")]),
        ("unsafe_link", [("a", "/etc", LINK)]),
        ("unsafe_link", [("a", "../b", LINK)]),
        ("unsafe_link", [("d/up", "..", LINK), ("out", "d/up/../..", LINK)]),
        ("unsafe_link", [("d/e/f", ""), ("d/up", "..", LINK), ("out", "d/up/..", LINK)]),
        ("unsafe_link", [("a", "b", LINK), ("b", "a", LINK)]),
        ("special_file", [("a", "", stat.S_IFIFO | 0o644)]),
        ("special_file", [("a", "", stat.S_IFCHR | 0o644)]),
    ],
)
def test_zips_that_reach_out_are_refused(tmp_path, why, members):
    assert refusal(zipped(tmp_path / "a.zip", *members)) == why


@pytest.mark.parametrize(
    ("why", "members"),
    [
        ("unsafe_path", [("../b", "x")]),
        ("unsafe_link", [("a", "/etc/passwd", tarfile.SYMTYPE)]),
        ("special_file", [("a", ""), ("b", "a", tarfile.LNKTYPE)]),
        ("special_file", [("a", "", tarfile.FIFOTYPE)]),
        ("special_file", [("a", "", tarfile.BLKTYPE)]),
    ],
)
def test_tars_that_reach_out_are_refused(tmp_path, why, members):
    assert refusal(tarred(tmp_path / "a.tar.gz", *members)) == why


def test_bombs_are_refused_before_they_are_unpacked(tmp_path):
    zeros = zipped(tmp_path / "a.zip", ("a", "\0" * (65 * 2**20)))
    assert refusal(zeros) == "too_compressed"
    assert refusal(zeros, limits=ArchiveLimits(expanded_bytes=2**20)) == "too_large"
    zeros = tarred(tmp_path / "a.tar.gz", ("a", "\0" * (8 * 2**20)))
    assert refusal(zeros, limits=ArchiveLimits(expanded_bytes=2**20)) == "too_large"
    many = [(f"a{number}", "") for number in range(11)]
    for path in (zipped(tmp_path / "b.zip", *many), tarred(tmp_path / "b.tar.gz", *many)):
        assert refusal(path, limits=ArchiveLimits(members=10)) == "too_many_members"


def test_what_is_no_archive_is_refused(tmp_path):
    path = zipped(tmp_path / "a.zip", ("a.py", "x" * 1000))
    whole = path.read_bytes()
    for content in (b"", b"hello", whole[:-30], b"\x1f\x8b\x08hello"):
        path.write_bytes(content)
        assert refusal(path) == "not_an_archive"
    encrypted = bytearray(whole)
    encrypted[encrypted.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(encrypted)
    assert refusal(path) == "encrypted"


def test_damage_that_only_unpacking_shows_leaves_nothing(tmp_path):
    path = zipped(tmp_path / "a.zip", ("a.txt", "".join(map(chr, range(33, 120))) * 50))
    content = bytearray(path.read_bytes())
    content[60] ^= 0xFF
    path.write_bytes(content)
    check_archive(path)
    with pytest.raises(BadArchive) as caught:
        unpack(path, tmp_path / "out")
    assert caught.value.why == "not_an_archive"
    assert not (tmp_path / "out").exists()


def test_the_entrypoint_must_be_in_it_and_be_of_a_kind_that_runs(tmp_path):
    path = zipped(tmp_path / "a.zip", ("src/main.py", "x"), ("notes.txt", "x"))
    assert check_archive(path, entrypoint="src/main.py").members == 2
    assert check_archive(path, entrypoint="./src/main.py").kind == "zip"
    assert refusal(path, entrypoint="main.py") == "no_entrypoint"
    assert refusal(path, entrypoint="notes.txt") == "unknown_entrypoint"
    assert refusal(path, entrypoint="../src/main.py") == "unsafe_path"
    with pytest.raises(BadArchive, match=r"did you mean src/main\.py"):
        check_archive(path, entrypoint="main.py")


def test_runtimes_go_by_the_extension():
    assert runtime_of("a/b.py") == "python"
    assert {runtime_of(f"b.{end}") for end in ("ts", "tsx", "mts", "cts", "js", "mjs", "cjs")} == {"node"}


@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
def test_what_is_unpacked_is_what_was_packed(tmp_path, kind):
    if kind == "zip":
        path = zipped(
            *(tmp_path / "a.zip", ("a/run.sh", "#!/bin/sh", stat.S_IFREG | 0o755), ("a/link", "run.sh", LINK)),
            *(("empty/", "", stat.S_IFDIR | 0o755), (".hidden", "h")),
        )
    else:
        path = tarred(
            *(tmp_path / "a.tar.gz", ("a/run.sh", "#!/bin/sh"), ("a/link", "run.sh", tarfile.SYMTYPE)),
            *(("empty", "", tarfile.DIRTYPE), (".hidden", "h")),
        )
    assert check_archive(path).kind == kind
    out = tmp_path / "out"
    unpack(path, out)
    assert (out / "a/link").read_text() == "#!/bin/sh"
    assert os.access(out / "a/run.sh", os.X_OK) == (kind == "zip")
    assert (out / "empty").is_dir()
    assert (out / ".hidden").read_text() == "h"
