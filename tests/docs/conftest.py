"""Where examples run."""

from __future__ import annotations

import os
import sys
from types import ModuleType

import pytest


@pytest.fixture
def place(tmp_path, monkeypatch):
    """An empty folder, as a reader's; what is imported from it is forgotten afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    for name in [name for name in os.environ if name.startswith("STOOK_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("STOOK_SYNCHRONOUS", "off")
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        file = getattr(sys.modules[name], "__file__", None) or ""
        if file.startswith(str(tmp_path)):
            del sys.modules[name]


@pytest.fixture
def new_module(monkeypatch):
    def new(name):
        module = ModuleType(name)
        monkeypatch.setitem(sys.modules, name, module)
        return vars(module)

    return new
