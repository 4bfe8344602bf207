"""SHA-256 of every file of a folder. The handler is plain `def`: `--processes 2` runs it in child processes."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass
class File:
    """What stook makes of each file of a folder or pattern."""

    path: str
    name: str


def checksum(file: File) -> dict[str, Any]:
    path = Path(file.path)
    with path.open("rb") as content:
        return {"sha256": hashlib.file_digest(content, "sha256").hexdigest(), "bytes": path.stat().st_size}
