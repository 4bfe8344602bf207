from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _no_fsync(monkeypatch):
    """No test here cuts the power."""
    monkeypatch.setenv("STOOK_SYNCHRONOUS", "off")
