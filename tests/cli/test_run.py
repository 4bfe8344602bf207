"""`stook run`: from a file to a file."""

from __future__ import annotations

import csv
import gzip
import json
from collections import Counter

import pytest

from tests.cli.conftest import ran


def test_results_are_complete_and_in_input_order(tasks):
    tasks.rows("in.jsonl", 3000)
    done = tasks("run", "tasks.py:odd_fails", "--input", "in.jsonl", "--output", "out.jsonl", "-c", "20", code=1)
    rows = tasks.lines("out.jsonl")
    assert [row["index"] for row in rows] == list(range(3000))
    for row in rows:
        assert row["input"] == {"id": row["index"], "name": f"n{row['index']}"}
        if row["index"] % 2:
            assert (row["state"], row["result"]) == ("failed", None)
            assert row["error"]["type"] == "ValueError"
            assert row["error"]["message"] == f"{row['index']} is odd"
        else:
            assert (row["state"], row["result"], row["error"]) == ("succeeded", row["index"], None)
    assert Counter(ran(tasks)) == Counter(range(3000))
    assert done.stdout.startswith("partially_failed: 1,500 of 3,000 succeeded, 1,500 failed in ")
    assert "ValueError: 1 is odd" in done.stdout
    assert "3,000 rows written to out.jsonl" in done.stdout


def test_exit_code_is_0_when_all_succeed(tasks):
    tasks.rows("in.jsonl", 10)
    assert tasks("run", "tasks.py:double", "-i", "in.jsonl").stdout.startswith("succeeded: 10 of 10 succeeded")


def test_a_retry_that_is_due_later_is_waited_for(tasks):
    tasks.rows("in.jsonl", 5)
    tasks("run", "tasks.py:second_time", "--input", "in.jsonl", "--output", "out.jsonl")
    assert [(row["state"], row["attempts"]) for row in tasks.lines("out.jsonl")] == [("succeeded", 2)] * 5
    assert Counter(ran(tasks)) == Counter(dict.fromkeys(range(5), 2))


def test_max_attempts_and_timeout_are_those_of_the_command(tasks):
    tasks.rows("in.jsonl", 2)
    tasks("run", "tasks.py:second_time", "--input", "in.jsonl", "--max-attempts", "1", code=1)
    assert sorted(ran(tasks)) == [0, 1]
    tasks("run", "tasks.py:gated", "--input", "in.jsonl", "--timeout", "0.05", "--output", "out.jsonl", code=1)
    assert {row["state"] for row in tasks.lines("out.jsonl")} == {"failed"}


def test_options_of_an_existing_batch_are_not_taken_silently(tasks):
    tasks.rows("in.jsonl", 2)
    tasks("run", "tasks.py:double", "--input", "in.jsonl")
    done = tasks("run", "tasks.py:double", "--input", "in.jsonl", "--max-attempts", "9")
    assert "--max-attempts and --timeout are for new ones" in done.stderr


INPUTS = {
    "rows.csv": b"id,name\n1,a\n2,b\n",
    "rows.tsv": b"id\tname\n1\ta\n2\tb\n",
    "rows.json": b'[{"id": "1", "name": "a"}, {"id": "2", "name": "b"}]',
    "rows.jsonl": b'{"id": "1", "name": "a"}\n{"id": "2", "name": "b"}\n',
    "rows.csv.gz": gzip.compress(b"id,name\n1,a\n2,b\n"),
}


@pytest.mark.parametrize("name", INPUTS)
def test_formats_are_told_by_their_names(cli, name):
    cli.write("up.py", "def up(row): return row['name'].upper()\n")
    (cli.folder / name).write_bytes(INPUTS[name])
    cli("run", "up.py:up", "--input", name, "--output", "out.jsonl")
    assert [row["result"] for row in cli.lines("out.jsonl")] == ["A", "B"]


def test_parquet_in_csv_and_parquet_out(cli):
    parquet = pytest.importorskip("pyarrow.parquet")
    import pyarrow as pa

    cli.write("up.py", "def up(row): return {'name': row['name'].upper()}\n")
    parquet.write_table(pa.table({"name": ["a", "b"]}), cli.folder / "rows.parquet")
    cli("run", "up.py:up", "--input", "rows.parquet", "--output", "out.csv")
    with (cli.folder / "out.csv").open() as file:
        assert [row["result.name"] for row in csv.DictReader(file)] == ["A", "B"]
    cli("run", "up.py:up", "--input", "rows.parquet", "--output", "out.parquet")
    assert parquet.read_table(cli.folder / "out.parquet").column("index").to_pylist() == [0, 1]


def test_a_folder_and_a_pattern_are_one_item_a_file(cli):
    cli.write("size.py", "import os\ndef size(file): return [file['name'], os.path.getsize(file['path'])]\n")
    for name in ("a.txt", "b.txt", "c.md"):
        cli.write(f"files/{name}", name)
    cli("run", "size.py:size", "--input", "files", "--output", "out.jsonl")
    assert [row["result"] for row in cli.lines("out.jsonl")] == [["a.txt", 5], ["b.txt", 5], ["c.md", 4]]
    cli("run", "size.py:size", "--input", "files/*.txt", "--output", "out.jsonl")
    assert [row["result"][0] for row in cli.lines("out.jsonl")] == ["a.txt", "b.txt"]


def test_a_folder_that_the_run_itself_writes_into(cli):
    cli.write("size.py", "def size(file): return file['name']\n")
    command = ("run", "size.py:size", "--input", ".", "--output", "out.jsonl")
    cli(*command)
    again = cli(*command)
    assert "nothing that has ended runs again" in again.stderr
    assert [row["result"] for row in cli.lines("out.jsonl")] == ["size.py"]


def test_standard_input_and_output_hold_data_alone(cli):
    cli.write(
        "loud.py",
        """
        import os
        print("importing")
        def loud(row):
            print(f"handling {row}\\n", end="")
            os.system("echo a child speaks")
            return row
        """,
    )
    done = cli("run", "loud.py:loud", "--input", "-", "--output", "-", stdin='{"id": 1}\n{"id": 2}\n')
    assert [json.loads(line)["result"] for line in done.stdout.splitlines()] == [{"id": 1}, {"id": 2}]
    for told in ("importing", "handling {'id': 1}", "a child speaks", "2 of 2 succeeded"):
        assert told in done.stderr


def test_the_same_standard_input_is_the_same_batch(tasks):
    tasks("run", "tasks.py:double", "--input", "-", stdin='{"id": 1}\n')
    again = tasks("run", "tasks.py:double", "--input", "-", stdin='{"id": 1}\n')
    assert "nothing that has ended runs again" in again.stderr
    assert ran(tasks) == [1]


def test_csv_from_standard_input(cli):
    cli.write("up.py", "def up(row): return row['name'].upper()\n")
    done = cli("run", "up.py:up", "-i", "-", "--format", "csv", "-o", "-", stdin="name\na\n")
    assert json.loads(done.stdout)["result"] == "A"


def test_an_empty_input_is_a_batch_of_nothing(tasks):
    tasks.write("in.jsonl", "")
    tasks("run", "tasks.py:double", "--input", "in.jsonl", "--output", "out.jsonl")
    assert (tasks.folder / "out.jsonl").read_text() == ""


def test_handlers_run_in_threads_and_with_payload_types(cli):
    cli.write(
        "typed.py",
        """
        import threading
        from dataclasses import dataclass

        @dataclass
        class Row:
            id: int

        def named(row: Row) -> list:
            return [row.id, threading.current_thread() is threading.main_thread()]
        """,
    )
    cli.write("in.jsonl", '{"id": 1}\n{"id": "one"}\n')
    cli("run", "typed.py:named", "--input", "in.jsonl", "--output", "out.jsonl", "--max-attempts", "1", code=1)
    good, bad = cli.lines("out.jsonl")
    assert good["result"] == [1, False]
    assert bad["error"]["type"] == "PayloadValidationError"
    assert "id" in bad["error"]["message"]


def test_a_batched_task(cli):
    cli.write(
        "many.py",
        """
        from stook import App, BatchConfig, Fail, Ok

        app = App("many")

        @app.task(max_attempts=1, batch=BatchConfig(size=50, timeout=0.05))
        async def judge(rows: list[dict]) -> list[Ok | Fail]:
            return [Ok(len(rows)) if row["id"] else Fail("zero") for row in rows]
        """,
    )
    cli.rows("in.jsonl", 100)
    cli("run", "many.py", "--input", "in.jsonl", "--output", "out.jsonl", code=1)
    rows = cli.lines("out.jsonl")
    assert rows[0]["error"]["message"] == "zero"
    assert max(row["result"] or 0 for row in rows) == 50


def test_child_processes(cli):
    cli.write("pids.py", "import os\ndef pid(row): return [os.getpid(), os.getppid()]\n")
    cli.rows("in.jsonl", 50)
    cli("run", "pids.py:pid", "--input", "in.jsonl", "--output", "out.jsonl", "--processes", "2")
    children = {tuple(row["result"]) for row in cli.lines("out.jsonl")}
    assert len({child for child, _ in children}) <= 2
    assert len({parent for _, parent in children}) == 1
    assert {child for child, _ in children}.isdisjoint({parent for _, parent in children})


def test_keys_are_the_items_own(tasks):
    tasks.rows("in.jsonl", 3)
    tasks("run", "tasks.py:double", "--input", "in.jsonl", "--key", "name", "--output", "out.jsonl")
    assert [row["key"] for row in tasks.lines("out.jsonl")] == ["n0", "n1", "n2"]
    assert tasks.documents("show", "tasks.double", "--item", "n2")[0]["index"] == 2


@pytest.mark.parametrize(("keep", "ids"), [("first", [1, 2, 4]), ("last", [2, 3, 4])])
def test_items_with_the_same_key_are_merged_when_told_to(tasks, keep, ids):
    tasks.write(
        "in.jsonl",
        """\
        {"id": 1, "k": "a"}
        {"id": 2, "k": "b"}
        {"id": 3, "k": "a"}
        {"id": 4, "k": "c"}
        """,
    )
    done = tasks(
        "run", "tasks.py:double", "-i", "in.jsonl", "--key", "k", "--duplicates", keep, "--output", "out.jsonl"
    )
    assert [row["input"]["id"] for row in tasks.lines("out.jsonl")] == ids
    assert "3 items of in.jsonl, 1 left out" in done.stderr


def test_summary_for_programs(tasks):
    tasks.rows("in.jsonl", 4)
    found = tasks.documents("run", "tasks.py:odd_fails", "--input", "in.jsonl", "--output", "out.jsonl", code=1)[0]
    assert found["batch"]["state"] == "partially_failed"
    assert (found["batch"]["succeeded"], found["batch"]["failed"], found["batch"]["total"]) == (2, 2, 4)
    assert found["output"] == {"path": "out.jsonl", "rows": 4}
    assert (found["new"], found["interrupted"]) == (True, False)
    assert [(group["failed"], group["type"], group["first_index"]) for group in found["failures"]] == [
        (2, "ValueError", 1)
    ]


def test_quiet_says_nothing_on_the_way(tasks):
    tasks.rows("in.jsonl", 4)
    assert tasks("run", "tasks.py:double", "--input", "in.jsonl", "--quiet").stderr == ""


def test_store_and_project_from_the_app_the_option_and_the_environment(cli):
    cli.write(
        "own.py",
        "from stook import App\napp = App('own', store='own.db', project='p')\n@app.task\ndef t(row): return 1\n",
    )
    cli.rows("in.jsonl", 1)
    cli("run", "own.py:t", "--input", "in.jsonl")
    assert cli.batch(STOOK_URL="own.db", STOOK_PROJECT="p")["project"] == "p"
    cli("run", "own.py:t", "--input", "in.jsonl", "--store", "other.db", "--project", "q", STOOK_URL="no.db")
    assert cli.documents("batches", "--store", "sqlite:///other.db", "--project", "q")[0]["total"] == 1
    assert not (cli.folder / "no.db").exists()
