"""From a handler to whoever reads what it said, on either database."""

from __future__ import annotations

import asyncio

from stook import App, BatchConfig, BatchContext, Context, SyncContext


def test_of_a_batch_and_of_one(app_on_either):
    @app_on_either.task(max_attempts=1)
    async def says(number: int, ctx: Context) -> None:
        ctx.logger.info("number %d", number, squared=number**2)

    with app_on_either.working():
        batch = says.map(range(3))
        batch.wait()
        execution = says.submit(7)
        execution.result(20)
    assert [[entry.message for entry in batch.logs(index=index)] for index in range(3)] == [
        ["number 0"],
        ["number 1"],
        ["number 2"],
    ]
    (entry,) = execution.logs()
    assert (entry.message, entry.fields, entry.level) == ("number 7", {"squared": 49}, "info")
    (again,) = asyncio.run(_alogs(app_on_either, batch.id))
    assert again.message == "number 2"


async def _alogs(app, batch):
    return await (await app.abatch(batch)).logs(index=2)


def test_attempts_apart(harness):
    @harness.app.task(max_attempts=2)
    def says(number: int, ctx: SyncContext) -> None:
        ctx.logger.warning("attempt %d", ctx.attempt)
        raise ValueError

    execution = says.submit(1)
    harness.run_until_idle()
    harness.clock.advance(3600)
    harness.run_until_idle()
    assert [(one.attempt, one.message) for one in execution.logs()] == [(1, "attempt 1"), (2, "attempt 2")]
    assert [one.message for one in execution.logs(attempt=2)] == ["attempt 2"]


def test_of_a_group(app_on_either):
    @app_on_either.task(batch=BatchConfig(size=3, timeout=0.05))
    async def says(numbers: list[int], ctx: BatchContext) -> list[int]:
        ctx.logger.info("together")
        ctx.logger_of(0).info("the first")
        return numbers

    with app_on_either.working():
        batch = says.map(range(3))
        batch.wait()
    found = [[entry.message for entry in batch.logs(index=index)] for index in range(3)]
    assert found == [["together", "the first"], ["together"], ["together"]]


def test_limits_are_settings(where, monkeypatch):
    monkeypatch.setenv("STOOK_LOG_LINES", "4")
    monkeypatch.setenv("STOOK_LOG_CAPTURED_LEVEL", "debug")
    with App("test", store=where) as app:

        @app.task
        def says(number: int, ctx: SyncContext) -> None:
            for place in range(10):
                ctx.logger.debug("line %d", place)

        with app.working():
            execution = says.submit(1)
            execution.result(20)
        found = [one.message for one in execution.logs()]
    assert found == ["line 0", "line 1", "line 8", "line 9", "6 lines dropped"]
