from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import json
import math
import uuid
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stook.core.errors import PayloadError, PayloadTooLarge
from stook.core.payload import (
    MAX_DEPTH,
    check_size,
    decode,
    decode_many,
    encode,
    encode_many,
    join_array,
    split_array,
    validate_many,
)
from stook.core.payload_write import write_exactly

NAN, INF = float("nan"), float("inf")


def one_character_each(text):
    """Two surrogates that make a pair are one character to JSON."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")


texts = st.text(st.characters(exclude_categories=())).map(one_character_each)
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-(10**60), 10**60)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts
)
values = st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(texts, inner), max_leaves=20)


def same(left, right):
    """Equal, and of the same types: 1, 1.0 and True, 0.0 and -0.0 differ."""
    return repr(left) == repr(right)


@given(values)
def test_a_value_comes_back_as_it_was(value):
    assert same(decode(encode(value)), value)


@given(values)
def test_the_exact_writer_agrees(value):
    raw = write_exactly(value)
    assert same(decode(raw), value)
    assert json.loads(raw) == json.loads(encode(value))


@given(st.lists(values))
def test_many_are_as_one_by_one(items):
    raws = encode_many(items)
    assert raws == [encode(item) for item in items]
    joined = join_array(raws)
    assert split_array(joined) == raws
    assert same(decode_many(joined), items)
    assert validate_many(raws) == raws


@given(st.lists(values, min_size=1), st.sampled_from([NAN, INF, -INF]), st.data())
def test_nan_is_found_wherever_it_hides(items, culprit, data):
    place = data.draw(st.integers(0, len(items) - 1))
    hidden = data.draw(st.sampled_from([culprit, [None, culprit], {"null": None, "a": {"b": [culprit]}}]))
    items = [*items[:place], hidden, *items[place + 1 :]]
    with pytest.raises(PayloadError, match="is not JSON") as caught:
        encode_many(items, 1000)
    assert caught.value.index == 1000 + place


@dataclasses.dataclass
class Row:
    price: float
    note: str | None = None


class Line(msgspec.Struct):
    price: float
    note: str | None = None


class Model:
    """Dumps itself as a pydantic model does."""

    def __init__(self, **fields):
        self.fields = fields

    def model_dump(self, *, mode):
        assert mode == "json"
        return self.fields


class Broken:
    def model_dump(self, *, mode):
        raise LookupError(mode)


class Colour(enum.Enum):
    RED = "red"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Row(1.5), '{"price":1.5,"note":null}'),
        (Line(1.5), '{"price":1.5,"note":null}'),
        (Model(a=None), '{"a":null}'),
        ([Model(a=[1])], '[{"a":[1]}]'),
        (Colour.RED, '"red"'),
        (dt.datetime(2026, 1, 2, tzinfo=dt.UTC), '"2026-01-02T00:00:00Z"'),
        (uuid.UUID(int=1), '"00000000-0000-0000-0000-000000000001"'),
        (Decimal("1.10"), '"1.10"'),
        (b"abc", '"YWJj"'),
        ((1, {2}), "[1,[2]]"),
        ({1: None, 2.5: None}, '{"1":null,"2.5":null}'),
        ("null", '"null"'),
    ],
)
def test_types_that_json_has_not_are_written_alike_on_both_ways(value, text):
    assert encode(value).decode() == text
    assert encode_many([value])[0].decode() == text
    assert write_exactly(value).decode() == text


def test_integers_of_any_size():
    value = -(7**20_000)  # 16,903 digits: more than Python converts by itself
    raw = encode_many([value])[0]
    assert decode(raw) == value
    assert validate_many([raw]) == [raw]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"a": [1, {"b": NAN}]}, "item 7: $.a[1].b: NaN is not JSON"),
        (Row(-INF), "item 7: $.price: -Infinity is not JSON"),
        (Line(1.0, [INF]), "item 7: $.note[0]: Infinity is not JSON"),
        (Model(a=NAN), "item 7: $.a: NaN is not JSON"),
        ({"a": [object()]}, "item 7: $.a[0]: object is not JSON"),
        ({"a": Broken()}, "item 7: $.a: test_payload.Broken is not JSON: LookupError: json"),
        ({(1, 2): 3}, "item 7: $.(1, 2): a key of type tuple is not JSON"),
        (["\ud800", {"a": NAN}], "item 7: $[1].a: NaN is not JSON"),
        (msgspec.Raw(b"[1"), "item 7: $: invalid JSON at column 3"),
    ],
)
def test_what_is_no_json_is_named_with_its_path_and_item(value, message):
    with pytest.raises(PayloadError) as caught:
        encode_many([0] * 7 + [value])
    assert str(caught.value).replace("tests.unit.", "").startswith(message)
    assert caught.value.hint or "Raw" in repr(value)
    with pytest.raises(PayloadError):
        encode(value)


def test_raw_json_is_kept_as_it_is():
    assert encode_many([msgspec.Raw(b' {"a": 1,\n"a": 1.0} '), 1]) == [b'{"a": 1,\n"a": 1.0}', b"1"]
    assert encode_many([{"a": msgspec.Raw(b"[1,\n2]")}, 1]) == [b'{"a":[1,\n2]}', b"1"]


def nested(levels):
    value = 1
    for _ in range(levels):
        value = [value]
    return value


def test_depth_has_one_limit():
    assert decode(encode(nested(MAX_DEPTH))) == nested(MAX_DEPTH)
    assert write_exactly(nested(MAX_DEPTH)) == encode(nested(MAX_DEPTH))
    for levels in (MAX_DEPTH + 1, 100_000):
        for write in (encode, write_exactly, lambda value: encode_many([value])):
            with pytest.raises(PayloadError, match="nested deeper than 500 levels"):
                write(nested(levels))


def test_what_contains_itself_is_refused():
    value = {}
    value["again"] = [value]
    with pytest.raises(PayloadError, match="contains itself"):
        encode(value)


@pytest.mark.parametrize("raw", [b"1e999", b"[NaN]", b'"\xff"', b"", b"[" * 100_000, b"{", b"1 2", b"1" * 400 + b".5"])
def test_what_is_no_payload_is_no_value(raw):
    with pytest.raises(PayloadError, match="invalid JSON at column"):
        decode(raw)


def test_split_gives_the_bytes_as_they_stand():
    assert split_array(rb' [ 1.0 ,{"a" : "\\ud800"},"\ud800" , "\ud83d\ude00"] ') == [
        b"1.0",
        rb'{"a" : "\\ud800"}',
        rb'"\ud800"',
        rb'"\ud83d\ude00"',
    ]
    assert split_array(b"[]") == []
    for broken in (b"[1", b'["\\ud800', b"{}", b"[" * 100_000):
        with pytest.raises(PayloadError):
            split_array(broken)


def test_numbers_keep_their_kind():
    assert math.copysign(1, decode(b"-0.0")) == -1
    assert same(decode(b"[1.0, 1, 1e2, -0]"), [1.0, 1, 100.0, 0])


def test_size():
    check_size(b"12345", 5)
    with pytest.raises(PayloadTooLarge, match="item 3: 6 bytes of JSON, the limit is 5") as caught:
        check_size(b"123456", 5, 3)
    assert (caught.value.size, caught.value.limit) == (6, 5)
