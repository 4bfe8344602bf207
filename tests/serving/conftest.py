from __future__ import annotations

import pytest

from tests.cli.conftest import *  # noqa: F403 - fixtures
from tests.cli.conftest import cli, tasks  # noqa: F401 - named, so that they are found
from tests.server.serving import serving
from tests.wiring.places import *  # noqa: F403 - fixtures


@pytest.fixture
def served(where):
    with serving(where) as made:
        made.know("t")
        yield made


@pytest.fixture
def served_on_either(either):
    with serving(either) as made:
        made.know("t")
        yield made
