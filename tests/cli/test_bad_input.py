"""Whatever is wrong: one line that names the place and the remedy, an exit code, and nothing half done."""

from __future__ import annotations

import pytest

from tests.cli.conftest import ran

RUN = ("run", "tasks.py:double", "--input", "in.jsonl")


@pytest.fixture
def refused(tasks):
    """Runs what must be refused, and sees to it that nothing happened."""

    def refuse(*words, code=2, **how):
        said = tasks.fails(code, *words, **how)
        assert not ran(tasks)
        assert not (tasks.folder / "out.jsonl").exists()
        assert not (tasks.folder / "stook.db").exists()
        assert not list(tasks.folder.glob(".*.part"))
        return said

    return refuse


TARGETS = {
    "nosuch.py:double": "nosuch.py: no such file",
    "nosuch:double": "there is no module 'nosuch' in this folder",
    "folder/:double": "is a folder",
    ":double": "names no module",
    "tasks.py:doubel": "did you mean tasks.py:double?",
    "tasks.py": "choose one: tasks.py:double",
    "tasks.py:app": "an app with 6 tasks",
    "tasks.py:RAN": "RAN is a int, no task",
    "raises.py:f": "raises.py:2: cannot be imported: ZeroDivisionError: division by zero",
    "deep.py:f": "raises.py:2: cannot be imported: ZeroDivisionError",
    "syntax.py:f": "syntax.py:2: SyntaxError: ",
    "missing.py:f": "missing.py:1: cannot be imported: ModuleNotFoundError: No module named 'no_such_library'",
    "exits.py:f": "exits.py:1: cannot be imported: SystemExit: 3",
    "classes.py:Thing": "is the class Thing, no task",
    "twice.py:f": "task 'one' is defined twice",
    "generator.py:f": "is a generator",
    "three.py:f": "asks for more than it can be given",
    "unknown.py:f": "the annotation 'NoSuchType' cannot be resolved",
    "empty.py": "define one with @app.task",
    "functions.py": "name one of its functions: functions.py:f, functions.py:g",
}
MODULES = {
    "raises.py": "x = 1\n1 / 0\n",
    "deep.py": "import raises\n",
    "syntax.py": "x = 1\ndef f(:\n",
    "missing.py": "import no_such_library\n",
    "exits.py": "raise SystemExit(3)\n",
    "classes.py": "class Thing: pass\n",
    "twice.py": "from stook import App\napp = App('a')\n@app.task('one')\ndef f(x): 0\n@app.task('one')\ndef g(x): 0\n",
    "generator.py": "def f(row):\n    yield row\n",
    "three.py": "def f(a, b, c): ...\n",
    "unknown.py": "from __future__ import annotations\ndef f(row: NoSuchType): ...\n",
    "empty.py": "x = 1\n",
    "functions.py": "def f(row): ...\ndef g(row): ...\n",
}


@pytest.mark.parametrize("target", TARGETS)
def test_targets(tasks, refused, target):
    (tasks.folder / "folder").mkdir()
    for name, text in MODULES.items():
        tasks.write(name, text)
    tasks.rows("in.jsonl", 3)
    assert TARGETS[target] in refused("run", target, "--input", "in.jsonl")


INPUTS = {
    "not JSON": (b'{"id": 1}\n{"id": \n', "in.jsonl:2"),
    "NaN": (b'{"id": 1}\n{"id": 2}\n{"id": NaN}\n', "in.jsonl:3"),
    "Infinity": (b'{"id": -Infinity}\n', "in.jsonl:1"),
    "not UTF-8": (b'{"id": 1}\n\xff\xfe\xfd\n', "in.jsonl:2"),
    "too large": (b'{"id": 1}\n{"id": "' + b"x" * (5 * 2**20) + b'"}\n', "in.jsonl:2"),
}


@pytest.mark.parametrize("what", INPUTS)
def test_lines_that_cannot_be_read(tasks, refused, what):
    content, place = INPUTS[what]
    (tasks.folder / "in.jsonl").write_bytes(content)
    assert place in refused(*RUN, "--output", "out.jsonl")


def test_a_bad_line_far_behind_is_found_before_anything_runs(tasks, refused):
    tasks.rows("in.jsonl", 50_000)
    with (tasks.folder / "in.jsonl").open("a") as file:
        file.write("oops\n")
    assert "in.jsonl:50001" in refused(*RUN)


def test_csv_rows_that_do_not_fit(tasks, refused):
    tasks.write("in.csv", "id,name\n1,a\n2\n")
    assert refused("run", "tasks.py:double", "--input", "in.csv").startswith("in.csv:3: 1 cells")


def test_inputs_that_are_not_there(tasks, refused):
    assert "in.jsonl: no such file" in refused(*RUN)
    assert "no files there" in refused("run", "tasks.py:double", "--input", "*.nothing")
    assert "cannot tell the format" in refused("run", "tasks.py:double", "--input", "tasks.py")


def test_keys_twice_name_both_lines(tasks, refused):
    tasks.write("in.csv", 'id,note\n1,"two\nlines"\n2,\n3,\n2,\n1,\n')
    said = refused("run", "tasks.py:double", "--input", "in.csv", "--key", "id")
    assert said.startswith("in.csv:6 and in.csv:4: key '2' is already used by item 1, and 1 more")
    assert "--duplicates first, or last" in said


def test_keys_that_are_not_there(tasks, refused):
    tasks.write("in.jsonl", '{"id": 1}\n{"no": 2}\n')
    assert refused(*RUN, "--key", "id").startswith("in.jsonl:2: no key: the field 'id' is missing")


OPTIONS = {
    ("--duplicates", "first"): "--duplicates first needs keys",
    ("--duplicates", "some"): "--duplicates",
    ("-c", "0"): "--concurrency 0 is less than 1",
    ("-c", "many"): "unable to convert",
    ("--processes", "0"): "--processes 0 is less than 1",
    ("--grace", "-1"): "--grace -1.0 is not a number of seconds",
    ("--name", " "): "--name is empty",
    ("--max-attempts", "0"): "max_attempts=0 is ",
    ("--timeout", "0"): "timeout=0",
    ("--output-format", "csv"): "--output-format without --output",
    ("--output", "out"): "cannot tell the format from the name",
    ("--output", "-", "--json"): "both want standard output",
    ("--format", "xml"): 'Invalid value "xml"',
    ("--colour",): "--colour",
    ("--store", "mysql://here"): "is no kind of store stook knows",
    ("--store", "sqlite:///"): "names no file",
}


@pytest.mark.parametrize("options", OPTIONS)
def test_options(tasks, refused, options):
    tasks.rows("in.jsonl", 3)
    assert OPTIONS[options] in refused(*RUN, *options)


def test_an_output_that_cannot_be_written(tasks, refused):
    tasks.rows("in.jsonl", 3)
    assert "the folder does not exist" in refused(*RUN, "--output", "no/such/folder.jsonl", code=4)


VARIABLES = {
    "STOOK_LEASE_SECONDS": "soon",
    "STOOK_SYNCHRONOUS": "sometimes",
    "STOOK_MAX_PAYLOAD_BYTES": "4k",
    "STOOK_INLINE_BYTES": "lots",
}


@pytest.mark.parametrize("name", VARIABLES)
def test_environment_variables(tasks, refused, name):
    tasks.rows("in.jsonl", 3)
    assert refused(*RUN, **{name: VARIABLES[name]}).startswith(f"{name}={VARIABLES[name]!r} is not ")


def test_processes_and_what_cannot_go_there(tasks, refused):
    tasks.rows("in.jsonl", 3)
    tasks.write("inner.py", "def make():\n    def f(row): ...\n    return f\nf = make()\n")
    assert "cannot be imported by a child process" in refused(
        "run", "inner.py:f", "--input", "in.jsonl", "--processes", "1"
    )


def test_commands_that_are_none(cli):
    assert "Unknown command" in cli.fails(2, "rnu")
    assert "requires an argument" in cli.fails(2, "run")


def test_ids_that_are_none(tasks):
    tasks.rows("in.jsonl", 3)
    tasks(*RUN, "--name", "monday")
    for command in ("show", "watch", "results", "failures", "cancel", "pause", "resume"):
        assert "did you mean 'monday'?" in tasks.fails(2, command, "mondy")
    assert "has no batch" in tasks.fails(2, "show", "0192f0c1-7b7e-7000-8a2b-3c4d00000000")
    assert "has no item 7" in tasks.fails(2, "show", "monday", "--item", "7")
    assert "no failure group" in tasks.fails(2, "failures", "monday", "--group", "abc")
    assert "no failure group" in tasks.fails(2, "retry", "monday", "--group", "abc")


def test_words_that_are_no_states(tasks):
    tasks.rows("in.jsonl", 3)
    tasks(*RUN)
    assert '"partially_failed"' in tasks.fails(2, "batches", "--state", "broken")
    assert '"succeeded"' in tasks.fails(2, "results", "tasks.double", "--state", "done")
    assert '"expired"' in tasks.fails(2, "retry", "tasks.double", "--state", "succeeded")


def test_what_a_batch_is_not_ready_for(tasks):
    tasks.rows("in.jsonl", 3)
    tasks(*RUN)
    assert "has ended" in tasks.fails(2, "cancel", "tasks.double")
    assert "succeeded" in tasks.fails(2, "pause", "tasks.double")
    assert "retry what?" in tasks.fails(2, "retry", "tasks.double")
    assert "--yes" in tasks.fails(2, "delete", "tasks.double")
    assert tasks.batch()["state"] == "succeeded"


def test_a_result_that_is_not_json_is_that_items_failure(cli):
    cli.write("odd.py", "def odd(row): return object() if row['id'] else float('nan')\n")
    cli.rows("in.jsonl", 2)
    cli("run", "odd.py:odd", "--input", "in.jsonl", "--output", "out.jsonl", "--max-attempts", "1", code=1)
    assert [row["error"]["code"] for row in cli.lines("out.jsonl")] == ["result_not_serializable"] * 2


def test_bytes_that_are_no_text(tasks):
    tasks.rows("in.jsonl", 3)
    odd = "a\udcff"  # how Python holds what a command line has in no encoding
    assert "is not UTF-8" in tasks.fails(2, *RUN, "--project", odd)
    assert "no database keeps" in tasks.fails(2, *RUN, "--name", odd)
    tasks("run", "tasks.py:double", "--input", tasks.rows(f"{odd}.jsonl", 3), "--store", f"{odd}.db")
    assert "has no batch" in tasks.fails(2, "show", odd, "--store", f"{odd}.db")
    assert "is not UTF-8" in tasks.fails(2, "batches", "--project", odd, "--store", f"{odd}.db")
    assert "is not UTF-8" in tasks.fails(2, "worker", "tasks.py", "--name", odd)
    (tasks.folder / "files").mkdir()
    (tasks.folder / "files" / odd).touch()
    tasks.write("names.py", "def name(file): return file['name']\n")
    tasks("run", "names.py:name", "--input", "files", "--output", "out.jsonl")
    assert tasks.lines("out.jsonl")[0]["result"] == odd
