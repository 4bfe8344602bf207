"""The first key, by real processes that ask for it at once."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

PROGRAM = """
import asyncio, json, os, sys
from stook.config.settings import Settings
from stook.engine.keys import Keys
from stook.wiring.open_store import open_store

async def main():
    store, _ = await open_store(Settings(url=sys.argv[1]))
    keys = Keys(store)
    os.read(go, 1)
    made = await keys.ensure_first(None)
    print(json.dumps([made, None if made is None else (await keys.find(made)).project]), flush=True)
    await keys.close()
    await store.close()

go, gate = os.pipe()
for _ in range(20):
    if os.fork() == 0:
        os.close(gate)
        asyncio.run(main())
        os._exit(0)
os.close(gate)
codes = [os.waitstatus_to_exitcode(os.wait()[1]) for _ in range(20)]
assert codes == [0] * 20, codes
"""


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def url(request, tmp_path):
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'stook.db'}"
    return request.getfixturevalue("fresh_postgres")


def test_of_twenty_processes_that_ask_at_once_one_makes_it(url):
    command = [sys.executable, "-c", PROGRAM, url]
    done = subprocess.run(command, capture_output=True, check=False)
    assert done.stderr == b""
    answers = [json.loads(text) for text in done.stdout.splitlines()]
    assert len(answers) == 20
    made = [one for one in answers if one != [None, None]]
    assert len(made) == 1
    assert made[0][0].startswith("stk_")
    assert made[0][1] == "default"
