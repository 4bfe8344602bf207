"""States, codes, values and inputs in Vellum's words."""

from __future__ import annotations

import itertools
import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stook.core.hosted_reason import HostedReason
from stook.core.states import BatchState, State
from stook.core.vellum_codes import EVENT_CODES, api_code, code_of
from stook.server.dialects.vellum.inputs import Input, inputs_of_map, read_payload, to_payload
from stook.server.dialects.vellum.lines import node_data, output_data
from stook.server.dialects.vellum.refused import VellumRefusal
from stook.server.dialects.vellum.states import wire_batch, wire_state
from stook.server.dialects.vellum.values import EXECUTION, OUTPUT, STREAM, fits, stable_id, typed

WAITING = {State.scheduled, State.queued}
LIVE = {State.running, State.suspended, State.cancelling}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize(("state", "begun", "streamed"), list(itertools.product(State, (False, True), (False, True))))
def test_every_state_has_one_word(state, begun, streamed):
    ends = {
        State.succeeded: "FULFILLED",
        State.failed: "REJECTED",
        State.cancelled: "REJECTED",
        State.expired: "REJECTED",
    }
    if state in ends:
        wanted = ends[state]
    elif state in WAITING and not begun:
        wanted = "PENDING"
    else:
        assert state in WAITING | LIVE
        wanted = "STREAMING" if streamed else "INITIATED"
    assert wire_state(state, begun=begun, streamed=streamed) == wanted


def test_batches_have_the_same_words():
    words = {
        "PENDING": {"open", "queued"},
        "INITIATED": {"running", "paused", "cancelling"},
        "FULFILLED": {"succeeded", "partially_failed"},
        "REJECTED": {"failed", "cancelled", "expired"},
    }
    assert {word: {one.value for one in BatchState if wire_batch(one) == word} for word in words} == words


def test_the_two_sets_of_codes():
    renamed = {
        "INVALID_WORKFLOW": "WORKFLOW_INITIALIZATION",
        "INTERNAL_ERROR": "INTERNAL_SERVER_ERROR",
        "PROVIDER_ERROR": "LLM_PROVIDER",
        "INVALID_STATE": "NODE_EXECUTION_COUNT_LIMIT_REACHED",
        "INVALID_OUTPUTS": "NODE_EXECUTION",
        "INVALID_CODE": "NODE_EXECUTION",
    }
    assert {one: api_code(one) for one in EVENT_CODES if api_code(one) != one} == renamed
    assert api_code("SURPRISE") == "INTERNAL_SERVER_ERROR"
    assert {code_of(one, "NODE_EXECUTION") for one in HostedReason} <= EVENT_CODES
    assert code_of(HostedReason.lost, "") == "INTERNAL_ERROR"
    assert code_of(HostedReason.expired, "") == "WORKFLOW_TIMEOUT"


@given(
    JSON,
    st.none() | st.sampled_from([*sorted(EXECUTION), "NULL", "REFERENCE"]),
    st.sampled_from([EXECUTION, OUTPUT, STREAM]),
)
def test_a_value_is_always_of_the_type_beside_it(value, declared, known):
    made = typed(value, declared, known)
    assert made["type"] in known
    assert fits(made["type"], made["value"])
    if made["type"] == "ARRAY" and value is not None:
        assert len(made["value"]) == len(value)
    else:
        assert made["value"] == value
    if declared in known and fits(declared, value):
        assert made["type"] == declared


def test_items_of_an_array_have_their_types():
    made = typed(["a", 1, [True], {"type": "STRING", "value": "b"}, {"type": "STRING"}], "ARRAY")
    assert made["value"] == [
        {"type": "STRING", "value": "a"},
        {"type": "NUMBER", "value": 1},
        {"type": "ARRAY", "value": [{"type": "JSON", "value": True}]},
        {"type": "STRING", "value": "b"},
        {"type": "JSON", "value": {"type": "STRING"}},
    ]


@pytest.mark.parametrize(
    ("type_", "value", "good"),
    [
        ("NUMBER", True, False),
        ("IMAGE", {"src": "data:image/png;base64,AA=="}, True),
        ("IMAGE", {"src": "file:///etc/passwd"}, False),
        ("DOCUMENT", {"src": "vellum:uploaded-file:1", "metadata": {"a": 1}}, True),
        ("AUDIO", {"src": "https://x/y", "metadata": 1}, False),
        ("CHAT_HISTORY", [{"role": "USER", "text": "hi"}], True),
        ("CHAT_HISTORY", [{"role": "user", "text": "hi"}], False),
        ("CHAT_HISTORY", [{"role": "USER", "content": {"type": "STRING", "value": "x"}}], True),
        (
            "CHAT_HISTORY",
            [{"role": "FUNCTION", "content": {"type": "FUNCTION_CALL", "value": {"name": "f", "arguments": {}}}}],
            True,
        ),
        (
            "CHAT_HISTORY",
            [{"role": "USER", "content": {"type": "ARRAY", "value": [{"type": "STRING", "value": "x"}]}}],
            True,
        ),
        (
            "CHAT_HISTORY",
            [{"role": "USER", "content": {"type": "ARRAY", "value": [{"type": "ARRAY", "value": []}]}}],
            False,
        ),
        ("CHAT_HISTORY", [{"role": "USER", "content": {"type": "NUMBER", "value": 1}}], False),
        ("SEARCH_RESULTS", [{"text": "t", "score": 0.5, "keywords": [], "document": {"label": "d"}}], True),
        ("SEARCH_RESULTS", [{"text": "t", "keywords": [], "document": {"label": "d"}}], False),
        ("NOTHING", None, False),
    ],
)
def test_shapes(type_, value, good):
    assert fits(type_, value) is good


def test_inputs_are_stored_as_they_came():
    exact = b'{"a": 1.50,  "b":[9007199254740993]}'
    rest = b'{"name":"n","type":"STRING","value":null}'
    raw = b'{"inputs":[{"name":"j","type":"JSON","value":%b},%b]}' % (exact, rest)
    inputs = [
        Input("j", "JSON", msgspec.Raw(exact)),
        Input("n", "STRING"),
    ]
    assert to_payload(inputs) == raw
    assert [one["value"] for one in read_payload(raw)] == [{"a": 1.5, "b": [9007199254740993]}, None]
    assert read_payload(b"[1]") == read_payload(None) == []


def test_inputs_of_a_map_have_the_types_declared_where_they_fit():
    raws = {name: msgspec.Raw(json.dumps(value).encode()) for name, value in {"c": [], "s": 1, "x": True}.items()}
    made = inputs_of_map(raws, {"c": "CHAT_HISTORY", "s": "STRING"})
    assert [(one.name, one.type) for one in made] == [("c", "CHAT_HISTORY"), ("s", "NUMBER"), ("x", "JSON")]
    with pytest.raises(VellumRefusal, match="twice"):
        to_payload([*made, made[0]])


def test_an_output_is_beginning_coming_or_there():
    def state(**output):
        made = output_data({"name": "a", **output}, {"a": "STRING"}, lambda name: f"id of {name}")
        return made["state"], made["type"], made["value"], made.get("delta"), made["id"]

    assert state() == ("INITIATED", "STRING", None, None, "id of a")
    assert state(delta="x") == ("STREAMING", "STRING", None, "x", "id of a")
    assert state(delta={"b": 1}) == ("STREAMING", "STRING", None, '{"b": 1}', "id of a")
    assert state(value=None) == ("FULFILLED", "STRING", None, None, "id of a")
    assert state(value={"src": "data:,"}) == ("FULFILLED", "JSON", {"src": "data:,"}, None, "id of a")


def test_events_of_nodes_that_the_older_stream_has_no_words_for():
    assert node_data({"name": "node.execution.paused", "body": {}}) is None
    rejected = node_data(
        {
            "name": "node.execution.rejected",
            "span_id": "s",
            "body": {
                "node_definition": {"id": "n"},
                "error": {"code": "PROVIDER_ERROR", "message": "m", "stacktrace": "secret"},
                "stacktrace": "secret",
            },
        }
    )
    assert rejected["error"] == {"code": "LLM_PROVIDER", "message": "m"}
    assert (rejected["node_id"], rejected["node_result_id"]) == ("n", "s")


def test_ids_are_those_of_the_runtime():
    """As uuid4_from_hash of vellum.workflows.utils.uuids makes them."""
    assert stable_id("hello") == "2cf24dba-5fb0-430e-a6e8-3b2ac5b9e29e"
