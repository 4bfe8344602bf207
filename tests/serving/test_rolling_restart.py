"""Everything is restarted in turn, under load: nothing is lost, fails, or runs twice."""

from __future__ import annotations

import signal

import pytest

from tests.cli.conftest import ran, until
from tests.serving.programs import ended, programs

KEY = "stk_first_" + "6" * 40
COUNT = 10_000
STEADY = """
import asyncio
import os

from stook import App

app = App("steady")
RAN = os.open("ran.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND)


@app.task(max_attempts=1)
async def work(row: dict) -> int:
    await asyncio.sleep(0.05)
    os.write(RAN, f"{row['id']}\\n".encode())
    return row["id"]
"""


@pytest.mark.timeout(300)
def test_two_servers_and_four_workers_are_restarted_in_turn(tasks, installed_postgres):
    tasks.environment |= {"STOOK_URL": installed_postgres, "STOOK_KEY": KEY}
    tasks.write("steady.py", STEADY)
    with programs(tasks) as run:
        servers = [run.server("serve"), run.server("serve")]

        def afar(number):
            return run.worker("steady.py", "--server", servers[number].url, "-c", "4")

        def beside():
            return run.worker("steady.py", "--store", installed_postgres, "-c", "4")

        starts = [beside, beside, lambda: afar(0), lambda: afar(1)]
        workers = [start() for start in starts]
        with run.client(servers[0], KEY) as client, run.client(servers[1], KEY) as other:
            items = [{"id": number} for number in range(COUNT)]
            answer = client.post("/api/v1/batches", json={"task": "steady.work", "items": items})
            assert answer.status_code == 201, answer.text
            batch = answer.json()["id"]

            def progress():
                before = len(ran(tasks))
                until(lambda: len(ran(tasks)) > before + 200 or len(ran(tasks)) == COUNT, "progress")

            progress()
            for place, start in enumerate(starts):
                assert workers[place].ended(signal.SIGTERM) == 0
                workers[place] = start()
                progress()
            for place in (0, 1):
                assert servers[place].ended(signal.SIGTERM) == 0
                asked = (other, client)[place].get(f"/api/v1/batches/{batch}")
                assert asked.status_code == 200  # the other one goes on answering
                servers[place] = run.server("serve", port=servers[place].port)
                progress()
            assert len(ran(tasks)) < COUNT, "it was over before the last restart: give it more items"

            def shown():
                return client.get(f"/api/v1/batches/{batch}").json()

            until(lambda: ended(shown()), f"the end: {shown()}")
            found = shown()
        assert (found["state"], found["counters"]["succeeded"]) == ("succeeded", COUNT)
        assert (found["losses"], found["retries"]) == (0, 0)
        assert sorted(ran(tasks)) == list(range(COUNT))
        assert [one.ended(signal.SIGTERM) for one in (*workers, *servers)] == [0] * 6
        for one in run.started:
            assert "Traceback" not in one.words, one.words
