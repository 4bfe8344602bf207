"""Which events an endpoint wants, and what an event says."""

from __future__ import annotations

import json
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stook.core.errors import OptionError
from stook.core.hosted import hosted_task
from stook.core.webhook_events import (
    ALL_EVENTS,
    BATCH_EVENTS,
    DEFAULT_EVENTS,
    DISABLED,
    WORKFLOW_EVENTS,
    Wants,
    bit_of,
    body_of,
    error_of,
    mask_of,
    sent_id,
    timestamp,
)

names = st.sampled_from(ALL_EVENTS)


@given(st.sets(names, min_size=1), names)
def test_a_mask_holds_what_was_asked_for_and_nothing_else(asked, name):
    assert bool(mask_of(asked) & bit_of(name)) == (name in asked)


def test_asking_for_nothing_is_asking_for_batches_and_workflows():
    assert mask_of([]) == mask_of(DEFAULT_EVENTS) == mask_of([*BATCH_EVENTS, DISABLED, *WORKFLOW_EVENTS])


def test_bits_are_stored_and_stay():
    assert [bit_of(name) for name in ALL_EVENTS] == [1 << place for place in range(18)]
    assert ALL_EVENTS[:2] == ("batch.finished", "batch.reopened")
    assert ALL_EVENTS[8:10] == ("webhook.endpoint.disabled", "webhook.test")
    assert ALL_EVENTS[10:13] == WORKFLOW_EVENTS


@pytest.mark.parametrize("name", ["batch.finshed", "", "x"])
def test_an_unknown_name_is_told(name):
    with pytest.raises(OptionError, match=f"events: there is no event '{name}'"):
        mask_of(["batch.finished", name])


@given(
    names,
    st.sets(names, min_size=1),
    st.sets(st.sampled_from("tuv")),
    st.booleans(),
    st.sampled_from("tuv"),
    st.booleans(),
)
def test_every_filter_has_its_say(name, asked, tasks, named, task, mine):
    wants = Wants("whe_a", mask_of(asked), tuple(tasks), named)
    batches = ("whe_b", "whe_a") if mine else ("whe_b",)
    expected = name in asked and (not tasks or task in tasks) and (mine or not named)
    assert wants.event(name, task, batches) == expected
    assert wants.event(name, None, ()) == (name in asked), "of no batch"


def test_a_hosted_workflow_is_named_as_its_users_do():
    task = hosted_task("0192f0c1-7b7e-7000-8a2b-3c4d00000000", "hello/wf", "workflow")
    assert Wants("whe_a", mask_of([]), ("hello/wf",), False).event(WORKFLOW_EVENTS[0], task, ())
    assert not Wants("whe_a", mask_of([]), ("hello",), False).event(WORKFLOW_EVENTS[0], task, ())


def test_receivers_of_workflow_events_see_uuids():
    made = "evt_" + "0123456789abcdef" * 2
    assert sent_id(made, WORKFLOW_EVENTS[1]) == "01234567-89ab-cdef-0123-456789abcdef"
    assert sent_id(made, "batch.finished") == made


@given(st.integers(0, 4_000_000_000_000_000))
def test_times_are_exact(at):
    text = timestamp(at)
    assert text.endswith("Z")
    seconds, micros = divmod(at, 1_000_000)
    found = datetime.fromisoformat(text)
    assert (int(found.timestamp()), found.microsecond) == (seconds, micros)


def test_a_body_is_json_of_the_event():
    body = json.loads(body_of("evt_1", "batch.paused", 0, "p", {"batch": {"id": 1}}))
    assert body == {
        "id": "evt_1",
        "type": "batch.paused",
        "timestamp": "1970-01-01T00:00:00.000000Z",
        "project": "p",
        "data": {"batch": {"id": 1}},
    }


@given(st.text(st.characters()), st.text(st.characters()))
def test_any_message_fits_a_body(kind, message):
    error = error_of(kind, "raised", message)
    body_of("evt_1", "execution.failed", 0, "p", error)
    if message.isprintable():
        assert error["message"] == message or not message.isascii()
    assert error_of("E", "c", "half \ud800 ü")["message"] == "half \ufffd ü"
