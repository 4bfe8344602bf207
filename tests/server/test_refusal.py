"""Every error has its answer, and says where it was."""

from __future__ import annotations

import msgspec
import pytest

from stook.core import errors
from stook.core.errors import DuplicateKeys, NotFound, PayloadTooLarge, StookError, StoreFull, StoreUnavailable
from stook.hosting.archive import BadArchive
from stook.server.body import decode_body
from stook.server.refusal import STATUS, Refusal, refusal_of
from stook.wire.batch import NewBatch
from stook.wire.execution import NewExecution


def every_code():
    known = {one.code for one in vars(errors).values() if isinstance(one, type) and issubclass(one, StookError)}
    return {*known, BadArchive.code}


def test_the_table_is_the_tree():
    assert set(STATUS) == every_code()


def test_only_what_is_not_the_callers_fault_is_a_5xx():
    assert {code for code, status in STATUS.items() if status >= 500} == {
        "not_installed",
        "result_timeout",
        "schema_too_new",
        "secret_unreadable",
        "stook_error",
        "store_error",
        "store_full",
        "store_read_only",
        "store_unavailable",
    }


def test_an_error_says_where_and_what_to_do():
    made = refusal_of(PayloadTooLarge(7, 5, index=3, where="body:4"))
    assert (made.status, made.problem.code, made.problem.index) == (413, "payload_too_large", 3)
    assert made.problem.message.startswith("body:4: ")
    assert "reference" in made.problem.hint
    assert "items 1" in refusal_of(DuplicateKeys([("a", 1, 0)])).problem.message


def test_who_may_try_again_is_told_when():
    assert refusal_of(StoreUnavailable("no")).headers["retry-after"] == "1"
    assert "retry-after" not in refusal_of(StoreFull("no")).headers


def test_half_a_surrogate_in_a_message_does_not_break_the_answer():
    body = msgspec.json.decode(refusal_of(NotFound("no \ud800", hint="\udfff")).body())
    assert body["error"]["message"] == "no \\ud800"


@pytest.mark.parametrize(
    ("raw", "code", "field"),
    [
        (b'{"task":"t","colour":1}', "unknown_field", "colour"),
        (b'{"task":1}', "option_error", "task"),
        (b'{"items":[]}', "option_error", "task"),
        (b'{"task":"t","priority":1.5}', "option_error", "priority"),
        (b'{"task":"t","keys":["a",1]}', "option_error", "keys[1]"),
        (b'{"task":"t","run_at":"2026-01-01T00:00:00"}', "option_error", "run_at"),
        (b"[]", "option_error", None),
        (b'{"task":"t"', "invalid_json", None),
        (b"\xff", "invalid_json", None),
        (b'{"task":"t","items":' + b"[" * 100_000, "invalid_json", None),
        (b'{"task":"t","items":[NaN]}', "invalid_json", None),
        (b'{"task":"\\ud800"}', "invalid_json", "task"),
    ],
)
def test_a_bad_body_names_the_field(raw, code, field):
    with pytest.raises(Refusal) as caught:
        decode_body(raw, NewBatch)
    assert (caught.value.status, caught.value.problem.code, caught.value.problem.field) == (400, code, field)


def test_payloads_keep_half_surrogates_byte_for_byte():
    raw = b'{"name":"[1]", "items": [ "\\ud800" , {"a": "\\uDFFFx"},1.50], "task":"t"}'
    items = decode_body(raw, NewBatch).items
    assert [bytes(one) for one in items] == [b'"\\ud800"', b'{"a": "\\uDFFFx"}', b"1.50"]
    one = decode_body(b'{"task":"t","payload":["\\ud83d"]}', NewExecution)
    assert bytes(one.payload) == b'["\\ud83d"]'
