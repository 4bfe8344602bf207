"""Results written out: three formats, whole or not at all."""

from __future__ import annotations

import contextlib
import csv
import errno
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stook.core.errors import MissingExtra, OptionError, StoreError, StoreFull, StoreReadOnly
from stook.core.payload import decode, encode
from stook.files import write_csv
from stook.files.disk import write_error
from stook.files.result_row import ResultRow
from stook.files.target import FileTarget, open_target
from stook.files.write import open_results

FORMATS = ("jsonl", "csv", "parquet")


def row(index=0, given=b'{"a":1}', result=b'{"b":2}', *, key=None, error=None):
    state = "failed" if error else "succeeded"
    return ResultRow(index, key, f"id-{index}", state, given, result, error, 1, 0.25)


def written(path, rows, kind=None):
    with open_results(path, kind) as results:
        for start in range(0, len(rows), 2):
            results.write(rows[start : start + 2])


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


FAILED = {"type": "ValueError", "message": 'no, "never"\nagain', "attempt": 3}
ROWS = [
    row(0, b'{"a": 1.10, "t": "x\\ny", "n": null}', b'{"b":[1, 2],"ok":true}', key="k1"),
    row(1, b'{"a":"\\ud800","late":1}', None, error=FAILED),
    row(2, b"[1,\r\n 2]", b"null", key="\udc80"),
    row(3, None, b'"plain"'),
]


def test_jsonl_holds_input_and_result_as_they_are(folder):
    written("out.jsonl", ROWS)
    lines = (folder / "out.jsonl").read_bytes().splitlines()
    assert lines[0] == (
        b'{"index":0,"key":"k1","id":"id-0","state":"succeeded","input":{"a": 1.10, "t": "x\\ny", "n": null},'
        b'"result":{"b":[1, 2],"ok":true},"error":null,"attempts":1,"duration":0.25}'
    )
    assert [decode(line)["index"] for line in lines] == [0, 1, 2, 3]
    assert decode(lines[1])["error"] == FAILED
    assert b'"input":[1,   2],"result":null' in lines[2]
    assert decode(lines[2])["key"] == "\udc80"
    assert b'"input":null,"result":"plain"' in lines[3]


def test_csv_has_a_column_per_field(folder):
    written("out.csv", ROWS)
    text = (folder / "out.csv").read_bytes().decode()
    assert set(map(len, csv.reader(io.StringIO(text, newline="")))) == {16}
    found = list(csv.DictReader(io.StringIO(text, newline="")))
    assert list(found[0]) == [
        *("index", "key", "id", "state", "attempts", "duration", "error_type", "error_message"),
        *("input.a", "input.t", "input.n", "result.b", "result.ok", "input.late", "input", "result"),
    ]
    filled = [{name: cell for name, cell in one.items() if cell} for one in found]
    same = {"state": "succeeded", "attempts": "1", "duration": "0.25"}
    assert filled == [
        same
        | {"index": "0", "key": "k1", "id": "id-0"}
        | {"input.a": "1.10", "input.t": "x\ny", "result.b": "[1, 2]", "result.ok": "true"},
        same
        | {"index": "1", "id": "id-1", "state": "failed"}
        | {"error_type": "ValueError", "error_message": FAILED["message"]}
        | {"input.a": "\\ud800", "input.late": "1"},
        same | {"index": "2", "key": "\\udc80", "id": "id-2", "input": "[1,\r\n 2]"},
        same | {"index": "3", "id": "id-3", "result": "plain"},
    ]


def test_csv_of_rows_that_agree_and_of_none(folder):
    written("out.csv", [row(0), row(1)])
    assert (folder / "out.csv").read_text() == (
        "index,key,id,state,attempts,duration,error_type,error_message,input.a,result.b\n"
        "0,,id-0,succeeded,1,0.25,,,1,2\n1,,id-1,succeeded,1,0.25,,,1,2\n"
    )
    written("out.csv", [])
    assert (folder / "out.csv").read_text().count("\n") == 1


def test_csv_does_not_grow_without_end(folder, monkeypatch):
    monkeypatch.setattr(write_csv, "MAX_COLUMNS", 10)
    written("out.csv", [row(n, encode({"a": 1, f"x{n}": n, "big": "y" * 200_000}), None) for n in range(3)])
    with (folder / "out.csv").open(newline="") as file:
        csv.field_size_limit(1 << 20)
        found = list(csv.DictReader(file))
    assert list(found[0])[8:] == ["input.a", "input.x0", "more"]
    assert [json.loads(one["more"]) for one in found][1] == {"input.x1": 1, "input.big": "y" * 200_000}


def test_parquet_has_json_as_text(folder):
    written("out.parquet", ROWS)
    found = pq.read_table("out.parquet").to_pylist()
    assert found[0]["input"] == '{"a": 1.10, "t": "x\\ny", "n": null}'
    assert [one["result"] for one in found] == ['{"b":[1, 2],"ok":true}', None, "null", '"plain"']
    assert json.loads(found[1]["error"]) == FAILED
    assert (found[1]["error_type"], found[1]["error_message"]) == ("ValueError", FAILED["message"])
    assert [one["key"] for one in found] == ["k1", None, "\\udc80", None]
    assert (found[0]["index"], found[0]["id"], found[0]["attempts"], found[0]["duration"]) == (0, "id-0", 1, 0.25)
    written("none.parquet", [])
    assert pq.read_table("none.parquet").num_rows == 0


@given(
    st.lists(
        st.dictionaries(
            st.text(st.characters(exclude_categories=("Cs",)), max_size=3),
            st.none() | st.integers() | st.text(st.characters(exclude_categories=("Cs",)), max_size=5),
            max_size=4,
        ),
        max_size=8,
    )
)
def test_csv_comes_back_as_it_went(tmp_path_factory, results):
    path = tmp_path_factory.mktemp("csv") / "out.csv"
    written(path, [row(number, None, encode(result)) for number, result in enumerate(results)])
    with path.open(newline="") as file:
        for result, found in zip(results, csv.DictReader(file), strict=True):
            for name, value in result.items():
                assert found[f"result.{name}"] == ("" if value is None else str(value))


# ---------------------------------------------------------------------------------------------- whole or not at all


@pytest.mark.parametrize("kind", FORMATS)
def test_the_file_appears_when_it_is_complete(folder, kind):
    path = folder / f"out.{kind}"
    path.write_text("old")
    results = open_results(path)
    results.write([row(number) for number in range(100)])
    assert path.read_text() == "old"
    results.close()
    results.abort()
    assert path.stat().st_size > 100
    assert names_in(Path()) == [path.name]


@pytest.mark.parametrize("kind", FORMATS)
def test_nothing_is_left_of_what_was_given_up(folder, kind):
    path = folder / f"out.{kind}"

    def give_up():
        with open_results(path) as results:
            results.write([row()])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        give_up()
    assert names_in(Path()) == []
    path.write_text("old")
    with pytest.raises(KeyboardInterrupt):
        give_up()
    assert path.read_text() == "old"


def test_two_writers_of_one_file_do_not_meet(folder):
    with open_results("out.jsonl") as first:
        with pytest.raises(StoreError, match=r"out.jsonl: another process is writing this file \(wait"):
            open_results("out.jsonl")
        first.write([row()])
    written("out.jsonl", [row(), row()])
    assert (folder / "out.jsonl").read_bytes().count(b"\n") == 2


def test_what_a_killed_writer_left_is_taken_over(folder):
    (folder / ".out.jsonl.part").write_bytes(b"half a li" * 1000)
    written("out.jsonl", [row()])
    assert (folder / "out.jsonl").read_bytes().count(b"\n") == 1
    assert names_in(Path()) == ["out.jsonl"]


def test_a_part_renamed_before_it_was_locked_is_not_touched(folder, monkeypatch):
    """Between opening and locking, the first writer finishes: the second must not empty the finished file."""
    first = FileTarget("out.jsonl", folder / "out.jsonl")
    first.write(b"complete\n")
    real_open, opened = os.open, []

    def open_then_finish(*args):
        handle = real_open(*args)
        if not opened:
            opened.append(handle)
            first.commit()
        return handle

    monkeypatch.setattr(os, "open", open_then_finish)
    second = FileTarget("out.jsonl", folder / "out.jsonl")
    assert (folder / "out.jsonl").read_bytes() == b"complete\n"
    second.abort()
    assert names_in(Path()) == ["out.jsonl"]


def test_a_link_is_followed(folder):
    (folder / "real").mkdir()
    (folder / "out.jsonl").symlink_to("real/there.jsonl")
    written("out.jsonl", [row()])
    assert (folder / "out.jsonl").is_symlink()
    assert names_in(Path("real")) == ["there.jsonl"]


# ---------------------------------------------------------------------------------------------------------- streams


@pytest.mark.parametrize("kind", FORMATS)
def test_standard_output_gets_the_same_bytes(folder, kind):
    program = (
        "from stook.files.write import open_results; from stook.files.result_row import ResultRow\n"
        f"with open_results('-', {kind!r}) as out: out.write([ResultRow(0, None, 'id-0', 'succeeded', b'1', b'2',"
        " None, 1, 0.25)])"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)
    assert done.stderr == b""
    written(f"out.{kind}", [row(0, b"1", b"2")])
    assert done.stdout == (folder / f"out.{kind}").read_bytes()


def test_standard_output_is_jsonl_unless_told_otherwise(monkeypatch):
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO()))
    with open_results("-") as results:
        results.write([row()])
        assert json.loads(sys.stdout.buffer.getvalue())["id"] == "id-0"
    assert not sys.stdout.closed


def test_a_reader_that_went_away_is_no_store_error(folder):
    reader, writer = os.pipe()
    os.close(reader)
    target = f"/dev/fd/{writer}"
    with os.fdopen(writer, "wb"), open_results(target, "jsonl") as results, pytest.raises(BrokenPipeError):
        results.write([row()])


# ------------------------------------------------------------------------------------------------- what is wrong


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("kind", FORMATS)
def test_a_full_device_is_named(kind):
    with pytest.raises(StoreFull, match=r"/dev/full: no space left to write \(free some space"):
        written("/dev/full", [row()], kind)


@pytest.mark.parametrize("kind", FORMATS)
def test_nothing_is_left_on_a_disk_that_is_full(folder, kind):
    program = f"""
import os, resource
from stook.core.errors import StoreFull
from stook.files.write import open_results
from stook.files.result_row import ResultRow
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    with open_results("out.{kind}") as out:
        for index in range(3_000):
            text = b'"%s"' % os.urandom(50).hex().encode()
            out.write([ResultRow(index, None, "id", "succeeded", text, text, None, 1, 0.25)])
except StoreFull as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert done.stdout.startswith(f"out.{kind}: no space left to write")
    assert done.stderr == ""
    assert names_in(Path()) == []


def test_a_place_that_cannot_be_written_is_named_at_once(folder, monkeypatch):
    (folder / "file").touch()
    for path, words in [
        ("no/out.jsonl", "no/out.jsonl: the folder does not exist (create it first)"),
        ("file/out.jsonl", "file/out.jsonl: not a directory"),
    ]:
        with pytest.raises(StoreError) as caught:
            open_results(path)
        assert str(caught.value).startswith(words)
    with pytest.raises(StoreError, match="is a directory"):
        open_results(folder, "jsonl")
    with pytest.raises(OptionError, match=r"out.xls: cannot tell the format from the name \(name it: csv, jsonl"):
        open_results("out.xls")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtra):
        open_results("out.parquet")
    assert names_in(Path()) == ["file"]


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is read-only to root")
def test_a_read_only_folder_is_named(folder):
    folder.chmod(0o555)
    with contextlib.ExitStack() as stack:
        stack.callback(folder.chmod, 0o755)
        with pytest.raises(StoreReadOnly, match=r"out.jsonl: cannot be written \(change its permissions"):
            open_results("out.jsonl")


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.ENOSPC, StoreFull),
        (errno.EDQUOT, StoreFull),
        (errno.EROFS, StoreReadOnly),
        (errno.EACCES, StoreReadOnly),
        (errno.EIO, StoreError),
    ],
)
def test_errors_of_the_disk_have_words(number, kind):
    error = write_error("out", OSError(number, os.strerror(number)))
    assert type(error) is kind
    assert str(error).startswith("out: ")


@pytest.mark.parametrize("kind", FORMATS)
def test_a_closed_writer_takes_nothing_more(folder, kind):
    results = open_results("out", kind)
    results.abort()
    with pytest.raises(ValueError, match="closed"):
        results.write([row()])
    results.close()
    assert names_in(folder) == []


def test_a_closed_target_takes_nothing_more(folder):
    target = open_target("out")
    target.abort()
    with pytest.raises(ValueError, match="closed"):
        target.write(b"x")
    target.commit()
    assert names_in(Path()) == []
