"""The examples do what they say."""

from __future__ import annotations

import csv
import hashlib
import http.server
import json
import re
import shutil
import sqlite3
import subprocess
import sys
import threading

import pytest

from tests.shape.tree import ROOT

EXAMPLES = ROOT / "examples"


@pytest.fixture
def examples(cli):
    """A copy of the folder, to run in."""
    for file in EXAMPLES.iterdir():
        if file.is_file() and not file.name.startswith("stook.db"):
            shutil.copy(file, cli.folder)
    return cli


def test_the_table_names_every_example_and_every_command_is_one():
    text = (EXAMPLES / "README.md").read_text()
    for file in EXAMPLES.glob("*.py"):
        assert f"`{file.name}`" in text
    for target in re.findall(r"stook run (\S+?\.py)", text):
        assert (EXAMPLES / target).exists()


def test_orders(examples):
    words = ("run", "orders.py:price", "--input", "orders.csv", "--key", "order_id", "--output", "priced.jsonl")
    examples(*words, code=1)
    with (examples.folder / "orders.csv").open() as file:
        orders = list(csv.DictReader(file))
    rows = examples.lines("priced.jsonl")
    assert [row["key"] for row in rows] == [order["order_id"] for order in orders]
    for order, row in zip(orders, rows, strict=True):
        good = order["currency"] != "XTS" and order["quantity"] != "0"
        assert row["state"] == ("succeeded" if good else "failed")
        assert row["attempts"] == 1
    causes = {group["message"].split()[0] for group in examples.documents("failures", "orders.price")}
    assert causes == {"no", "order"}


def test_checksums(examples):
    words = ("--input", ".", "--output", "checksums.csv", "--processes", "2")
    examples("run", "checksums.py:checksum", *words)
    with (examples.folder / "checksums.csv").open() as file:
        found = {row["input.name"]: row["result.sha256"] for row in csv.DictReader(file)}
    assert found["orders.csv"] == hashlib.sha256((EXAMPLES / "orders.csv").read_bytes()).hexdigest()
    assert set(found) == {file.name for file in EXAMPLES.iterdir() if file.is_file()}


def test_vectors(examples):
    done = examples(
        "run", "vectors.py", "--input", "-", "--output", "-", stdin='"a red fox"\n"A fox red"\n""\n', code=1
    )
    red, same, empty = map(json.loads, done.stdout.splitlines())
    assert red["result"] == same["result"]
    assert sum(number * number for number in red["result"]) == pytest.approx(1, abs=0.01)
    assert empty["error"]["message"] == "the text is empty"


class Pages(http.server.BaseHTTPRequestHandler):
    """Each page is there, once it has been asked for often enough."""

    asked: list[str] = []  # noqa: RUF012 - one server a test

    def do_GET(self):
        self.asked.append(self.path)
        busy = self.path == "/busy" and self.asked.count("/busy") < 3
        self.send_response(429 if busy else 404 if self.path == "/gone" else 200)
        self.send_header("Retry-After", "0.05")
        self.end_headers()
        self.wfile.write(b"12345")

    def log_message(self, *_):
        pass


def test_fetch(examples):
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Pages) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        there = f"http://127.0.0.1:{server.server_port}"
        urls = [f"{there}/", f"{there}/busy", f"{there}/gone", "ftp://nowhere/"]
        examples.write("urls.jsonl", "".join(f"{json.dumps({'url': url})}\n" for url in urls))
        examples("run", "fetch.py", "--input", "urls.jsonl", "--output", "out.jsonl", code=1)
        server.shutdown()
    rows = examples.lines("out.jsonl")
    assert [row["result"] for row in rows] == [5, 5, None, None]
    assert [row["attempts"] for row in rows] == [1, 3, 1, 1]
    assert [row["error"] and row["error"]["message"] for row in rows[2:]] == [
        "HTTP 404",
        "ftp://nowhere/ is no web page",
    ]


def test_program(examples):
    done = subprocess.run(
        [sys.executable, "program.py", "program.db"],
        cwd=examples.folder,
        env=examples.environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        "partially_failed, the largest is 1.0",
        " 10 × ConnectionError: the service is away",
        "  1 × ZeroDivisionError: division by zero",
        "10 tried again",
        "partially_failed: 99 of 100 succeeded",
    ]


def test_pipeline(examples):
    done = subprocess.run(
        [sys.executable, "pipeline.py"],
        cwd=examples.folder,
        env=examples.environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        "{'order': 'A1', 'state': 'shipped', 'missing': 0, 'books': 'A1 in the books'}",
        "{'order': 'A2', 'state': 'shipped', 'missing': 1, 'books': 'A2 in the books'}",
        "{'order': 'A3', 'state': 'unpaid', 'missing': 0}",
        "2 shipped",
    ]
    with sqlite3.connect(examples.folder / "ledger.db") as ledger:
        tries = dict(ledger.execute("select key, tries from effect").fetchall())
    assert {key for key in tries if not key.startswith("pick ")} == {
        *("reserve A1", "reserve A2", "reserve A3", "ship A1", "ship A2", "export A1", "export A2", "release A3")
    }
    assert set(tries.values()) == {1}
    ledger.close()
