"""Repositories as archives: fetched from GitHub, or what speaks like it, and packed anew from the folder that is asked
for."""

from __future__ import annotations

import asyncio
import hashlib
import re
import shutil
import zipfile
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlsplit

import httpx

from stook.core.errors import InputError
from stook.hosting.archive import check_archive

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

__all__ = ["GithubSources", "SourceNotFetched", "repository_of"]

_NAME: Final = re.compile(r"[A-Za-z0-9_.-]{1,100}")
_REF: Final = re.compile(r"[^\s~^:?*\[\\\x00-\x1f\x7f]{1,250}")
_PIECE: Final = 256 * 1024
_REFUSED: Final = 400


class SourceNotFetched(InputError):
    """In words for whoever asked, without the token."""


def repository_of(url: str, api: str) -> tuple[str, str] | None:
    """(owner, name) of an address like https://github.com/owner/name. None: it is none of the host behind `api`."""
    parts = urlsplit(url)
    hosts = {"github.com", "www.github.com", urlsplit(api).hostname}
    steps = [one for one in parts.path.split("/") if one]
    if parts.scheme not in ("https", "http") or parts.hostname not in hosts or len(steps) != 2:  # noqa: PLR2004
        return None
    owner, name = steps[0], steps[1].removesuffix(".git")
    return (owner, name) if _NAME.fullmatch(owner) and _NAME.fullmatch(name) else None


class GithubSources:
    """`api`: where it speaks. An archive has `most` bytes at most, and comes within `seconds`."""

    def __init__(self, api: str, most: int, seconds: float = 45.0) -> None:
        self._api = api.rstrip("/")
        self._most = most
        self._seconds = seconds

    async def fetch(self, url: str, ref: str, path: str, token: str | None, to: Path) -> str:
        """Writes a ZIP whose root is the folder `path` of the repository at `ref`. The SHA-256, in hex, of what was
        fetched. `SourceNotFetched` says what went wrong, `BadArchive` what it was."""
        repository = repository_of(url, self._api)
        if repository is None:
            raise SourceNotFetched(f"{url[:200]!r} is no repository like https://github.com/owner/name")
        if not _REF.fullmatch(ref) or ".." in ref:
            raise SourceNotFetched(f"{ref[:200]!r} is no branch, tag or commit")
        fetched = to.with_name(f"{to.name}.fetched")
        try:
            checksum = await self._download(repository, ref, token, fetched)
            await asyncio.to_thread(_repack, fetched, to, path)
        finally:
            fetched.unlink(missing_ok=True)
        return checksum

    async def _download(self, repository: tuple[str, str], ref: str, token: str | None, to: Path) -> str:
        address = f"{self._api}/repos/{repository[0]}/{repository[1]}/zipball/{quote(ref, safe='')}"
        headers = {"accept": "application/vnd.github+json"} | ({"authorization": f"Bearer {token}"} if token else {})
        what = f"{repository[0]}/{repository[1]} at {ref!r}"
        try:
            async with asyncio.timeout(self._seconds), httpx.AsyncClient(follow_redirects=True, timeout=20) as client:  # noqa: SIM117
                async with client.stream("GET", address, headers=headers) as answer:
                    if answer.status_code >= _REFUSED:
                        raise SourceNotFetched(_refused(what, answer.status_code, given=bool(token)))
                    return await self._write(answer.aiter_bytes(_PIECE), to, what)
        except TimeoutError:
            raise SourceNotFetched(f"{what} did not come within {self._seconds:g} seconds") from None
        except httpx.HTTPError as error:
            raise SourceNotFetched(f"{what} cannot be fetched: {type(error).__name__}") from None

    async def _write(self, pieces: AsyncIterator[bytes], to: Path, what: str) -> str:
        digest, size = hashlib.sha256(), 0
        with to.open("wb") as file:
            async for piece in pieces:
                size += len(piece)
                if size > self._most:
                    raise SourceNotFetched(f"the archive of {what} has more than {self._most} bytes")
                digest.update(piece)
                await asyncio.to_thread(file.write, piece)
        return digest.hexdigest()


def _refused(what: str, status: int, *, given: bool) -> str:
    match status:
        case 401 | 403:
            why = "the token may not read it" if given else "it needs a token"
        case 404:
            why = "there is no such repository or ref" + ("" if given else ", or it needs a token")
        case _:
            why = f"the answer was {status}"
    return f"{what} cannot be fetched: {why}"


def _repack(fetched: Path, to: Path, path: str) -> None:
    """GitHub puts everything into one folder."""
    wanted = [one for one in PurePosixPath(path).parts if one not in (".", "/")]
    if ".." in wanted:
        raise SourceNotFetched(f"path {path[:200]!r} leads out of the repository")
    if check_archive(fetched).kind != "zip":
        raise SourceNotFetched("what was fetched is no ZIP archive")
    found = False
    with zipfile.ZipFile(fetched) as old, zipfile.ZipFile(to, "w", zipfile.ZIP_DEFLATED) as new:
        for one in old.infolist():
            parts = [part for part in one.filename.split("/") if part not in ("", ".")]
            inside = parts[1:]
            if inside[: len(wanted)] != wanted or len(inside) <= len(wanted):
                continue
            found = True
            made = zipfile.ZipInfo("/".join(inside[len(wanted) :]) + ("/" if one.is_dir() else ""), one.date_time)
            made.external_attr, made.create_system = one.external_attr, one.create_system
            made.compress_type = zipfile.ZIP_DEFLATED
            with old.open(one) as source, new.open(made, "w", force_zip64=one.file_size >= 2**31) as target:
                shutil.copyfileobj(source, target, _PIECE)
    if not found:
        raise SourceNotFetched(f"the repository has nothing in the folder {path[:200]!r}")
