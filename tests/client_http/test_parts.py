"""The parts of the client that speak to nobody."""

from __future__ import annotations

import asyncio
import datetime as dt
import math
import subprocess
import sys

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

import stook
from stook.client.address import read_address
from stook.client.event_stream import EventParser, ServerEvent
from stook.client.exact import in_shape
from stook.client.frames import rows_of
from stook.client.pieces import BYTES, Packer
from stook.client.request import Answer
from stook.client.stepping import Stepping
from stook.client.tries import may_help, pause_before, wanted_pause
from stook.core.errors import ConfigError, MissingExtra
from stook.server.sse import BEAT, RETRY, frame
from stook.wire.execution import Execution, ExecutionPage

# ------------------------------------------------------------------------------------------------------- trying again


@given(st.integers(1, 10_000), st.floats(0, 100), st.floats(0, 100), st.none() | st.floats(0, 200), st.floats(0, 1))
def test_pauses(tried, elapsed, patience, wanted, draw):
    pause = pause_before(tried, elapsed, patience, wanted, draw)
    if pause is None:
        assert elapsed + max(wanted or 0, 0.05) > patience - 10
    else:
        assert elapsed + pause <= patience
        assert pause >= (wanted or 0.05)
        assert pause <= (wanted or 0) + 5


def test_pauses_grow_and_are_not_the_same_for_all():
    assert [pause_before(tried, 0, 60, None, 1.0) for tried in (1, 2, 3, 4, 20)] == [0.1, 0.2, 0.4, 0.8, 5.0]
    assert pause_before(1, 0, 60, None, 0.0) == 0.05
    assert pause_before(1, 0, 60, 7.0, 0.5) == pytest.approx(7.05)
    assert pause_before(1, 0, 5, 7.0, 0.5) is None


def test_what_may_be_answered_otherwise_in_a_moment():
    assert [status for status in range(400, 600) if may_help(Answer(status, {}, b""))] == [408, 429, 502, 503, 504]
    assert may_help(Answer(409, {"retry-after": "3"}, b""))
    assert wanted_pause(Answer(429, {"retry-after": "12"}, b"")) == 12
    assert wanted_pause(Answer(429, {"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"}, b"")) is None


# ----------------------------------------------------------------------------------------------------------- streams

EVENTS = st.lists(
    st.one_of(
        st.tuples(
            st.sampled_from(["snapshot", "settled", "end"]),
            st.binary(max_size=50).map(lambda raw: raw.replace(b"\n", b"").replace(b"\r", b"")),
            st.none() | st.integers(0, 10**9),
        ),
        st.just(None),
    ),
    max_size=8,
)


@given(EVENTS, st.lists(st.integers(1, 40)), st.binary(max_size=20))
def test_frames_come_whole_however_they_were_cut(made, cuts, unfinished):
    text = RETRY + b"".join(BEAT if one is None else frame(*one) for one in made)
    text += b"event: end\ndata: " + unfinished.replace(b"\n", b"")
    parser, found = EventParser(), []
    for size in [*cuts, len(text)]:
        found += parser.feed(text[:size])
        text = text[size:]
    assert found == [
        ServerEvent(name, data, None if cursor is None else str(cursor)) for name, data, cursor in filter(None, made)
    ]


def line(**given):
    shown = {
        "id": "i", "batch_id": "b", "index": 0, "key": None, "state": "succeeded", "input": 1, "result": None,
        "error": None, "attempts": 1, "round": 1, "duration": None, "finished_at": None, "settle": 0,
    }  # fmt: skip
    return msgspec.json.encode(shown | given)


def test_lone_surrogates_come_through_exactly():
    raw = msgspec.Raw(b'{"a": "\\ud800", "b":1.50}')
    error = msgspec.Raw(b'{"type":"E","code":"c","message":"x \\udfff y","fingerprint":"f"}')
    found = in_shape(line(input=raw, result=msgspec.Raw(b"null"), error=error, key="k"), Execution)
    assert bytes(found.input) == bytes(raw)
    assert bytes(found.result) == b"null"
    assert (found.error.message, found.error.type, found.key) == ("x \udfff y", "E", "k")
    page = in_shape(b'{"data":[%s,%s],"next":"7"}' % (line(), line(result=raw)), ExecutionPage)
    assert [bytes(one.result) for one in page.data] == [b"null", bytes(raw)]
    assert page.next == "7"
    with pytest.raises(msgspec.DecodeError):
        in_shape(b'{"id": "\\ud8', Execution)


# ------------------------------------------------------------------------------------------------------------ items


@given(st.lists(st.text(max_size=5) | st.integers() | st.dictionaries(st.text(max_size=3), st.floats(allow_nan=False,
       allow_infinity=False), max_size=2), max_size=60))  # fmt: skip
def test_packed_items_are_all_there_in_order(values):
    packer, found = Packer({}, clock=lambda: 0.0), []
    for piece in [*filter(None, map(packer.add, values)), packer.rest()]:
        assert piece.offset == len(found)
        body, kind = piece.body()
        assert kind == "application/x-ndjson"
        found += [msgspec.json.decode(one) for one in body.splitlines()] if body.isascii() else piece.payloads
    assert len(found) == len(values)


def test_pieces_are_cut_by_size_and_by_time():
    now = [0.0]
    packer = Packer({"key": lambda text: text[:4]}, clock=lambda: now[0])
    pieces = [one for number in range(3000) if (one := packer.add(f"{number:04}" + "x" * 2000)) is not None]
    assert all(BYTES <= sum(map(len, one.payloads)) <= 1.5 * BYTES for one in pieces)
    assert len(pieces) == 2
    assert packer.rest().keys[-1] == "2999"
    now[0] = 10.0
    assert packer.add("0001").keys == ["0001"]  # nothing was sent for so long
    now[0] = 10.5
    assert packer.add("0002") is None
    now[0] = 11.1
    assert packer.add("0003").keys == ["0002", "0003"]


class Column:
    """What pandas' Series do."""

    def __init__(self, values):
        self.values = values

    def tolist(self):
        return self.values

    def isna(self):
        return Column([one is None or one != one for one in self.values])  # noqa: PLR0124 - NaN


class Frame:
    """What pandas' DataFrames do."""

    def __init__(self, columns, rows):
        self.columns, self.rows = columns, rows

    def __len__(self):
        return len(self.rows)

    @property
    def iloc(self):
        return self

    def __getitem__(self, at):
        if isinstance(at, tuple):
            return Column([row[at[1]] for row in self.rows])
        return Frame(self.columns, self.rows[at])


def test_rows_of_what_looks_like_a_pandas_frame(client):
    frame = Frame(["id", "n"], [[number, math.nan if number % 2 else 1.5] for number in range(2500)])
    batch = client.map("t", frame, key="id")
    found = [(one.key, one.input) for one in batch.results()]
    assert found[:2] == [("0", {"id": 0, "n": 1.5}), ("1", {"id": 1, "n": None})]
    assert len(found) == 2500


def test_rows_of_a_pandas_frame():
    pandas = pytest.importorskip("pandas")
    at = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)
    frame = pandas.DataFrame({"i": [1, 2], "f": [0.1, math.nan], "t": [at, None], "s": ["a", None], "b": [True, False]})
    rows = list(rows_of(frame))
    assert rows[0]["i"] == 1
    assert type(rows[0]["i"]) is int
    assert rows == [
        {"i": 1, "f": 0.1, "t": "2026-01-02T03:04:05+00:00", "s": "a", "b": True},
        {"i": 2, "f": None, "t": None, "s": None, "b": False},
    ]
    msgspec.json.encode(rows)


def test_rows_of_a_polars_frame():
    polars = pytest.importorskip("polars")
    frame = polars.DataFrame({"i": [1, 2], "f": [0.1, math.nan], "d": [dt.date(2026, 1, 2), None], "l": [[1], []]})
    rows = list(rows_of(frame))
    assert rows == [
        {"i": 1, "f": 0.1, "d": dt.date(2026, 1, 2), "l": [1]},
        {"i": 2, "f": None, "d": None, "l": []},
    ]


def test_what_is_no_frame():
    assert [rows_of(one) for one in ([], {}, "x", iter([]))] == [None] * 4


# --------------------------------------------------------------------------------------------------------- being made


def test_where_the_server_is():
    found = {"STOOK_SERVER": "http://a:1/", "STOOK_KEY": "stk_a"}
    assert read_address(None, None, found) == ("http://a:1", "stk_a")
    assert read_address("https://b/x/", "stk_b", found) == ("https://b/x", "stk_b")
    assert read_address("http://b", None, {}).key is None
    assert "stk_a" not in repr(read_address(None, None, found))
    wrong = ["", "b:1", "ftp://b", "http://", "http://u:p@b", "http://b?x=1", "http://b:x", "http://[b"]
    for one in wrong:
        with pytest.raises(ConfigError):
            read_address(one, None, {})
    for one in ("ftp://u:hunter2@b", "http://u:hunter2/x@b", "u:hunter2@b", "http://b?password=hunter2"):
        with pytest.raises(ConfigError) as caught:
            read_address(one, None, {})
        assert "hunter2" not in str(caught.value)
    for key in ("a b", "ü", "a\n"):
        with pytest.raises(ConfigError, match="no key"):
            read_address("http://b", key, {})


def test_without_httpx_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "httpx", None)
    for kind in (stook.Client, stook.AsyncClient):
        with pytest.raises(MissingExtra, match=r"needs httpx \(pip install 'stook\[client\]'\)"):
            kind("http://127.0.0.1:1")


def test_neither_stook_nor_its_client_loads_httpx_before_it_is_needed():
    program = (
        "import sys, stook; print('stook.client' in sys.modules, end=' '); stook.Client; print('httpx' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert done.stdout == "False False\n"


def test_a_coroutine_that_suspends_is_refused():
    with pytest.raises(RuntimeError, match="has suspended"):
        Stepping().call(asyncio.sleep(0))
