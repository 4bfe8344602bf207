"""Opening sources: formats by name, gzip, pipes, folders, keys, limits, and what cannot be opened."""

from __future__ import annotations

import datetime as dt
import decimal
import gzip
import io
import json
import os
import sys
import threading

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stook.core.errors import InputError, MissingExtra, OptionError, PayloadError, PayloadTooLarge
from stook.files.content import content_id
from stook.files.read import open_items
from stook.files.spool import Spooled, spool, spool_stdin

ROWS = [{"id": "7", "name": "Ann"}, {"id": "8", "name": "Bo"}, {"id": "9", "name": "Cy"}]
LINES = b"".join(json.dumps(row).encode() + b"\n" for row in ROWS)
TABLE = b"id,name\n7,Ann\n8,Bo\n9,Cy\n"


def payloads_of(source, **options):
    with open_items(source, **options) as reader:
        return [payload for block in reader for payload in block.payloads]


def values_of(source, **options):
    return [json.loads(payload) for payload in payloads_of(source, **options)]


def failure(source, kind=InputError, **options):
    with pytest.raises(kind) as caught:
        payloads_of(source, **options)
    return caught.value


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("rows.jsonl", LINES),
        ("rows.ndjson", b"\xef\xbb\xbf" + LINES),
        ("rows.jsonl.gz", gzip.compress(LINES, mtime=0)),
        ("ROWS.JSONL", LINES.rstrip()),
        ("rows.json", json.dumps(ROWS, indent=2).encode()),
        ("rows.csv", TABLE),
        ("rows.csv", b"\xef\xbb\xbf" + TABLE),
        ("rows.csv.gz", gzip.compress(TABLE, mtime=0)),
        ("rows.tsv", TABLE.replace(b",", b"\t")),
    ],
)
def test_the_name_tells_the_format(folder, name, content):
    (folder / name).write_bytes(content)
    assert values_of(name) == ROWS
    assert values_of(folder / name, skip=2) == ROWS[2:]


def test_a_given_format_wins_over_the_name(folder):
    (folder / "rows.txt").write_bytes(TABLE)
    assert values_of("rows.txt", format="csv") == ROWS


def test_parquet_rows_of_every_type(folder):
    when = dt.datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=dt.UTC)
    table = pa.table(
        {
            "n": pa.array([1, None, 2**62]),
            "x": pa.array([1.5, 0.1, -0.0]),
            "at": pa.array([when] * 3, pa.timestamp("ns", "UTC")),
            "price": pa.array([decimal.Decimal("1.10")] * 3),
            "raw": pa.array([b"abc"] * 3),
            "tags": pa.array([["a"], [], None]),
            "in": pa.array([{"a": 1}, {"a": 2}, None]),
        }
    )
    pq.write_table(table, "rows.parquet", row_group_size=2)
    first, _, last = values_of("rows.parquet")
    assert first == {
        "n": 1,
        "x": 1.5,
        "at": "2026-01-02T03:04:05.000006Z",
        "price": "1.10",
        "raw": "YWJj",
        "tags": ["a"],
        "in": {"a": 1},
    }
    assert (last["n"], last["tags"], last["in"]) == (2**62, None, None)


def test_parquet_errors_name_the_row(folder):
    pq.write_table(pa.table({"x": [1.0] * 1500 + [float("nan")]}), "nan.parquet")
    error = failure("nan.parquet", PayloadError)
    assert (error.index, error.where) == (1500, "nan.parquet:1501")
    assert "$.x: NaN is not JSON" in str(error)
    pq.write_table(pa.table({"at": pa.array([1], pa.timestamp("ns"))}), "fine.parquet")
    assert failure("fine.parquet").where == "fine.parquet:1"
    pq.write_table(pa.Table.from_arrays([pa.array([1]), pa.array([2])], ["a", "a"]), "twice.parquet")
    assert "two columns are called 'a'" in str(failure("twice.parquet"))
    (folder / "no.parquet").write_bytes(LINES)
    assert "no.parquet: unreadable Parquet" in str(failure("no.parquet"))


def test_parquet_without_its_extra_says_what_to_install(folder, monkeypatch):
    (folder / "rows.parquet").write_bytes(b"")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert "pip install 'stook[parquet]'" in str(failure("rows.parquet", MissingExtra))


@pytest.mark.parametrize("skip", [0, 1, 999, 1000, 1001, 2500, 9999])
def test_skip_leaves_out_exactly_that_many(folder, skip):
    (folder / "n.jsonl").write_text("\n".join(map(str, range(2500))))
    with open_items("n.jsonl", skip=skip, key=None) as reader:
        blocks = list(reader)
    assert [int(one) for block in blocks for one in block.payloads] == list(range(skip, 2500))
    assert [line for block in blocks for line in block.lines] == list(range(skip + 1, 2501))
    assert all(0 < len(block.payloads) <= 1000 for block in blocks)


# ---------------------------------------------------------------------------------------------------------- keys


@pytest.mark.parametrize(
    ("field", "lines", "keys"),
    [
        ("id", ['{"id":"a"}', '{"id":"é"}'], ["a", "é"]),
        ("id", ['{"id":7}', '{"id":1.50}', '{"id":"x"}'], ["7", "1.5", "x"]),
        ("order.id", ['{"order":{"id":"a"}}', '{"order.id":"b","order":{"id":"c"}}'], ["a", "b"]),
    ],
)
def test_keys_come_from_a_field(folder, field, lines, keys):
    (folder / "rows.jsonl").write_text("\n".join(lines))
    with open_items("rows.jsonl", key=field) as reader:
        assert [key for block in reader for key in block.keys] == keys


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('{"name":"x"}', "the field 'id' is missing"),
        ("[1]", "the field 'id' is missing"),
        ('"id"', "the field 'id' is missing"),
        ('{"id":null}', "is null, not a string or a number"),
        ('{"id":true}', "is a boolean"),
        ('{"id":{"a":1}}', "is an object"),
        ('{"id":""}', "is empty"),
        ('{"id":"a\\u0000"}', "no database keeps"),
        ('{"id":"\\ud800"}', "no database keeps"),
    ],
)
def test_an_item_without_a_key_is_refused_with_its_line(folder, line, words):
    (folder / "rows.jsonl").write_text(f'{{"id":"1"}}\n\n{{"id":"2"}}\n{line}\n')
    error = failure("rows.jsonl", key="id", skip=1)
    assert (error.index, error.where) == (2, "rows.jsonl:4")
    assert words in str(error)


# ------------------------------------------------------------------------------------- folders, patterns, pipes


def test_a_folder_is_an_item_per_file_however_deep(folder):
    for name in ("b.txt", "a/deep/c.txt", "a/.hidden", ".git/config", "a/\udc80.txt"):
        path = folder / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    names = ["a/deep/c.txt", "a/\udc80.txt", "b.txt"]
    wanted = [{"path": f"{folder}/in/{name}", "name": name.rpartition("/")[2]} for name in names]
    assert values_of("in") == values_of(folder / "in" / ".." / "in") == wanted
    assert values_of("in/**/*.txt") == wanted
    assert values_of("in/b.txt", format="files") == wanted[-1:]
    with open_items("in") as reader:
        assert (reader.format, [block.lines for block in reader]) == ("files", [range(1, 4)])


def test_a_file_whose_name_looks_like_a_pattern_is_that_file(folder):
    (folder / "rows[1].jsonl").write_bytes(LINES)
    assert values_of("rows[1].jsonl") == ROWS


def test_standard_input_is_spooled_and_leaves_nothing(folder, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(gzip.compress(LINES, mtime=0))))
    with open_items("-") as reader:
        assert len(list(folder.iterdir())) == 1
        assert [json.loads(one) for block in reader for one in block.payloads] == ROWS
        assert reader.name == "standard input"
    assert list(folder.iterdir()) == []
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"{}\n{\n")))
    assert failure("-").where == "standard input:2:2"
    assert list(folder.iterdir()) == []


def test_a_spooled_source_is_read_as_often_as_needed(folder):
    (folder / "rows.csv").write_bytes(TABLE)
    with spool_stdin(io.BytesIO(TABLE), folder) as spooled:
        assert content_id(spooled) == content_id("rows.csv")
        assert values_of(spooled, format="csv") == values_of(spooled, format="csv") == ROWS
        assert spool(spooled) is spooled
        assert spooled.path.exists()
    assert not spooled.path.exists()


def test_a_pipe_is_spooled(folder):
    os.mkfifo("pipe")
    writer = threading.Thread(target=(folder / "pipe").write_bytes, args=(LINES,))
    writer.start()
    with spool("pipe", folder) as source:
        assert isinstance(source, Spooled)
        assert values_of(source) == ROWS
    writer.join()
    assert spool("no such.csv") == "no such.csv"
    assert spool(folder) == folder


def test_nothing_is_left_of_a_pipe_that_breaks(folder):
    class Broken(io.BytesIO):
        def read(self, size=-1):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        spool_stdin(Broken(), folder)
    assert list(folder.iterdir()) == []


# ------------------------------------------------------------------------------------------------- what is wrong


def test_what_cannot_be_opened_is_an_error_at_once(folder):
    (folder / "empty").mkdir()
    (folder / "rows.xls").write_bytes(LINES)
    (folder / "wide.jsonl").write_bytes('{"a":1}\n'.encode("utf-16"))
    for source, options, kind, words in [
        ("no.csv", {}, InputError, "no.csv: no such file (check the path)"),
        ("*.nothing", {}, InputError, "*.nothing: no files there"),
        ("empty", {}, InputError, "empty: no files there"),
        ("rows.xls", {}, OptionError, "rows.xls: cannot tell the format from the name (name it: csv, files, json,"),
        ("empty", {"format": "csv"}, OptionError, "empty: many files are not one csv file"),
        ("rows.xls", {"format": "json"}, InputError, "rows.xls:1: expected a JSON array, found '{'"),
        ("empty/x.json/y.json", {}, InputError, "no such file"),
        ("rows.xls/y.json", {}, InputError, "rows.xls/y.json: cannot be read: Not a directory"),
    ]:
        with pytest.raises(kind) as caught:
            open_items(source, **options)
        assert words in str(caught.value)
    assert "wide.jsonl: the text is UTF-16 (save it as UTF-8)" in str(failure("wide.jsonl"))


def test_a_damaged_gzip_file_is_named(folder):
    good = gzip.compress(os.urandom(1000).hex().encode())
    (folder / "cut.jsonl.gz").write_bytes(good[:-20])
    (folder / "bad.jsonl.gz").write_bytes(good[:50] + b"\0\0\0\0" + good[54:])
    for name in ("cut.jsonl.gz", "bad.jsonl.gz"):
        assert f"{name}: damaged gzip file" in str(failure(name))


def test_an_item_above_the_limit_is_named(folder):
    (folder / "rows.jsonl").write_text('1\n\n"23456"\n')
    error = failure("rows.jsonl", PayloadTooLarge, max_item_bytes=6)
    assert (error.index, error.where, error.size, error.limit) == (1, "rows.jsonl:3", 7, 6)
    assert payloads_of("rows.jsonl", max_item_bytes=7) == [b"1", b'"23456"']


# ------------------------------------------------------------------------------------------------------- content


def test_content_is_told_by_bytes_and_folders_by_what_changes_in_them(folder):
    (folder / "a.csv").write_bytes(TABLE)
    (folder / "b.csv").write_bytes(TABLE)
    assert content_id("a.csv") == content_id(folder / "b.csv")
    (folder / "b.csv").write_bytes(TABLE + b"10,Di\n")
    assert content_id("a.csv") != content_id("b.csv")
    before = content_id(folder)
    assert before == content_id("*.csv") == content_id(folder)
    os.utime("a.csv", ns=(1, 1))
    touched = content_id(folder)
    (folder / "c.csv").touch()
    assert len({before, touched, content_id(folder)}) == 3
    for source, words in (("no.csv", "no such file"), ("-", "read only once"), ("*.no", "no files there")):
        with pytest.raises(InputError, match=words):
            content_id(source)
