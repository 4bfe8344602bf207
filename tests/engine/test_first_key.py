"""The first key, by real processes that start at once."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

PROGRAM = """
import asyncio, json, sys
from stook.config.settings import Settings
from stook.engine.keys import Keys
from stook.wiring.open_store import open_store

async def main():
    store, _ = await open_store(Settings(url=sys.argv[1]))
    keys = Keys(store)
    sys.stdin.readline()
    made = await keys.ensure_first(None)
    print(json.dumps([made, None if made is None else (await keys.find(made)).project]))
    await keys.close()
    await store.close()

asyncio.run(main())
"""


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def url(request, tmp_path):
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'stook.db'}"
    return request.getfixturevalue("fresh_postgres")


def test_of_twenty_processes_that_start_at_once_one_makes_it(url):
    started = [
        subprocess.Popen(
            [sys.executable, "-c", PROGRAM, url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        for _ in range(20)
    ]
    for one in started:
        one.stdin.write(b"\n")
        one.stdin.flush()
    said = [one.communicate() for one in started]
    assert [errors for _, errors in said if errors] == []
    answers = [json.loads(text) for text, _ in said]
    made = [one for one in answers if one != [None, None]]
    assert len(made) == 1
    assert made[0][0].startswith("stk_")
    assert made[0][1] == "default"
