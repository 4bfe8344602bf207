from __future__ import annotations

import pytest

from tests.server.serving import serving
from tests.wiring.places import *  # noqa: F403 - fixtures


@pytest.fixture
def served(where):
    with serving(where) as made:
        made.know("t", max_attempts=1)
        yield made
