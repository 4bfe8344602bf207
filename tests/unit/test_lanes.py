"""What keeps items apart: found in payloads, named, and understood again."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stook.core.chunk import Placing
from stook.core.errors import ConfigError, OptionError
from stook.core.laid_out import laid_out, placings_of
from stook.core.lanes import Laner, keys_of, lane_value, lane_values, place_of, stored_key, unit_cost
from stook.core.policy import BatchConfig, ConcurrencyLimit, RateLimit, TaskPolicy

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


def by_tenant(**more):
    return TaskPolicy(limits=(ConcurrencyLimit(1, key="tenant"),), **more)


def lane_of(policy, payload):
    return Laner(policy).places([msgspec.json.encode(payload)])[0][0]


@given(st.dictionaries(st.text(min_size=1), json_values, min_size=1, max_size=3), json_values)
def test_equal_values_share_a_lane_and_others_do_not(values, other):
    key = next(iter(values))
    changed = values | {key: other}
    same = msgspec.json.encode(values, order="sorted") == msgspec.json.encode(changed, order="sorted")
    assert (place_of(values) == place_of(changed)) is same
    assert "\0" not in place_of(values)
    assert len(place_of(values)) < 1200
    assert lane_values(place_of(values)).keys() == values.keys()


@given(json_values)
def test_a_value_is_found_again_also_behind_what_slept(value):
    lane = place_of({"tenant": value, "n": 1})
    text = lane_value(lane, "tenant")
    assert text == lane_value(f"{lane}|nap:{{", "tenant")
    raw = msgspec.json.encode(value, order="sorted").decode()
    assert text == raw or len(raw) > 128
    assert lane_value(lane, "unheard") == "null"
    assert lane_value(lane, None) == ""


@pytest.mark.parametrize(
    ("path", "payload", "value"),
    [
        ("tenant", {"tenant": "a"}, '"a"'),
        ("payload.tenant", {"tenant": "a"}, '"a"'),
        ("payload", "whole", '"whole"'),
        ("a.b.c", {"a": {"b": {"c": 0}}}, "0"),
        ("a.1.b", {"a": [0, {"b": ""}]}, '""'),
        ("a.9", {"a": [0]}, "null"),
        ("a.b", {"a": "text"}, "null"),
        ("a", None, "null"),
    ],
)
def test_paths(path, payload, value):
    policy = TaskPolicy(limits=(ConcurrencyLimit(1, key=path),))
    assert lane_value(lane_of(policy, payload), path) == value


def test_the_keys_of_a_task_are_one_lane():
    policy = TaskPolicy(
        batch=BatchConfig(3, key="tenant"),
        limits=(ConcurrencyLimit(1, key="model"), ConcurrencyLimit(1, key="tenant"), ConcurrencyLimit(5)),
        rates=(RateLimit(1, 1, key="region", units="tokens"),),
    )
    assert keys_of(policy) == ("tenant", "model", "region")
    ((lane, cost),) = Laner(policy).places([b'{"tenant":1,"model":2,"region":3,"tokens":4.5}'])
    assert dict(lane_values(lane)) == {"tenant": "1", "model": "2", "region": "3"}
    assert (unit_cost(cost, "tokens"), unit_cost(cost, None), unit_cost(None, "tokens")) == (4.5, 1, 1)


@pytest.mark.parametrize(("value", "cost"), [(0, 0), (2.5, 2.5), (-3, 0), ("7", 1), (True, 1), (None, 1)])
def test_what_is_no_number_costs_as_much_as_an_item(value, cost):
    policy = TaskPolicy(rates=(RateLimit(1, 1, units="size"),))
    ((_, text),) = Laner(policy).places([msgspec.json.encode({"size": value})])
    assert unit_cost(text, "size") == cost


def test_a_function_is_asked_in_the_program_that_defines_it_and_refused_elsewhere():
    def half(payload):
        return payload["n"] // 2

    policy = TaskPolicy(limits=(ConcurrencyLimit(1, key=stored_key(half)),))
    assert lane_of(policy, {"n": 6}) == lane_of(policy, {"n": 7}) != lane_of(policy, {"n": 8})
    elsewhere = TaskPolicy(limits=(ConcurrencyLimit(1, key="(their.half)"),))
    with pytest.raises(OptionError, match=r"their\.half"):
        Laner(elsewhere)
    with pytest.raises(OptionError, match="KeyError") as found:
        Laner(policy).places([b'{"n":1}', b"{}"], first=40)
    assert found.value.index == 41


def test_functions_of_one_name_are_kept_apart():
    first, second = (lambda payload, by=by: payload["n"] // by for by in (2, 3))
    assert stored_key(first) == stored_key(first) != stored_key(second)


@pytest.mark.parametrize("key", ["", "a..b", ".", 7, "(x)"])
def test_what_is_no_key(key):
    with pytest.raises(ConfigError):
        stored_key(key)


@given(st.lists(st.tuples(st.sampled_from(["", "a", "b"]), st.sampled_from([None, "1", "2"])), min_size=1, max_size=40))
def test_every_item_is_placed_once_and_lanes_keep_their_order(places):
    half = len(places) // 2
    asked = [Placing(range(half), priority=1), Placing(range(half, len(places)), priority=2)]
    for placings, before in (
        (laid_out(places, None), None),
        (laid_out(places, [one for one in asked if one.offsets]), 1),
    ):
        offsets = [offset for one in placings for offset in one.offsets]
        assert sorted(offsets) == list(range(len(places)))
        for one in placings:
            assert {places[offset] for offset in one.offsets} == {(one.lane, one.cost)}
        for lane in "ab":
            mine = [offset for one in placings if one.lane == lane for offset in one.offsets]
            assert mine == sorted(mine)
        if before:
            assert {one.priority for one in placings} <= {1, 2}


def test_a_task_without_keys_is_left_alone():
    assert placings_of(Laner(TaskPolicy(limits=(ConcurrencyLimit(3),))), [b"not even JSON"]) is None
