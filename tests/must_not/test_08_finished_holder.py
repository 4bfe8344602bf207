"""A dedupe key held by a finished row swallows an invocation."""

from __future__ import annotations

import pytest

from stook import NonRetryable

MODES = ["return_existing", "replace", "supersede", "reject"]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("end", ["succeeded", "failed", "cancelled", "cancelled while running", "expired"])
def test_whatever_the_end_the_next_invocation_is_created_and_runs(harness_on_either, end, mode):
    app, sync = harness_on_either.app, harness_on_either.app.sync
    seen = []

    @app.task("job", max_attempts=1)
    async def job(n: int) -> int:
        seen.append(n)
        if n == 0 and end == "failed":
            raise NonRetryable("no")
        if n == 0 and end == "cancelled while running":
            await app.cancel("job", dedupe_key="k")
        return n

    first = sync.invoke(job, 0, dedupe_key="k", expires_in=5, delay=10 if end == "expired" else None)
    if end == "cancelled":
        assert sync.cancel(first)
    if end == "expired":
        harness_on_either.clock.advance(11)
    harness_on_either.run_until_idle()
    assert first.sync.status().state == end.split()[0]
    second = sync.invoke(job, 1, dedupe_key="k", dedupe=mode)
    assert (second.created, second.reason) == (True, None)
    many = sync.invoke_many(job, [{"payload": 2, "dedupe_key": "k"}])
    assert many[0].id == second.id
    harness_on_either.run_until_idle()
    assert second.sync.result(5) == 1
    assert seen[-1] == 1


@pytest.mark.parametrize("mode", MODES)
def test_a_key_is_free_when_its_ttl_is_over_and_not_a_moment_later(harness_on_either, mode):
    app, sync = harness_on_either.app, harness_on_either.app.sync

    @app.task("job")
    async def job(n: int) -> int:
        return n

    first = sync.invoke(job, 0, dedupe_key="k", dedupe_ttl=60)
    harness_on_either.run_until_idle()
    harness_on_either.clock.advance(59)
    assert sync.invoke(job, 1, dedupe_key="k").id == first.id
    harness_on_either.clock.advance(1)
    assert sync.invoke(job, 2, dedupe_key="k", dedupe=mode).created


def test_a_deleted_holder_holds_nothing(harness_on_either):
    app, sync = harness_on_either.app, harness_on_either.app.sync

    @app.task("job")
    async def job(n: int) -> int:
        return n

    made = sync.invoke_many(job, [{"payload": n, "dedupe_key": f"k{n}"} for n in range(3)], name="b")
    harness_on_either.run_until_idle()
    app.batch("b").delete()
    assert sync.invoke_many(job, [{"payload": n, "dedupe_key": f"k{n}"} for n in range(3)]).created == 3
    assert made.created == 3
