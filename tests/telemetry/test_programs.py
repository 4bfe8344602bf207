"""`stook up` and `stook worker` as processes: what they log, and where they answer Prometheus."""

from __future__ import annotations

import json
import re
import signal

import httpx
import pytest

from tests.cli.conftest import Cli, until
from tests.serving.programs import programs
from tests.telemetry.scraped import Scraped

TASKS = """
import logging

from stook import App

app = App("tasks")
log = logging.getLogger("shop")


@app.task("double", max_attempts=1)
async def double(item: dict) -> int:
    log.warning("doubling", extra={"n": item["n"]})
    return item["n"] * 2


@app.task("halve", max_attempts=1)
def halve(item: dict) -> float:
    log.info("halving %d", item["n"])
    return item["n"] / 2
"""


@pytest.fixture
def run(tmp_path):
    cli = Cli(tmp_path)
    (tmp_path / "tasks.py").write_text(TASKS)
    cli.environment["STOOK_SYNCHRONOUS"] = "off"
    with programs(cli) as made:
        yield made


def done(client, task, count=3):
    body = {"task": task, "items": [{"n": n} for n in range(count)]}
    batch = client.post("/api/v1/batches", json=body).json()["id"]
    until(lambda: client.get(f"/api/v1/batches/{batch}").json()["state"] == "succeeded", "the end")
    return batch


def lines(program):
    return [json.loads(line) for line in program.words.splitlines()]


def test_up_says_everything_as_json(run):
    up = run.server("up", "tasks.py", STOOK_LOG_FORMAT="json", STOOK_LOG_LEVEL="info")
    with run.client(up, up.ready["key"]) as client:
        doubled, halved = done(client, "double"), done(client, "halve")
    assert up.ended(signal.SIGTERM) == 0
    said = lines(up)
    assert all({"time", "level", "logger", "event"} <= set(line) for line in said)
    shop = {line["event"]: line for line in said if line["logger"] == "shop"}
    assert (shop["doubling"]["batch"], shop["doubling"]["task"]) == (doubled, "double")
    assert (shop["halving 2"]["batch"], shop["halving 2"]["attempt"]) == (halved, 1)
    assert sorted(line["n"] for line in said if line["event"] == "doubling") == [0, 1, 2]
    executions = {line["execution"] for line in said if line["logger"] == "shop"}
    assert len(executions) == 6
    assert len({line["worker"] for line in said if line["logger"] == "shop"}) == 1
    access = [line for line in said if line["logger"] == "stook.access"]
    assert {line["route"] for line in access} == {"/api/v1/batches", "/api/v1/batches/{batch}"}
    assert {line["batch"] for line in access if "batch" in line} == {doubled, halved}
    assert said[-1]["event"] == "stopped"
    assert up.ready["key"] not in up.words


def test_for_people_nothing_has_changed(run):
    up = run.server("up", "tasks.py")
    with run.client(up, up.ready["key"]) as client:
        done(client, "halve")
        client.get("/api/v1/batches/nothing")
    assert up.ended(signal.SIGTERM) == 0
    assert all(line.startswith("stook: ") for line in up.words.splitlines())
    assert "GET" not in up.words


def test_a_level_for_people(run):
    up = run.server("up", "tasks.py", STOOK_LOG_LEVEL="info")
    with run.client(up, up.ready["key"]) as client:
        client.get("/api/v1/batches/nothing")
    assert up.ended(signal.SIGTERM) == 0
    assert re.search(r"^stook: GET /api/v1/batches/\{batch\} 404 in ", up.words, re.MULTILINE)


def test_a_program_that_set_up_logging_itself_keeps_it(run):
    (run.cli.folder / "tasks.py").write_text("import logging\nlogging.basicConfig(format='MINE %(message)s')\n" + TASKS)
    up = run.server("up", "tasks.py", STOOK_LOG_FORMAT="json", STOOK_LOG_LEVEL="info")
    with run.client(up, up.ready["key"]) as client:
        done(client, "double")
    assert up.ended(signal.SIGTERM) == 0
    assert up.words.count("MINE doubling") == 3
    assert '"logger": "stook.access"' in up.words


def test_a_worker_says_it_as_json_and_answers_prometheus(run):
    serve = run.server("serve")
    worker = run.start(
        *("worker", "tasks.py", "--store", "stook.db", "--name", "w1", "--metrics-port", "0"),
        STOOK_LOG_FORMAT="json",
        STOOK_LOG_LEVEL="info",
    )
    worker.says("working on")
    with run.client(serve, serve.ready["key"]) as client:
        done(client, "double")
    url = re.search(r"http://127.0.0.1:\d+/metrics", worker.words)[0]

    def settled():
        return Scraped(httpx.get(url).text)("stook_worker_attempts_total", task="double", outcome="succeeded")

    until(lambda: settled() == 3, "three outcomes")
    found = Scraped(httpx.get(url).text)
    assert found("stook_worker_slots") == 10
    assert found("process_open_fds") > 3
    assert "stook_executions" not in found.families
    assert httpx.get(url.replace("/metrics", "/other")).status_code == 404
    assert worker.ended(signal.SIGTERM) == 0
    said = [json.loads(line) for line in worker.words.splitlines() if not line.startswith("stook: metrics at")]
    assert {line["worker"] for line in said if line["logger"] == "shop"} == {"w1"}
    assert said[-1]["event"] == "stopped"


def test_a_worker_over_http_counts_alike(run):
    up = run.server("serve")
    worker = run.worker("tasks.py", "--server", up.url, "--metrics-port", "0", STOOK_KEY=up.ready["key"])
    with run.client(up, up.ready["key"]) as client:
        done(client, "double", 5)
        until(
            lambda: Scraped(client.get("/metrics").text)("stook_http_settled_items_total", outcome="succeeded") == 5,
            "five outcomes",
        )
        assert Scraped(client.get("/metrics").text)("stook_http_claimed_items_total") == 5
    url = re.search(r"http://127.0.0.1:\d+/metrics", worker.words)[0]
    assert Scraped(httpx.get(url).text)("stook_worker_claimed_total", task="double") == 5


def test_a_port_that_is_taken_or_none(run):
    up = run.server("serve")
    said = run.cli.fails(2, "worker", "tasks.py", "--store", "stook.db", "--metrics-port", up.port)
    assert "cannot listen on 127.0.0.1" in said
    assert "between 0 and 65535" in run.cli.fails(2, "worker", "tasks.py", "--metrics-port", "70000")


def test_settings_that_are_none_are_refused(run):
    assert "'console' or 'json'" in run.cli.fails(2, "serve", STOOK_LOG_FORMAT="xml")
    assert "'warning'" in run.cli.fails(2, "serve", STOOK_LOG_LEVEL="loud")
    assert "'key' or 'open' or 'off'" in run.cli.fails(2, "serve", STOOK_METRICS="yes")
