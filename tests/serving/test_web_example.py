"""`examples/web_orders.py`, for real: a web application, a worker in another process, one transaction for both."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import os
import re
import socket
import statistics
import subprocess
import sys
import time

import asyncpg
import httpx
import pytest

from tests.shape.tree import ROOT

pytestmark = pytest.mark.postgres
EXAMPLE = ROOT / "examples" / "web_orders.py"
PATIENCE = 60.0
needed = [name for name in ("sqlalchemy", "greenlet", "uvicorn") if importlib.util.find_spec(name) is None]


def _free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


@contextlib.contextmanager
def _process(*words, **environment):
    process = subprocess.Popen(
        [sys.executable, *words],
        env={**os.environ, **environment, "PYTHONDONTWRITEBYTECODE": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


@pytest.fixture
def shop(installed_postgres):
    """Its address. A worker is at work."""
    port = str(_free_port())
    environment = {"DATABASE_URL": installed_postgres, "PORT": port, "STOOK_URL": installed_postgres}
    address = f"http://127.0.0.1:{port}"
    with _process(str(EXAMPLE), **environment) as web:
        _until(lambda: _answers(address), web)
        with _process("-m", "stook", "worker", str(EXAMPLE), **environment) as worker:
            _until(lambda: asyncio.run(_fetch(installed_postgres, "select 1 from stook.worker")), worker)
            yield address


def _answers(address):
    with contextlib.suppress(httpx.TransportError):
        return httpx.get(address).status_code == 404
    return False


def _until(condition, process=None):
    give_up = time.monotonic() + PATIENCE
    while not condition():
        assert process is None or process.poll() is None, process.communicate()[0]
        assert time.monotonic() < give_up
        time.sleep(0.02)


async def _fetch(url, *statements):
    connection = await asyncpg.connect(url)
    try:
        found = [await connection.fetch(one) for one in statements]
    finally:
        await connection.close()
    return found[0] if len(found) == 1 else found


def test_the_commands_it_names_are_those_of_this_test():
    text = EXAMPLE.read_text()
    assert re.search(r"python web_orders.py", text)
    assert re.search(r"stook worker web_orders.py", text)


@pytest.mark.skipif(bool(needed), reason=f"needs {needed}")
def test_an_order_and_its_work_are_one_transaction(shop, installed_postgres):
    late = []
    with httpx.Client(base_url=shop) as client:
        for number in range(1, 21):
            answer = client.post("/orders", json={"item": "lamp", "count": 1})
            answered = time.time()
            assert answer.status_code == 201, answer.text
            order = answer.json()["order"]
            assert order == number
            _until(lambda: asyncio.run(_fetch(installed_postgres, f"select 1 from receipts where order_id = {order}")))  # noqa: B023
            ((sent,),) = asyncio.run(
                _fetch(installed_postgres, f"select sent_at from receipts where order_id = {order}")
            )
            late.append((sent - answered) * 1000)
        print(f"from the answer to the work done: median {statistics.median(late):.1f} ms, most {max(late):.1f} ms")
        assert statistics.median(late) < 200
        refused = client.post("/orders", json={"item": "lamp", "count": 81})
        assert refused.status_code == 409
    orders, batches, stock = asyncio.run(
        _fetch(
            installed_postgres,
            "select count(*) from orders",
            "select count(*) from stook.batch",
            "select count from stock where item = 'lamp'",
        )
    )
    assert (orders[0][0], batches[0][0], stock[0][0]) == (20, 20, 80)
