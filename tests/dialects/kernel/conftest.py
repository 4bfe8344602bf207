from __future__ import annotations

import pytest

from tests.dialects.kernel.rig import Kernel
from tests.server.serving import serving


@pytest.fixture(scope="module")
def kernel_server(tmp_path_factory):
    """One for all tests of a module; each has a project of its own."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("STOOK_SYNCHRONOUS", "off")
        with serving(f"sqlite:///{tmp_path_factory.mktemp('kernel')}/s.db") as made:
            yield made


@pytest.fixture
def kernel(kernel_server):
    made = Kernel(kernel_server)
    yield made
    made.close()
