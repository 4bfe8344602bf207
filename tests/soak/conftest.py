from __future__ import annotations

import pytest

from tests.hosting.conftest import hosting_folder  # noqa: F401 - a fixture


@pytest.fixture(autouse=True)
def _no_fsync(monkeypatch):
    """No test here cuts the power."""
    monkeypatch.setenv("STOOK_SYNCHRONOUS", "off")
