from __future__ import annotations

import json
import os
import traceback
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import stook
from stook.core.fingerprint import fingerprint, normalise, own_frame

varying = st.one_of(
    st.integers().map(str),
    st.floats(allow_nan=False, allow_infinity=False, min_value=-1e9, max_value=1e9).map("{:.3f}".format),
)
words = st.lists(st.sampled_from(["order", "of", "row", "can't", "parse", "won't", "é", "中"]), max_size=4).map(
    " ".join
)


@given(words, words, varying, varying)
def test_numbers_do_not_tell_failures_apart(before, after, one, other):
    assert normalise(f"{before} {one} {after}") == normalise(f"{before} {other} {after}")


@given(words, words, st.uuids(), st.uuids())
def test_ids_do_not_tell_failures_apart(before, after, one, other):
    assert (
        normalise(f"{before} {one} {after}")
        == normalise(f"{before} {other} {after}")
        == f"{before} <uuid> {after}".strip()
    )


@given(words, st.text(st.characters(exclude_characters="'\\")), st.text(st.characters(exclude_characters="'\\")))
def test_quoted_text_does_not_tell_failures_apart(before, one, other):
    assert normalise(f"{before} '{one}'") == normalise(f"{before} '{other}'")


@given(st.text(), st.text(), st.text() | st.none())
def test_any_text_has_a_fingerprint(kind, message, frame):
    found = fingerprint(kind, message, frame)
    assert len(found) == 16
    assert int(found, 16) >= 0
    assert found == fingerprint(kind, message, frame)
    assert found != fingerprint(kind + "x", message, frame)
    assert found != fingerprint(kind, message, (frame or "") + "x")


@pytest.mark.parametrize(
    ("message", "normal"),
    [
        ("order 17 of ann@example.org: no such file '/data/17.csv'", "order <n> of <email>: no such file <text>"),
        ("can't parse row 5, won't retry", "can't parse row <n>, won't retry"),
        ("No such file or directory: /data/in/17.csv", "No such file or directory: <path>"),
        (r"C:\data\17.csv missing", "<path> missing"),
        ("and/or", "and/or"),
        ("[1, 2, 3] is not [4]", "[<n>] is not [<n>]"),
        ("object at 0x7f6f12da69f0", "object at <hex>"),
        ("digest 3b9aca00deadbeef", "digest <hex>"),
        ("GET https://api.example.org/v1/x?id=3 took 1.25s", "GET <url> took <n>s"),
        ("died at 2026-01-02T03:04:05.123Z", "died at <time>"),
        ("several\n  lines\tof text", "several lines of text"),
        ("-5.3 < -2", "<n> < <n>"),
        ("worker-12", "worker-<n>"),
        ("\ud800 1", "\ud800 <n>"),
    ],
)
def test_what_varies_is_taken_out(message, normal):
    assert normalise(message) == normal


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("HTTP 404 for row 7", "HTTP 503 for row 7"),
        ("[Errno 2] cannot open", "[Errno 28] cannot open"),
        ("exit code 1", "exit code 137"),
        ("status_code=429", "status_code=500"),
        ("expected str", "expected int"),
    ],
)
def test_what_names_a_cause_stays(one, other):
    assert normalise(one) != normalise(other)
    assert fingerprint("E", one, None) != fingerprint("E", other, None)


def test_fingerprints_stay_the_same_between_releases():
    assert fingerprint("ValueError", "row 17", "rows.py:parse") == "4f8e5786621cb9fc"


def test_the_end_of_a_long_message_does_not_count():
    assert normalise("x" * 2_000 + "a") == normalise("x" * 2_000 + "b")


def frames_of(error):
    return [(frame.filename, frame.name) for frame in traceback.extract_tb(error.__traceback__)]


def parse():
    return json.loads("{")


def test_the_own_frame_is_the_innermost_that_is_not_a_library():
    with pytest.raises(ValueError, match="Expecting") as caught:
        parse()
    assert str(Path(json.__file__).parent) in frames_of(caught.value)[-1][0]
    assert own_frame(frames_of(caught.value)) == "test_fingerprint.py:parse"


def test_libraries_stook_and_frozen_modules_are_not_own():
    foreign = [
        (os.__file__, "walk"),
        ("/venv/lib/python3.12/site-packages/pandas/core.py", "read"),
        ("/usr/lib/python3/dist-packages/yaml/__init__.py", "load"),
        (str(Path(stook.__file__).parent / "worker" / "slots.py"), "run"),
        ("<frozen importlib._bootstrap>", "_find_and_load"),
    ]
    assert own_frame(foreign) is None
    assert own_frame([("/app/rows.py", "outer"), ("/app/deep/rows.py", "inner"), *foreign]) == "rows.py:inner"
    assert own_frame([("<stdin>", "typed")]) == "<stdin>:typed"
    assert own_frame([]) is None
