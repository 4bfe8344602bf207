from __future__ import annotations

from tests.wiring.places import *  # noqa: F403 - fixtures
