from __future__ import annotations

import asyncio

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stook.server.body import Body
from stook.server.limits import Limits
from stook.server.multipart import parts_of
from stook.server.refusal import Refusal


def read(content, content_type, *, cut=7, limit=10**6):
    """What is in it, of pieces of `cut` bytes."""

    async def reading():
        pieces = [content[at : at + cut] for at in range(0, len(content), cut)] or [b""]
        messages = [{"type": "http.request", "body": one, "more_body": True} for one in pieces]
        messages.append({"type": "http.request", "body": b"", "more_body": False})

        async def receive():
            return messages.pop(0)

        async with parts_of(Body(receive, Limits()), content_type, limit=limit) as parts:
            return [(one, None if one.path is None else one.path.read_bytes()) for one in parts], parts

    return asyncio.run(reading())


def sent(fields, files):
    """As httpx writes it, which is what the SDK does."""
    request = httpx.Request("POST", "http://x/", data=fields, files=files)
    return request.read(), request.headers["content-type"]


def test_fields_and_files_in_pieces_of_any_size():
    content, kind = sent(
        {"env_vars[A]": "1", "leer": "", "grüße": "ö"}, {"file": ("a b.zip", b"\r\n--x\r\nPK\0", "application/zip")}
    )
    for cut in (1, 2, 3, 50, 10_000):
        found, _ = read(content, kind, cut=cut)
        assert [(one.name, one.text()) for one, data in found if data is None] == [
            ("env_vars[A]", "1"),
            ("leer", ""),
            ("grüße", "ö"),
        ]
        assert [(one.name, one.filename, one.media_type, data) for one, data in found if data is not None] == [
            ("file", "a b.zip", "application/zip", b"\r\n--x\r\nPK\0")
        ]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.binary(max_size=60), max_size=4), st.integers(1, 40))
def test_whatever_files_hold_comes_back(contents, cut):
    content, kind = sent({}, [("file", (f"{at}.bin", one, "x/y")) for at, one in enumerate(contents)] or {"f": b""})
    found, _ = read(content, kind, cut=cut)
    assert [data for _, data in found] == (contents or [b""])


def test_files_are_gone_behind_the_context():
    content, kind = sent({}, {"file": ("a.zip", b"x", "application/zip")})
    _, parts = read(content, kind)
    assert parts[0].path is not None
    assert not parts[0].path.exists()


@pytest.mark.parametrize(
    ("content", "kind", "status", "words"),
    [
        (b"{}", "application/json", 415, "application/json"),
        (b"", "multipart/form-data", 400, "no boundary"),
        (b"--b\r\ncontent-disposition: form-data; name=a\r\n\r\nx", "multipart/form-data; boundary=b", 400, "ends bef"),
        (b"--b\r\n\r\nx\r\n--b--", "multipart/form-data; boundary=b", 400, "no name"),
        (b"--bx\r\n\r\nx\r\n--b--", "multipart/form-data; boundary=b", 400, "line break"),
        (b"", "multipart/form-data; boundary=b", 400, "ends before"),
    ],
)
def test_what_is_no_form_is_refused_in_words(content, kind, status, words):
    with pytest.raises(Refusal) as refused:
        read(content, kind)
    assert refused.value.status == status
    assert words in refused.value.problem.message


def test_a_body_beyond_the_limit_is_413_before_it_is_all_here():
    content, kind = sent({}, {"file": ("a.zip", b"x" * 100_000, "application/zip")})
    with pytest.raises(Refusal) as refused:
        read(content, kind, cut=1000, limit=20_000)
    assert refused.value.status == 413
