"""What a receipt says where nothing new came to be: duplicates, throttled and debounced calls."""

from __future__ import annotations

from datetime import timedelta

import pytest

from stook import Debounce, DuplicateKey, ExecutionCancelled, Throttle, Throttled
from tests.wiring.invoked_tasks import sync


def test_a_duplicate_answers_with_the_holder(apps):
    first = sync(apps).invoke("double", 1, dedupe_key="a")
    again = sync(apps).invoke("double", 2, dedupe_key="a")
    assert (again.id, again.created, again.reason) == (first.id, False, "duplicate")
    with pytest.raises(DuplicateKey) as caught:
        sync(apps).invoke("double", 2, dedupe_key="a", dedupe="reject")
    assert (caught.value.existing_id, caught.value.index) == (first.id, None)
    assert sync(apps).list(dedupe_key="a")[0].id == first.id


def test_a_long_key_of_any_script_is_one_key(apps):
    key = "ключ🗝" * 100
    first = sync(apps).invoke("double", 1, dedupe_key=key)
    assert sync(apps).invoke("double", 1, dedupe_key=key).id == first.id
    assert sync(apps).invoke("double", 1, dedupe_key=key[:-1] + "!").created
    assert first.sync.status().dedupe_key == key
    assert [one.id for one in sync(apps).list(task="double", dedupe_key=key)] == [first.id]
    assert sync(apps).cancel("double", dedupe_key=key)


def test_replace_and_supersede(apps):
    first = sync(apps).invoke("double", 1, dedupe_key="a", delay=5)
    replaced = sync(apps).invoke("double", 2, dedupe_key="a", dedupe="replace")
    assert (replaced.id, replaced.reason) == (first.id, "replaced")
    second = sync(apps).invoke("double", 3, dedupe_key="a", dedupe="supersede")
    assert (second.created, second.reason) == (True, "superseded")
    with pytest.raises(ExecutionCancelled) as caught:
        first.sync.result(1)
    assert caught.value.reason == "superseded by reinvoke"
    apps.run_until_idle()
    assert second.sync.result() == 6


def test_a_throttled_receipt_is_no_handle(apps):
    first = sync(apps).invoke("double", 1, throttle=60)
    none = sync(apps).invoke("double", 2, throttle=Throttle(timedelta(minutes=1)))
    assert not none
    assert (none.id, none.reason, none.blocked_by, str(none)) == (None, "throttled", first.id, "")
    for ask in (none.sync.result, none.sync.status, none.sync.cancel, none.sync.retry):
        with pytest.raises(Throttled, match=first.id):
            ask()
    assert sync(apps).invoke("double", 2, throttle=Throttle(60, "mine")).created
    apps.clock.advance(60)
    assert sync(apps).invoke("double", 3, throttle=60).created


def test_the_dedupe_key_is_the_period_s_key_where_none_is_given(apps):
    assert sync(apps).invoke("double", 1, dedupe_key="a", throttle=60).created
    assert sync(apps).invoke("double", 2, dedupe_key="b", throttle=60).created
    assert sync(apps).invoke("double", 3, dedupe_key="a", throttle=60).reason == "throttled"


def test_a_debounced_call_replaces_the_payload(apps):
    first = sync(apps).invoke("double", 1, debounce=10)
    again = sync(apps).invoke("double", 5, debounce=Debounce(10))
    assert (again.id, again.reason, again.created) == (first.id, "debounced", False)
    apps.clock.advance(10)
    apps.run_until_idle()
    assert first.sync.result() == 10
