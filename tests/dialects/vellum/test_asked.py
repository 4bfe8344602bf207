"""Filters, orderings, pages: what listings are asked for."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stook.core.states import TERMINAL, State
from stook.server.dialects.vellum.filters import Facts, read_filters
from stook.server.dialects.vellum.narrowing import Narrowed
from stook.server.dialects.vellum.ordering import in_order, read_ordering
from stook.server.dialects.vellum.paging import page, read_paging
from stook.server.dialects.vellum.refused import VellumRefusal
from stook.server.dialects.vellum.states import Wire, wire_state

ONE = Facts(timestamp=1_750_000_000_000_000, state=Wire.FULFILLED, execution_id="a-1", external_id=None)
LEAVES = st.tuples(
    st.sampled_from(["state", "execution_id"]),
    st.sampled_from(["==", "!="]),
    st.sampled_from(["FULFILLED", "REJECTED"]),
)


def leaf(field, operator, value, type_="STRING"):
    return {
        "type": "LOGICAL_CONDITION",
        "lhs_variable": {"type": "STRING", "value": field},
        "operator": operator,
        "rhs_variable": {"type": type_, "value": value},
    }


def group(combinator, negated, *conditions):
    return {
        "type": "LOGICAL_CONDITION_GROUP",
        "conditions": list(conditions),
        "combinator": combinator,
        "negated": negated,
    }


def passes(tree, facts=ONE):
    return read_filters(json.dumps(tree)).passes(facts)


@pytest.mark.parametrize(
    ("field", "operator", "value", "wanted"),
    [
        ("timestamp", "==", "2025-06-15T15:06:40Z", True),
        ("timestamp", "==", "2025-06-15T17:06:40+02:00", True),
        ("timestamp", ">", "2025-06-15T15:06:40", False),
        ("timestamp", ">=", 1750000000, True),
        ("state", "==", "FULFILLED", True),
        ("state", "!=", "FULFILLED", False),
        ("execution_id", "==", "A-1", True),
        ("execution_id", "<", "b", True),
        ("external_id", "==", "x", False),
        ("external_id", "!=", "x", True),
        ("external_id", "==", None, True),
        ("external_id", "<", "x", False),
    ],
)
def test_a_condition(field, operator, value, wanted):
    assert passes(leaf(field, operator, value)) is wanted


TREES = st.recursive(
    LEAVES.map(lambda one: leaf(*one)),
    lambda inner: st.builds(
        lambda combinator, negated, found: group(combinator, negated, *found),
        st.sampled_from(["AND", "OR"]),
        st.booleans(),
        st.lists(inner, min_size=1, max_size=3),
    ),
    max_leaves=12,
)


@given(TREES)
def test_groups_nest(tree):
    def truth(one):
        if one["type"] == "LOGICAL_CONDITION":
            field, wanted = one["lhs_variable"]["value"], one["rhs_variable"]["value"]
            same = {"state": "FULFILLED", "execution_id": "a-1"}[field] == (
                wanted if field == "state" else wanted.lower()
            )
            return same is (one["operator"] == "==")
        inside = [truth(part) for part in one["conditions"]]
        return (all(inside) if one["combinator"] == "AND" else any(inside)) is not one["negated"]

    assert passes(tree) is truth(tree)


def nested(depth):
    tree = leaf("state", "==", "PENDING")
    for _ in range(depth):
        tree = group("AND", False, tree)
    return tree


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        '"x"',
        "\ud800",
        json.dumps(leaf("size", "==", "1")),
        json.dumps(leaf("state", "~", "PENDING")),
        json.dumps(leaf("state", "==", "QUEUED")),
        json.dumps(leaf("timestamp", "==", "yesterday")),
        json.dumps(leaf("timestamp", "==", True)),
        json.dumps(leaf("execution_id", "==", 3)),
        json.dumps(leaf("external_id", "<", None)),
        json.dumps(group("XOR", False, leaf("state", "==", "PENDING"))),
        json.dumps({**leaf("state", "==", "PENDING"), "type": "ELSE"}),
        json.dumps(nested(21)),
        json.dumps(group("AND", False, *[leaf("state", "==", "PENDING")] * 201)),
        "[" * 100_000,
    ],
)
def test_what_is_no_filter_is_refused(text):
    with pytest.raises(VellumRefusal) as refused:
        read_filters(text)
    assert refused.value.status == 400


def test_no_filter_lets_everything_pass():
    assert read_filters(None) is read_filters("") is None


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3))), st.booleans(), st.booleans())
def test_orderings_are_of_the_first_name_first(rows, down, up):
    keys = {"a": lambda row: row[0], "b": lambda row: row[1]}
    text = f"{'-' if down else ''}a,{'-' if up else ''}b"
    found = in_order(rows, read_ordering(text, keys, "a"), keys)
    assert found == sorted(rows, key=lambda row: (-row[0] if down else row[0], -row[1] if up else row[1]))


def test_an_ordering_that_is_not_known_is_refused():
    assert read_ordering(None, ["a"], "-a") == [("a", True)]
    for text in ("b", "a,", "--a", "a b"):
        with pytest.raises(VellumRefusal):
            read_ordering(text, ["a"], "a")


@given(st.integers(1, 30), st.integers(1, 12), st.integers(0, 40))
def test_pages_lead_through_all(count, limit, offset):
    paging = read_paging({"limit": str(limit), "offset": str(offset)})
    rows = list(range(count))
    made = page(paging.cut(rows), count, paging, f"http://h/x?q=a%20b&offset={offset}&limit={limit}")
    assert made["results"] == rows[offset : offset + limit]
    if made["next"] is None:
        assert offset + limit >= count
    else:
        assert made["next"] == f"http://h/x?q=a+b&limit={limit}&offset={offset + limit}"
    assert (made["previous"] is None) is (offset == 0)


ANY_LEAF = st.one_of(
    st.builds(leaf, st.just("state"), st.sampled_from(["==", "!=", "<", ">="]), st.sampled_from(list(Wire))),
    st.builds(leaf, st.just("timestamp"), st.sampled_from(["==", "!=", "<", "<=", ">", ">="]), st.integers(0, 3)),
    st.builds(leaf, st.sampled_from(["execution_id", "external_id"]), st.just("=="), st.sampled_from(["a", "b"])),
)
TREES = st.recursive(
    ANY_LEAF,
    lambda inside: st.builds(
        lambda both, negated, some: group(both, negated, *some),
        st.sampled_from(["AND", "OR"]),
        st.booleans(),
        st.lists(inside, max_size=3),
    ),
    max_leaves=8,
)
ALL_FACTS = [
    Facts(timestamp=at * 1_000_000, state=state, execution_id=id_, external_id=other)
    for at in range(4)
    for state in Wire
    for id_ in ("a", "b")
    for other in ("a", None)
]


@given(TREES)
def test_the_store_is_asked_for_no_less_than_is_wanted(tree):
    """And for no more, where that is said to be exact."""
    found = read_filters(json.dumps(tree))
    narrowed = found.narrowed
    for facts in ALL_FACTS:
        asked_for = (
            facts.state in narrowed.states
            and (narrowed.since is None or facts.timestamp >= narrowed.since)
            and (narrowed.until is None or facts.timestamp < narrowed.until)
        )
        wanted = found.passes(facts)
        assert asked_for or not wanted
        assert wanted == asked_for or not narrowed.exact
        if wanted:
            assert found.ids is None or facts.execution_id in found.ids
            assert found.external_ids is None or facts.external_id in found.external_ids


@given(st.frozensets(st.sampled_from(list(Wire)), min_size=1))
def test_states_are_asked_for_in_the_stores_words(states):
    narrowed = Narrowed(states=states)
    asked = narrowed.asked()
    for state in State:
        for begun in (False, True):
            if state in (State.running, State.suspended, State.cancelling) and not begun:
                continue
            found = asked.get("states") is None or state in asked["states"]
            found = found and (state in TERMINAL or asked.get("begun") in (None, begun))
            shown = {wire_state(state, begun=begun, streamed=streamed) for streamed in (False, True)}
            assert found or not shown & states
            if narrowed.told:
                assert found == bool(shown & states)
