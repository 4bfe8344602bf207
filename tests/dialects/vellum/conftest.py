from __future__ import annotations

import httpx
import pytest

from tests.dialects.vellum.workflows import Workflows
from tests.server.serving import serving


@pytest.fixture(scope="module")
def workflows(tmp_path_factory):
    """A server with one workflow deployment, `hello`, and a worker for it; shared by the tests of a module."""
    folder = tmp_path_factory.mktemp("vellum")
    with pytest.MonkeyPatch.context() as patch, serving(_store(folder, patch)) as served:
        made = Workflows(served, folder)
        made.hello = made.release("hello", tags=("v1.0.0",))
        with made.working(made.hello):
            yield made


@pytest.fixture
def client(workflows):
    """As the client of Vellum speaks: with its own header, all routes on one base."""
    headers = {"x-api-key": workflows.served.secret}
    with httpx.Client(base_url=f"{workflows.served.url}/vellum", headers=headers, timeout=60) as made:
        yield made


def _store(folder, patch):
    patch.setenv("STOOK_SYNCHRONOUS", "off")
    return f"sqlite:///{folder / 'stook.db'}"
