"""A duplicate key or throttled item destroys a batch."""

from __future__ import annotations

import pytest

from stook import Throttle


@pytest.fixture
def job(harness_on_either):
    @harness_on_either.app.task("job")
    async def job(n: int) -> int:
        return n

    return job


@pytest.mark.parametrize("atomic", [True, False])
@pytest.mark.parametrize("mode", ["return_existing", "replace", "supersede"])
def test_conflicts_leave_every_sibling_alone(harness_on_either, job, mode, atomic):
    sync = harness_on_either.app.sync
    sync.invoke(job, 100, dedupe_key="k3")
    sync.invoke(job, 101, throttle=Throttle(60, "t7"))
    items = [
        {"payload": n, "dedupe_key": f"k{n}"} if n % 2 else {"payload": n, "throttle": Throttle(60, f"t{n}")}
        for n in range(10)
    ]
    items += [{"payload": 50, "dedupe_key": "k5"}, {"payload": 51, "throttle": Throttle(60, "t7")}, {"payload": 52}]
    made = sync.invoke_many(job, items, dedupe=mode, atomic=atomic, chunk_size=4)
    assert len(made) == len(items)
    hurt = {3, 5, 10, 11}
    assert [one.created for place, one in enumerate(made) if place not in hurt] == [True] * 9
    assert made[11].reason == "throttled"
    harness_on_either.run_until_idle()
    ids = {one.id for place, one in enumerate(made) if one and place != 5}  # which a later commit may supersede
    assert len(ids) == 11
    assert {sync.get(one).state for one in ids} == {"succeeded"}
    assert [made[n].sync.result() for n in (0, 1, 2, 4, 6, 7, 8, 9, 12)] == [0, 1, 2, 4, 6, 7, 8, 9, 52]


def test_a_call_of_nothing_but_conflicts_is_no_error(harness_on_either, job):
    sync = harness_on_either.app.sync
    items = [{"payload": n, "dedupe_key": "k", "throttle": 60} for n in range(5)]
    assert sync.invoke_many(job, items).created == 1
    again = sync.invoke_many(job, items)
    assert ([one.reason for one in again], again.created) == (["throttled"] * 5, 0)
    harness_on_either.run_until_idle()
    assert [one.state for one in sync.list()] == ["succeeded"]
