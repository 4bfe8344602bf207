"""The body of a new batch, as it comes in."""

from __future__ import annotations

import asyncio
import json

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stook.server.body import Body
from stook.server.dialects.kernel import batch_body
from stook.server.dialects.kernel.batch_body import read_members
from stook.server.dialects.kernel.payloads import Payloads, check_payload
from stook.server.dialects.kernel.refusals import KernelRefusal
from stook.server.limits import Limits


def body_of(content, cut):
    pieces = [content[at : at + cut] for at in range(0, len(content), cut)]
    messages = [{"type": "http.request", "body": one, "more_body": True} for one in pieces]
    messages.append({"type": "http.request", "body": b"", "more_body": False})

    async def receive():
        return messages.pop(0)

    return Body(receive, Limits())


def read(content, *, cut=5, limit=10**7):
    """The members, and what was in the list `payloads`, decoded."""
    found = []

    def take(portion):
        found.extend(one if isinstance(one, str) else json.loads(bytes(one)) for one in portion)

    members = asyncio.run(read_members(body_of(content, cut), limit, {"payloads": take}))
    return members, found


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch):
    monkeypatch.setattr(batch_body, "PIECE", 16)


words = st.text(st.sampled_from('",:[]{}\\ aé\n\ud83d'.replace("\ud83d", "😀")), max_size=8)
elements = st.one_of(words, st.integers(), st.none(), st.lists(words, max_size=2), st.dictionaries(words, words))
others = st.dictionaries(words, st.one_of(words, st.integers(), st.booleans(), st.lists(words, max_size=2)), max_size=3)


@settings(max_examples=150, deadline=None)
@given(others, st.lists(words, max_size=30) | st.lists(elements, max_size=8), others, st.integers(1, 40), st.booleans())
def test_it_is_read_as_any_parser_reads_it(before, payloads, after, cut, spaced):
    whole = {**before, "payloads": payloads, **{name: one for name, one in after.items() if name not in before}}
    content = json.dumps(whole, indent=1 if spaced else None, ensure_ascii=spaced).encode()
    members, found = read(content, cut=cut)
    assert found == payloads
    assert members == {name: one for name, one in whole.items() if name != "payloads"}


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=3), st.integers(0, 70), st.integers(1, 9))
def test_what_a_parser_refuses_is_refused(put, at, cut):
    good = b'{"app_name": "a", "payloads": ["1", "\\"x\\"", "{}"], "version": "v"}'
    content = good[:at] + put + good[at + len(put) :]
    try:
        whole = json.loads(content.decode(), parse_constant=lambda text: 1 / 0)
        usual = isinstance(whole, dict) and "\\u" not in content.decode()
    except (ValueError, ZeroDivisionError):
        usual = False
        whole = None
    try:
        members, found = read(content, cut=cut)
    except KernelRefusal as refusal:
        assert (refusal.status, usual) == (400, False)  # noqa: PT017 - it may pass too
    except UnicodeDecodeError:  # an element that is refused when it is taken
        assert not usual
    else:
        assert whole is not None
        assert members.get("payloads", found) == whole.get("payloads", found)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{",
        b'{"payloads": ["1",]}',
        b'{"payloads": [,"1"]}',
        b'{"payloads": ["1" "2"]}',
        b'{"payloads": ["1"',
        b'{"payloads": ["1"]',
        b'{"payloads": ["1"],}',
        b'{"payloads": ["1"]} x',
        b'{"payloads": ["1"}]}',
        b'{"a": nul}',
        b"{a: 1}",
        b'{"a" 1}',
    ],
)
def test_broken_json_is_400(content):
    with pytest.raises(KernelRefusal) as refused:
        read(content)
    assert (refused.value.status, refused.value.said.code) == (400, "bad_request")


def test_a_body_beyond_the_limit_is_413():
    with pytest.raises(KernelRefusal) as refused:
        read(b'{"payloads": [' + b'"1",' * 100 + b'"1"]}', limit=100)
    assert (refused.value.status, refused.value.said.code) == (413, "request_too_large")


def taken(*portions, most_bytes=10, most_items=1000):
    payloads = Payloads(most_bytes, most_items)
    for one in portions:
        payloads.take(one)
    return payloads.good()


def test_good_payloads_come_back_as_they_were_given():
    assert taken(["1", ' "é" '], ["null"]) == [b"1", ' "é" '.encode(), b"null"]


def test_each_bad_payload_is_named_by_its_index():
    with pytest.raises(KernelRefusal) as refused:
        taken(["1", "NaN"], ["", '"0123456789"', "1"], [msgspec.Raw(b"1")])
    details = refused.value.said.details
    assert [(one.code, one.index) for one in details] == [
        ("invalid_payload", 1),
        ("invalid_payload", 2),
        ("payload_too_large", 3),
        ("invalid_payload", 5),
    ]


def test_the_limit_is_inclusive_and_counts_bytes():
    assert check_payload('"é34567"', 9) == '"é34567"'.encode()
    with pytest.raises(KernelRefusal) as refused:
        check_payload('"é34567"', 8)
    assert refused.value.said.details[0].code == "payload_too_large"


def test_no_more_than_a_hundred_are_named_and_none_beyond_the_count_is_read():
    with pytest.raises(KernelRefusal) as refused:
        taken(["x"] * 300)
    assert len(refused.value.said.details) == 100
    with pytest.raises(KernelRefusal) as refused:
        taken(["1"] * 1001)
    assert refused.value.said.code == "too_many_payloads"
