"""Many invocations at once: lists, cancels by filter, waiting for each."""

from __future__ import annotations

import pytest

from stook import ConfigError, OptionError
from tests.wiring.invoked_tasks import sync


def test_lists_by_filters_in_pages(apps):
    reds = [sync(apps).invoke("double", n, tags=["red"]) for n in range(3)]
    blues = sync(apps).invoke_many("double", [{"payload": n, "tags": ["blue"]} for n in range(4)])
    other = sync(apps).invoke("broken", {})
    everything = [*reds, *blues, other]
    assert [one.id for one in sync(apps).list()] == [one.id for one in everything]
    assert [one.id for one in sync(apps).list(tag="red")] == [one.id for one in reds]
    assert [one.id for one in sync(apps).list(batch_id=blues.batch_id)] == [one.id for one in blues]
    assert [one.id for one in sync(apps).list(task="broken", queue="default")] == [other.id]
    assert sync(apps).list(queue="q") == []
    first = sync(apps).list(limit=5)
    assert [one.id for one in first] == [one.id for one in everything[:5]]
    assert [one.id for one in sync(apps).list(after=first[-1].id)] == [one.id for one in everything[5:]]
    assert [one.id for one in sync(apps).list(batch_id=blues.batch_id, after=blues[1])] == [one.id for one in blues[2:]]
    apps.run_until_idle()
    assert [one.id for one in sync(apps).list(state="failed")] == [other.id]
    assert len(sync(apps).list(state=["succeeded", "failed"], limit=100)) == 8
    assert sync(apps).list(state=["queued", "running"]) == []
    with pytest.raises(OptionError, match="state="):
        sync(apps).list(state="gone")


def test_cancel_many_by_filter(apps):
    sync(apps).invoke_many("double", [{"payload": n, "tags": ["x"] if n % 2 else []} for n in range(6)])
    sync(apps).invoke("double", 9, tags=["x"])
    with pytest.raises(OptionError, match="at least one filter"):
        sync(apps).cancel_many()
    assert sync(apps).cancel_many(tag="x", reason="no x") == 4
    assert sync(apps).cancel_many(tag="x") == 0
    assert {one.error for one in sync(apps).list(state="cancelled")} == {"no x"}
    assert len(sync(apps).list(state="queued")) == 3


def test_wait_tells_how_each_ended(apps):
    made = [sync(apps).invoke("double", 2), sync(apps).invoke("broken", {}), sync(apps).invoke("double", 3)]
    assert made[2].sync.cancel()
    apps.run_until_idle()
    assert [(one.state, one.result) for one in sync(apps).wait(made, timeout=5)] == [
        ("succeeded", 4),
        ("failed", None),
        ("cancelled", None),
    ]


def test_a_blocking_twin_on_stooks_own_loop_is_refused(app):
    @app.task("inside")
    async def inside(payload: dict) -> str:
        try:
            app.sync.invoke("inside", {})
        except ConfigError:
            return "refused"
        return "done"

    with app.working():
        assert app.sync.invoke(inside, {}).sync.result(20) == "refused"
