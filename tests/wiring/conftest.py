from __future__ import annotations

from tests.wiring.invoked_tasks import *  # noqa: F403 - fixtures
from tests.wiring.places import *  # noqa: F403 - fixtures
