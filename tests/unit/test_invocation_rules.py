"""What becomes of each item of an invocation: the rules, against a model that lets the items come one by one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stook.core.errors import OptionError
from stook.core.invocation import Debouncing, Holder, NewItem, Standing, Throttling, decide, fold
from stook.core.moments import seconds_of
from stook.core.periods import Debounce, Throttle, debouncing_of, throttling_of
from stook.core.stored_key import stored_key

KEYS = st.sampled_from([None, "a", "b"])
MODES = st.sampled_from(["return_existing", "replace", "supersede", "reject"])


@st.composite
def items(draw):
    dedupe, throttle = draw(KEYS), draw(KEYS)
    debounce = None if throttle else draw(KEYS)
    return draw(st.sampled_from(["t", "u"])), NewItem(
        payload=b"1",
        dedupe=dedupe,
        mode=draw(MODES) if dedupe else "return_existing",
        throttle=Throttling(throttle, 5) if throttle else None,
        debounce=Debouncing(debounce, 5) if debounce else None,
    )


def found(draw):
    return st.dictionaries(st.tuples(st.sampled_from(["t", "u"]), st.sampled_from(["a", "b"])), draw)


PLACES = st.tuples(st.just(b"b"), st.integers(0, 9))
HOLDERS = st.builds(Holder, PLACES, rested=st.booleans(), fresh=st.booleans())


@given(st.lists(items(), max_size=8))
def test_the_last_of_equal_keys_stands_for_all(calls):
    stands = fold(calls)
    for place, stand in enumerate(stands):
        assert stand >= place
        assert stands[stand] == stand
        assert calls[stand][0] == calls[place][0]
    for place, (task, item) in enumerate(calls):
        for later in range(place + 1, len(calls)):
            other_task, other = calls[later]
            if task == other_task and item.dedupe is not None and item.dedupe == other.dedupe:
                assert stands[place] == stands[later]


@given(st.lists(items(), max_size=8))
def test_those_that_stand_for_themselves_have_keys_of_their_own(calls):
    stands = fold(calls)
    own = [calls[place] for place, stand in enumerate(stands) if place == stand]
    for keys in (
        [(task, item.dedupe) for task, item in own if item.dedupe is not None],
        [(task, item.debounce.key) for task, item in own if item.debounce is not None],
    ):
        assert len(keys) == len(set(keys))


@given(st.lists(items(), max_size=8), found(PLACES), found(HOLDERS), found(HOLDERS))
def test_one_after_the_other(calls, throttled, pending, holders):
    """Those under periods that the call itself starts are throttled by what it creates."""
    stands = fold(calls)
    verdict = decide(calls, stands, Standing(throttled, pending, holders))
    assert verdict.keys() == {place for place, stand in enumerate(stands) if place == stand}
    busy = dict.fromkeys(throttled)
    for place in sorted(verdict):
        task, item = calls[place]
        kind = verdict[place].kind
        key = None if item.throttle is None else (task, item.throttle.key)
        holder = holders.get((task, item.dedupe)) if item.dedupe is not None else None
        if key in busy:
            assert kind == "throttled"
            assert verdict[place].blocker == busy[key]
        elif item.debounce is not None and (task, item.debounce.key) in pending:
            assert kind == "debounce"
        elif holder is None:
            assert kind == "create"
        elif item.mode == "return_existing":
            assert kind == "existing"
        elif item.mode == "replace":
            assert kind == ("replace" if holder.fresh and not holder.rested else "existing")
        else:
            assert kind == {"supersede": "supersede", "reject": "rejected"}[item.mode]
        if key is not None and kind in ("create", "supersede"):
            busy[key] = place


@given(st.integers(0, 10**6), st.integers(1, 1000), st.none() | st.integers(1, 3000), st.lists(st.integers(0, 900)))
def test_a_debounced_execution_is_never_pulled_forward_nor_pushed_beyond_its_longest_wait(opened, period, most, steps):
    one = Debouncing("k", period, reset=True, max_wait=most)
    now, due = opened, opened + period
    for step in steps:
        now += step
        if now >= due:
            break
        later = one.due(now, opened, due)
        assert later >= due
        assert most is None or later <= max(due, opened + most)
        assert most is not None or later == max(due, now + period)
        due = later


def test_without_reset_the_due_time_stays():
    assert Debouncing("k", 10).due(5, 0, 10) == 10


@pytest.mark.parametrize("key", ["a", "ü" * 256, "x" * 512, "🗝" * 512, "🗝" * 511])
def test_keys_fit_an_index_and_stay_apart(key):
    kept = stored_key("k", key)
    assert len(kept.encode()) <= 512
    assert kept == stored_key("k", key)
    assert kept != stored_key("k", key[:-1] + "y")


@pytest.mark.parametrize("key", ["", "x" * 513, "a\0", "\ud800", 5, None])
def test_what_is_no_key(key):
    with pytest.raises(OptionError):
        stored_key("k", key)


@pytest.mark.parametrize("value", [0, -1, float("nan"), float("inf"), "5", True, None])
def test_what_is_no_period(value):
    for make in (lambda: throttling_of(Throttle(value), None), lambda: debouncing_of(Debounce(value), None)):
        with pytest.raises(OptionError):
            make()


def test_a_period_s_key_is_its_own_or_the_dedupe_key_or_nothing():
    assert [throttling_of(given, key).key for given, key in [(Throttle(1, "a"), "d"), (1, "d"), (1, None)]] == [
        "a",
        "d",
        "",
    ]
    assert debouncing_of(Debounce(1.5, reset=True, max_wait=3), "d") == Debouncing("d", 1_500_000, True, 3_000_000)
    assert seconds_of("x", 0) == 0
