"""A real server on a real store, with a worker beside it, and a line that can be cut."""

from __future__ import annotations

import asyncio
import threading
from urllib.parse import urlsplit

import pytest

import stook
from tests.client_http.proxy import Proxy
from tests.server.serving import serving
from tests.wiring.places import *  # noqa: F403 - fixtures


@pytest.fixture
def served(where):
    with serving(where, progress_seconds=0.01) as made:
        made.know("t")
        yield made
        made.call(_let_go())


async def _let_go():
    """The server has noticed that its followers have gone: its loop may end."""
    while any(task.get_name() == "stook-channel" for task in asyncio.all_tasks()):
        await asyncio.sleep(0.01)


@pytest.fixture
def client(served):
    with stook.Client(served.url, key=served.secret) as made:
        yield made


@pytest.fixture
def proxy(served):
    parts = urlsplit(served.url)
    made = Proxy((parts.hostname, parts.port))
    yield made
    made.close()


@pytest.fixture
def cut_client(served, proxy):
    """Speaks through the proxy."""
    with stook.Client(proxy.url, key=served.secret, retry_seconds=20) as made:
        yield made


class Gate:
    """Handlers that wait for it."""

    def __init__(self):
        self.event = threading.Event()

    def open(self):
        self.event.set()


@pytest.fixture
def gate():
    made = Gate()
    yield made
    made.open()
