"""JSON Lines, JSON arrays and CSV as text: exact bytes, right lines, errors with their place."""

from __future__ import annotations

import csv
import io
import json
import tracemalloc

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from stook.core.errors import InputError, PayloadError, PayloadTooLarge
from stook.core.payload import encode
from stook.files.csv_rows import read_csv
from stook.files.json_array import read_json_array
from stook.files.jsonl import read_jsonl
from tests.unit.files_trickle import Endless, Trickle

LIMIT = 1 << 20
sizes = st.lists(st.integers(1, 40), min_size=1, max_size=5)
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=()))
)
values = st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8)
spaces = st.text(" \t\r\n", max_size=4).map(str.encode)


def rows_of(blocks):
    """(line, payload) of every item."""
    return [pair for block in blocks for pair in zip(block.lines, block.payloads, strict=True)]


def refused(read, text, **options):
    with pytest.raises(InputError) as caught:
        rows_of(read(Trickle(text.encode() if isinstance(text, str) else text), LIMIT, **options))
    return caught.value


# ---------------------------------------------------------------------------------------------------- JSON Lines


@given(st.lists(st.one_of(values.map(encode), st.sampled_from([b"", b"  ", b"\r"]))), sizes, st.booleans())
@example(lines=[b'"\\ud800"', b"", b'{"a":1,"a":2}'], pieces=[1], ended=True)
def test_jsonl_keeps_every_byte_and_counts_every_line(lines, pieces, ended):
    data = b"\n".join(lines) + (b"\n" if ended and lines else b"")
    wanted = [(number, line) for number, line in enumerate(lines, 1) if line.strip()]
    assert rows_of(read_jsonl(Trickle(data, pieces), LIMIT)) == wanted


def test_jsonl_takes_spaces_and_carriage_returns_off_but_leaves_the_rest():
    assert rows_of(read_jsonl(Trickle(b' {"a" : 1.0} \r\n\r\n[ ]\r\n'), LIMIT)) == [(1, b'{"a" : 1.0}'), (3, b"[ ]")]


@pytest.mark.parametrize(
    ("text", "index", "where", "words"),
    [
        ('{"a":1}\n\n{"a":}\n', 1, "in.txt:3:6", "expecting value"),
        ("1\n2\n1,2\n", 2, "in.txt:3:2", "extra data"),
        ('1\n{"a":1\n"b":2}\n', 1, "in.txt:2:7", "expecting ',' delimiter"),
        ("1\n  NaN\n", 1, "in.txt:2:3", "NaN is not JSON (use null"),
        ('["x", 1e999]', 0, "in.txt:1:7", "too large for a double"),
        (b'1\n"\xff"\n', 1, "in.txt:2:2", "byte 0xff is not UTF-8 (save"),
        ("[\n1\n]", 0, "in.txt:1:2", "use the format json)"),
        ("1\n" * 70_000 + "x", 70_000, "in.txt:70001:1", "expecting value"),
    ],
)
def test_jsonl_errors_name_line_and_column(text, index, where, words):
    error = refused(read_jsonl, text)
    assert isinstance(error, PayloadError)
    assert (error.index, error.where) == (index, where)
    assert words in str(error)


def test_a_line_too_long_is_refused_before_it_is_all_read():
    stream = Endless(b'1\n"', b"x", b'"\n', 100 << 20)
    with pytest.raises(PayloadTooLarge) as caught:
        rows_of(read_jsonl(stream, LIMIT))
    assert caught.value.where == "in.txt:2"
    assert caught.value.size <= 3 * LIMIT


@pytest.mark.parametrize("read", [read_jsonl, read_json_array])
def test_a_long_item_is_read_in_ever_larger_pieces(read):
    """Or the time would grow with the square of its length."""
    text = b'["' + b"x" * (16 << 20) + b'"]'
    stream, asked = Trickle(text, [1 << 30]), []
    read_some = stream.read
    stream.read = lambda size: asked.append(size) or read_some(size)
    assert rows_of(read(stream, 64 << 20))[0][1] in (text, text[1:-1])
    assert len(asked) < 20


# --------------------------------------------------------------------------------------------------- JSON arrays


@given(st.lists(st.tuples(spaces, values.map(lambda value: json.dumps(value, indent=1).encode()), spaces)), sizes)
def test_json_array_gives_each_element_as_it_stands(elements, pieces):
    data, wanted = b" [", []
    for number, (before, text, after) in enumerate(elements):
        data += (b"," if number else b"") + before
        wanted.append((data.count(b"\n") + 1, text))
        data += text + after
    assert rows_of(read_json_array(Trickle(data + b"] \n", pieces), LIMIT)) == wanted


@given(st.lists(st.sampled_from(["1.5", "-1e+5", "1E-7", "0", "true", "false", "null", '"\\ud83d\\ude00"'])), sizes)
def test_json_array_does_not_cut_a_token_in_two(tokens, pieces):
    data = f"[{','.join(tokens)}]".encode()
    assert [payload.decode() for _, payload in rows_of(read_json_array(Trickle(data, pieces), LIMIT))] == tokens


@pytest.mark.parametrize(
    ("text", "where", "words"),
    [
        ("", "in.txt:1", "expected a JSON array, found nothing"),
        ('\n{"a":1}\n{"a":2}', "in.txt:2", "found '{' (for one JSON value a line use the format jsonl)"),
        ("[1,\n2", "in.txt:2", "the array has no end"),
        ("[1,\n2 3]", "in.txt:2", "expected ',' or ']', found '3'"),
        ("[1,\n]", "in.txt:2", "invalid JSON: expecting value"),
        ('[1,\n"abc]', "in.txt:2", "invalid JSON: unterminated string"),
        ("[1]\n\nx", "in.txt:3", "text after the end"),
        ('[1,\n{"a":\n\nNaN}]', "in.txt:4", "NaN is not JSON"),
        ('[1,\n{"a":\n1 "b"' + " " * 100, "in.txt:3", "expecting ',' delimiter"),
        (b'[1,\n"\xff"]', "in.txt:2", "byte 0xff is not UTF-8"),
        ("[" * 100_000, "in.txt:1", "nested deeper than 500 levels"),
        ("[1,\n" + "[" * 600 + "]" * 600 + "]", "in.txt:2", "nested deeper than 500 levels"),
    ],
)
def test_json_array_errors_name_the_line(text, where, words):
    error = refused(read_json_array, text)
    assert error.where == where
    assert words in str(error)


def test_json_array_finds_a_syntax_error_without_reading_on():
    stream = Endless(b'[{"a" 1}, ', b'"x", ', b"]", 100 << 20)
    with pytest.raises(InputError, match="expecting ':' delimiter"):
        rows_of(read_json_array(stream, LIMIT))
    assert stream._left > 99 << 20


def test_an_element_too_large_is_refused_before_it_is_all_read():
    with pytest.raises(PayloadTooLarge) as caught:
        rows_of(read_json_array(Endless(b'[1,\n"', b"x", b'"]', 100 << 20), LIMIT))
    assert caught.value.where == "in.txt:2"


# ----------------------------------------------------------------------------------------------------------- CSV

cells = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\r"), max_size=6)


@given(
    st.lists(st.text("abcé ,\n", min_size=1, max_size=3).filter(str.strip), min_size=2, max_size=4, unique=True),
    st.data(),
    sizes,
    st.sampled_from([",", "\t"]),
)
def test_csv_rows_are_objects_of_strings(header, data, pieces, delimiter):
    rows = data.draw(st.lists(st.lists(cells, min_size=len(header), max_size=len(header)), max_size=30))
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\n")
    wanted, starts = [], []
    writer.writerow(header)
    for row in rows:
        starts.append(text.getvalue().count("\n") + 1)
        writer.writerow(row)
        wanted.append(dict(zip(header, row, strict=True)))
    found = rows_of(read_csv(Trickle(text.getvalue().encode(), pieces), LIMIT, delimiter))
    assert [json.loads(payload) for _, payload in found] == wanted
    assert [line for line, _ in found] == starts


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("a,b\r\n1,x\r\n", [(2, b'{"a":"1","b":"x"}')]),
        ("\na,b\n\n1,\n\n\n2,y", [(4, b'{"a":"1","b":""}'), (7, b'{"a":"2","b":"y"}')]),
        ("a;b\n1;2,5\n", [(2, b'{"a":"1","b":"2,5"}')]),
        ('a\n""\n"x\n\ny"\nz\n', [(2, b'{"a":""}'), (3, b'{"a":"x\\n\\ny"}'), (6, b'{"a":"z"}')]),
        ("a,b\n", []),
    ],
)
def test_csv_as_people_write_it(text, rows):
    assert rows_of(read_csv(Trickle(text.encode()), LIMIT)) == rows


@pytest.mark.parametrize(
    ("text", "where", "words"),
    [
        ("", "in.txt", "empty: the first row must name the columns"),
        ("a,,c\n", "in.txt:1", "column 2 has no name"),
        ("\na,b,a\n", "in.txt:2", "two columns are called 'a'"),
        ('a,b\n"1\n2",3\n1,2,3\n', "in.txt:4", "3 cells, but the header names 2 columns"),
        ("a,b\n1,2\n3\n", "in.txt:3", "1 cells, but the header names 2 columns"),
        ('a,b\n1,2\n3,"x\ny\n', "in.txt:3", "a quote is opened here and never closed"),
        ('a,b\n"x\ny",2\n"1"3,4\n', "in.txt:4", "malformed row: ',' expected after '\"'"),
        ("a,b\r1,2\r", "in.txt:1", "lone carriage return"),
        (b"a,b\n1,2\n3,\xe9\n", "in.txt:3", "byte 0xe9 is not UTF-8 (save"),
    ],
)
def test_csv_errors_name_the_line(text, where, words):
    error = refused(read_csv, text)
    assert error.where == where
    assert words in str(error)


# -------------------------------------------------------------------------------------------------------- memory


@pytest.mark.parametrize(
    ("read", "stream"),
    [
        (read_jsonl, Endless(b"", b'{"id":1,"name":"a customer"}\n', b"", 12 << 20)),
        (read_json_array, Endless(b"[1", b',\n {"id": 1, "name": "%s"}' % (b"x" * 500), b"]", 12 << 20)),
        (read_csv, Endless(b"id,name\n", b"1,%s\n" % (b"x" * 500), b"", 12 << 20)),
    ],
)
def test_memory_is_flat(read, stream):
    tracemalloc.start()
    try:
        count = sum(len(block.payloads) for block in read(stream, LIMIT))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert count > 20_000
    assert peak < 3 << 20


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_blank_lines_before_the_header_count_as_lines(end):
    text = end.join(["", "", "id,name", "1,Ann", "", "2,Bo", ""]).encode()
    assert rows_of(read_csv(Trickle(text, [5]), LIMIT)) == [
        (4, b'{"id":"1","name":"Ann"}'),
        (6, b'{"id":"2","name":"Bo"}'),
    ]
    error = refused(read_csv, end.join(["", "", "id,name", "1"]).encode())
    assert error.where.endswith(":4")


@pytest.mark.parametrize("read", [read_csv, read_jsonl])
def test_blank_lines_without_end_are_refused(read):
    few = b"1\n" + b"\n" * (LIMIT // 2) + b"2\n"
    assert len(rows_of(read(Trickle(few, [1 << 16]), LIMIT))) == (2 if read is read_jsonl else 1)
    for blank in (b"\n", b"\r\n") if read is read_csv else (b"\n", b" \r\n"):
        error = refused(read, b"1\n" + blank * 2 * LIMIT)
        assert "blank lines" in str(error)


def test_cells_of_spaces_are_cells():
    text = b"a\n" + b" \n" * LIMIT
    assert len(rows_of(read_csv(Trickle(text), LIMIT))) == LIMIT
