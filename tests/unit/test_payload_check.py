from __future__ import annotations

import json
import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from stook.core.errors import PayloadError
from stook.core.payload import MAX_DEPTH, Invalid, check_many, decode, validate_many
from stook.core.payload_read import flaw
from stook.core.payload_text import depth, may_overflow

PIECES = [
    *(b"{", b"}", b"[", b"]", b",", b":", b'"', b'"a"', b'"k":', b"[1,2]", b'{"a":1}', b"null", b"true", b"nul"),
    *(b"1", b"-", b"0", b".5", b"e", b"E+", b"999", b"00", b"1e308", b"1e999", b"-0", b"9" * 310, b"NaN", b"Infinity"),
    *(b"\\", b"\\u", b"d800", b"\\ud800", b"\\udc00", b"\\u0000", b"\\x", b"\\n", b"'", b"/*", b" ", b"\n", b"\t"),
    *(b"\xff", b"\xc3\xa9", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\x00", b"\x0b", b"\x7f", b"\xf4\x90\x80\x80"),
]
almost_json = st.lists(st.sampled_from(PIECES), max_size=8).map(b"".join)


def refuse(word):
    raise ValueError(word)


def finite(digits):
    return float(digits) if math.isfinite(float(digits)) else refuse(digits)


def is_payload(raw):
    """The rule in other words: strict UTF-8, strict JSON, finite numbers."""
    try:
        json.loads(raw.decode("utf-8"), parse_constant=refuse, parse_float=finite)
    except ValueError:
        return False
    return not raw.startswith(b"\xef\xbb\xbf")


@given(st.lists(almost_json, min_size=1, max_size=3))
@example([b"1,2"])
@example([b'{"a":1', b'"b":2}'])
@example([b"[1", b"2]"])
@example([b'"', b'"'])
@example([b'"\xff"'])
@example([b"1e999"])
@example([rb'"\ud800"', b'"1e999"'])
@example([b"9" * 309 + b".0"])
@example([b"1", b"", b"2"])
def test_only_json_passes(texts):
    found = check_many(texts)
    bad = [place for place, text in enumerate(texts) if not is_payload(text)]
    if bad:
        assert isinstance(found, Invalid)
        assert found.position == bad[0]
    else:
        assert found == [text.strip(b" \t\r\n") for text in texts]
        assert [decode(text) for text in texts] == [json.loads(text) for text in texts]


@given(almost_json)
def test_a_flaw_is_found_exactly_in_what_is_no_payload(raw):
    assert (flaw(raw) is None) == is_payload(raw)


@given(st.floats(), st.integers(0, 320), st.integers(-400, 400))
def test_a_number_beyond_a_double_always_looks_like_one(number, digits, exponent):
    for text in (repr(number), "1" * digits + f"1.5e{exponent}", "1" * digits + f"1E+{abs(exponent):04}"):
        if math.isinf(float(text)) and "inf" not in text:
            assert may_overflow(f"[0,{text}]".encode())


@pytest.mark.parametrize(
    ("raw", "column", "reason"),
    [
        (b'{"a":1,}', 8, "expecting property name enclosed in double quotes"),
        (b"  {'a':1}", 4, "expecting property name enclosed in double quotes"),
        (b"", 1, "empty"),
        (b" \t", 1, "empty"),
        (b"1,2", 2, "extra data"),
        ('["é", NaN]'.encode(), 7, "NaN is not JSON"),
        (b'["NaN \\" NaN", -Infinity]', 16, "-Infinity is not JSON"),
        (b'{"1e999": 1, "b": -1e999}', 19, "number too large for a double"),
        ('["é\xe9", "'.encode() + b'\xff"]', 9, "byte 0xff is not UTF-8"),
        (b'"abc', 1, "unterminated string"),
        (b"[" * 600 + b"]" * 600, 1, f"nested deeper than {MAX_DEPTH} levels"),
        (b"[" * 100_000, 1, f"nested deeper than {MAX_DEPTH} levels"),
    ],
)
def test_an_error_names_item_column_and_reason(raw, column, reason):
    with pytest.raises(PayloadError) as caught:
        validate_many([b"1", b"{}", raw, b"]"], 40)
    assert str(caught.value).startswith(f"item 42: invalid JSON at column {column}: {reason}")
    assert caught.value.index == 42


@pytest.mark.parametrize(
    "raw",
    [
        b'{"a":1,"a":2}',
        b'{ "spaces" :  [ 1 ] }',
        b"1" + b"0" * 10_000,
        b"1.0000000000000000000000000001",
        b"1e-999",
        rb'"\u0000\ud800\udc00\udc00"',
        b'"1e999 NaN"',
        b'["' + b"[" * 2000 + b'"]',
        b"[" * MAX_DEPTH + b"]" * MAX_DEPTH,
        b"[" + b"{}," * 2000 + b"{}]",
    ],
)
def test_bytes_are_kept(raw):
    assert validate_many([b"1", b" " + raw + b"\r"]) == [b"1", raw]


def test_nothing_is_nothing():
    assert check_many([]) == []


def test_depth():
    assert [depth(raw) for raw in (b"1", b"[]", b'{"a":[{}]}', b'"[[["', rb'["\"[[", []]')] == [0, 1, 3, 0, 2]
