"""The file that tells a script that the server answers."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

from stook.core.errors import ConfigError

__all__ = ["check_ready_file", "write_ready_file"]


def check_ready_file(path: Path) -> None:
    """What an earlier start left is removed: whoever waits for the file waits for this one."""
    if path.is_dir() or not path.parent.is_dir():
        what = "is a folder" if path.is_dir() else f"there is no folder {path.parent}"
        raise ConfigError(f"--ready-file {path}: {what}", hint="name a file in a folder that is there")
    path.unlink(missing_ok=True)


def write_ready_file(path: Path, url: str, key: str | None) -> None:
    """Whole or not at all. It may hold a key: only its owner can read it."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump({"url": url, "key": key, "pid": os.getpid()}, file)
            file.write("\n")
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
