"""The repository's own files, as the shape tests see them."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["ROOT", "python_files", "text_files"]

ROOT = Path(__file__).parents[2]
_CODE = ("src", "tests", "bench", "soak", "stook_dev")
_NOT_OURS = {"__pycache__", "build", "dist"}


def text_files() -> list[Path]:
    found = []
    for folder, folders, files in os.walk(ROOT):
        folders[:] = [name for name in folders if name not in _NOT_OURS and (name == ".ci" or not name.startswith("."))]
        found += [Path(folder, name) for name in files]
    return sorted(file for file in found if file.suffix not in {".db", ".pyc", ".parquet"})


def python_files(*tops: str) -> list[Path]:
    return sorted(file for top in tops or _CODE for file in (ROOT / top).rglob("*.py"))
