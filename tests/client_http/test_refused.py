"""What a server refuses is raised as the same error as in-process, by its code."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import stook.server
from stook.client.refused import CLASSES, error_of, problem_behind, raised
from stook.client.request import Answer
from stook.core import errors
from stook.core.errors import DuplicateKeys, PayloadTooLarge, StookError
from stook.server.refusal import refusal_of
from stook.wire.problem import Problem


def tree(kind=StookError):
    yield kind
    for one in kind.__subclasses__():
        if one.__module__ == errors.__name__:
            yield from tree(one)


def codes_of_the_server():
    """What is given to a `Refusal` as its code, anywhere in the server."""
    for file in Path(stook.server.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            match node:
                case ast.Call(func=ast.Name(id="Refusal"), args=[_, ast.Constant(value=str(code)), *_]):
                    yield code


def test_the_table_is_total():
    assert {kind.code: kind for kind in tree()}.items() <= CLASSES.items()
    edge = set(codes_of_the_server())
    assert "offset_mismatch" in edge
    assert edge <= set(CLASSES)


MADE = [
    errors.NotFound("no such batch", hint="look for it"),
    errors.PayloadError("NaN is no JSON", index=7),
    PayloadTooLarge(5000, 100, index=3),
    DuplicateKeys([("it's \n \u1234", 9, 2), ("b", 10, 3)]),
    errors.KeyConflict("other content", index=4, hint="another key"),
    errors.QuotaExceeded("too many items", limit="max_queued_items", most=5, room=2, retry_after=7),
    errors.StoreFull("disk full"),
    errors.LeaseLost("gone"),
    StookError("anything"),
]


@pytest.mark.parametrize("error", MADE, ids=lambda error: error.code)
def test_there_and_back(error):
    refusal = refusal_of(error)
    answer = Answer(refusal.status, refusal.headers, refusal.body())
    back = raised(answer, "http://server", first_index=0)
    assert type(back) is type(error)
    assert (back.code, back.index, back.hint) == (error.code, error.index, error.hint)
    assert str(back).startswith("http://server, item" if error.index is not None else "http://server: ")
    assert back.message.startswith(error.message)
    assert problem_behind(back).code == error.code
    match error:
        case PayloadTooLarge():
            assert (back.size, back.limit) == (5000, 100)
        case DuplicateKeys():
            assert back.pairs == [("it's \n \u1234", 9, 2)]
        case errors.QuotaExceeded():
            assert back.retry_after == 7


def test_the_index_of_an_appended_item_is_that_in_the_batch():
    error = error_of(Problem(code="payload_error", message="bad", index=3), "http://s", first_index=1000)
    assert (error.index, str(error)) == (1003, "http://s, item 1003: bad")
    assert error_of(Problem(code="duplicate_keys", message="twice", index=3), "http://s", first_index=1000).index == 3


def test_an_answer_of_something_on_the_way():
    page = Answer(502, {}, b"<html>\n<h1>Bad Gateway</h1>")
    error = raised(page, "http://s")
    assert isinstance(error, errors.StoreUnavailable)
    assert str(error) == "http://s: HTTP 502: <html> <h1>Bad Gateway</h1> (is it a stook server, or a proxy?)"
    assert isinstance(raised(Answer(404, {}, b""), "http://s"), errors.NotFound)
    assert isinstance(raised(Answer(401, {}, b"{}"), "http://s"), errors.ConfigError)
    assert type(raised(Answer(418, {}, b"\xff"), "http://s")) is StookError
    unknown = error_of(Problem(code="of_tomorrow", message="new"), "http://s")
    assert type(unknown) is StookError
