"""A file sent as it is: the server reads the items out of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from stook.client.calls import NDJSON
from stook.core.errors import InputError, OptionError

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator

__all__ = ["FileBody", "file_body"]

_TYPES: Final = {
    "jsonl": NDJSON,
    "ndjson": NDJSON,
    "csv": "text/csv",
    "parquet": "application/vnd.apache.parquet",
    "pq": "application/vnd.apache.parquet",
}
_ENCODINGS: Final = {".gz": "gzip", ".zst": "zstd"}
_PIECE: Final = 256 * 1024


class FileBody(NamedTuple):
    path: Path
    media_type: str
    encoding: str | None

    def pieces(self) -> Iterator[bytes]:
        try:
            with self.path.open("rb") as file:
                while piece := file.read(_PIECE):
                    yield piece
        except OSError as error:
            raise _unreadable(self.path, error) from None


def file_body(path: str | os.PathLike[str]) -> FileBody:
    """By the ending of its name: .jsonl, .ndjson, .csv (each with .gz or .zst), .parquet."""
    place = Path(path)
    name = place.name.lower()
    encoding = next((word for ending, word in _ENCODINGS.items() if name.endswith(ending)), None)
    ending = (name if encoding is None else name.rpartition(".")[0]).rpartition(".")[2]
    if ending not in _TYPES:
        raise OptionError(
            "cannot tell the format from the name", where=str(place), hint="a server reads .jsonl, .csv and .parquet"
        )
    try:
        if place.is_dir():
            raise InputError("is a folder", where=str(place), hint="give a file, or a list of what is in it")
        with place.open("rb"):
            pass
    except OSError as error:
        raise _unreadable(place, error) from None
    return FileBody(place, _TYPES[ending], encoding)


def _unreadable(path: Path, error: OSError) -> InputError:
    return InputError(f"cannot be read: {error.strerror or error}", where=str(path))
