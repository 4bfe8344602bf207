"""Vellum's words for what hosted workflows do: ids, codes, tags, names, and events where the runtime made none."""

from __future__ import annotations

import json
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stook.core.errors import OptionError
from stook.core.hosted_reason import HostedReason
from stook.core.vellum_codes import EVENT_CODES, api_code, code_of, said_of
from stook.core.vellum_events import (
    INITIATED,
    fulfilled_event,
    given_inputs,
    given_outputs,
    initiated_event,
    parent_context,
    rejected_event,
    run_facts,
    told_event,
    webhook_body,
)
from stook.core.vellum_ids import trace_id, workflow_deployment_id
from stook.core.vellum_release import (
    LATEST,
    SYSTEM,
    USER,
    check_deployment_name,
    check_release_tag,
    kebab_case,
    source_of,
    static_tag,
)

ID = "0192f0c1-7b7e-7000-8a2b-3c4d00000007"
RELEASE = "5d4d8f2e-5b7e-4c0a-9a55-6e1c7d1b6f10"
RUN = run_facts(ID, "default", "hello", RELEASE, "v1", {"module": "a.b"}, actor='{"id": "k", "label": "main"}')


def test_ids_are_uuids_that_stay_and_do_not_meet():
    made = [workflow_deployment_id("p", "a"), workflow_deployment_id("p", "b"), workflow_deployment_id("q", "a")]
    assert len({*made, trace_id(ID)}) == 4
    assert [str(uuid.UUID(one)) for one in made] == made
    assert workflow_deployment_id("p", "a") == made[0]


API_CODES = {
    "INVALID_WORKFLOW": "WORKFLOW_INITIALIZATION",
    "INTERNAL_ERROR": "INTERNAL_SERVER_ERROR",
    "PROVIDER_ERROR": "LLM_PROVIDER",
    "INVALID_STATE": "NODE_EXECUTION_COUNT_LIMIT_REACHED",
    "INVALID_OUTPUTS": "NODE_EXECUTION",
    "INVALID_CODE": "NODE_EXECUTION",
    "SomethingElse": "INTERNAL_SERVER_ERROR",
}


@pytest.mark.parametrize("code", [*sorted(EVENT_CODES), "SomethingElse"])
def test_answers_have_a_set_of_codes_of_their_own(code):
    assert api_code(code) == API_CODES.get(code, code)


@pytest.mark.parametrize("reason", list(HostedReason))
def test_every_bad_end_has_a_code_and_words(reason):
    assert code_of(reason, "ValueError") in EVENT_CODES
    assert said_of(reason, "")


def test_what_the_runtime_says_is_kept_and_a_lost_worker_is_no_fault_of_the_workflow():
    assert code_of(HostedReason.raised, "INVALID_INPUTS") == "INVALID_INPUTS"
    assert code_of(HostedReason.timed_out, "INVALID_INPUTS") == "WORKFLOW_TIMEOUT"
    assert code_of(HostedReason.lost, "") == "INTERNAL_ERROR"
    assert "worker" in said_of(HostedReason.lost, "")


@pytest.mark.parametrize("tag", ["v1.0.0", "a", "release_1", "x-y", "ä1", "1" * 150])
def test_tags_that_people_may_move(tag):
    assert check_release_tag(tag) == tag
    assert source_of(tag, RELEASE) == USER


@pytest.mark.parametrize("tag", ["", ".a", "a.", "a..b", "-a", "a b", "a/b", "1" * 151, "a\n", LATEST])
def test_tags_that_they_may_not(tag):
    with pytest.raises(OptionError):
        check_release_tag(tag)


def test_the_tag_that_a_release_has_for_ever_is_nobodys_to_move():
    tag = static_tag(RELEASE)
    assert tag == "5d4d8f2e5b7e"
    assert source_of(tag, RELEASE) == source_of(LATEST, RELEASE) == SYSTEM
    assert check_release_tag(tag, "another") == tag, "a commit's hash may look like one"
    with pytest.raises(OptionError, match="nobody can move"):
        check_release_tag(tag, RELEASE)


@pytest.mark.parametrize(
    ("module", "name"),
    [("hello_wf", "hello-wf"), ("my_HTTPFlow2", "my-http-flow2"), ("ABC", "abc"), ("v2_api", "v2-api"), ("x", "x")],
)
def test_modules_are_named_as_the_command_line_names_them(module, name):
    assert kebab_case(module) == check_deployment_name(name) == name


@pytest.mark.parametrize("name", ["", "-a", "a/b", "a b", "a" * 101])
def test_names_that_no_deployment_may_have(name):
    with pytest.raises(OptionError):
        check_deployment_name(name)


def test_an_event_that_the_runtime_did_not_make():
    event = rejected_event(RUN, 1_000_000, "WORKFLOW_CANCELLED", "enough")
    assert event["timestamp"] == "1970-01-01T00:00:01.000000Z"
    assert (event["span_id"], event["trace_id"], event["parent"]) == (ID, trace_id(ID), parent_context(RUN))
    assert event["body"]["workflow_definition"] == {"id": RELEASE, "name": "a.b", "module": ["a", "b", "workflow"]}
    assert event["body"]["error"] == {"code": "WORKFLOW_CANCELLED", "message": "enough", "raw_data": None}
    assert parent_context(RUN)["parent"]["api_actor_label"] == "main"
    assert event["id"] == rejected_event(RUN, 2, "INTERNAL_ERROR", "")["id"] != initiated_event(RUN, 1, {})["id"]


def test_inputs_and_outputs_are_read_off_what_is_stored():
    assert given_inputs(
        b'{"inputs":[{"name":"a","type":"JSON","value":null},{"name":"b","type":"NUMBER","value":3.0}]}'
    ) == {
        "a": None,
        "b": 3.0,
    }
    assert given_inputs(None) == given_inputs(b"{}") == {}
    assert given_outputs(b'{"outputs":{"x":1}}') == {"x": 1}
    for odd in (b"[]", b'{"inputs":[3]}', b'{"inputs":{}}', b"[" * 100_000):
        assert given_inputs(odd) == {}
    assert given_outputs(None) is given_outputs(b"[]") is given_outputs(b"[" * 100_000) is None


@given(st.one_of(st.none(), st.binary(max_size=50), st.sampled_from([b"[" * 100_000, b'{"body":[]}', b'{"body":{}}'])))
def test_what_is_no_event_changes_nothing(kept):
    own = fulfilled_event(RUN, 1, {"a": 1})
    assert told_event(own, kept) == own


def test_what_the_runtime_told_cannot_speak_for_others():
    kept = {
        "name": "x",
        "span_id": "y",
        "parent": None,
        "timestamp": "t",
        "body": {"inputs": {}, "workflow_definition": 7},
    }
    own = initiated_event(RUN, 1, {"a": 1})
    told = told_event(own, json.dumps(kept).encode())
    assert told == own | {"timestamp": "t", "body": told["body"]}
    assert told["body"] == {"inputs": {}, "workflow_definition": own["body"]["workflow_definition"]}


def test_texts_that_are_no_text_reach_the_receiver_all_the_same():
    body = webhook_body(initiated_event(RUN, 1, {"a": "\ud800"}), RUN, "e")
    assert json.loads(body)["body"]["inputs"] == {"a": "\ud800"}
    assert json.loads(body)["name"] == INITIATED


def test_what_cannot_be_written_is_left_out():
    deep: list = []
    for _ in range(100_000):
        deep = [deep]
    body = json.loads(webhook_body(fulfilled_event(RUN, 1, {"a": deep}), RUN, "e"))["body"]
    assert (body["outputs"], body["redacted"]) == ({}, True)
