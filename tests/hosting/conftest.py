"""Real processes, real installs. What is installed is kept beside pytest's own temporary folders: a fresh machine does
it once, with whatever its package managers are set up to ask."""

from __future__ import annotations

import asyncio
import os
import tempfile
from pathlib import Path

import pytest

from stook.hosting.building import Building
from stook.hosting.python_environment import python_for
from tests.wiring.places import either, where  # noqa: F401 - fixtures

KERNEL = "kernel==0.131.0"


@pytest.fixture(scope="session")
def hosting_folder() -> Path:
    folder = Path(tempfile.gettempdir()) / f"stook-hosting-tests-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def kernel_python(hosting_folder, tmp_path_factory) -> Path:
    """An interpreter with the real SDK."""
    root = tmp_path_factory.mktemp("nothing")
    made = python_for(root, default=(KERNEL,), building=Building(hosting_folder), say=print, unique="tests")
    return asyncio.run(made)
