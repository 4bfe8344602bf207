"""Which tasks can be invoked: those of this program, those it knows by definition, those that a worker has told of."""

from __future__ import annotations

import asyncio

import pytest

from stook import (
    App,
    ExecutionFailed,
    Invocable,
    NotInvocable,
    On,
    OnRow,
    PayloadValidationError,
    TaskDef,
    UnknownQueue,
    UnknownTask,
)
from tests.wiring.invoked_tasks import Order, sync


def test_unknown_names_are_refused(apps):
    with pytest.raises(UnknownTask, match="nope"):
        sync(apps).invoke("nope", 1)
    with pytest.raises(UnknownQueue, match="'q'"):
        sync(apps).invoke("double", 1, queue="q")
    apps.app.task("other", queue="q")(lambda payload: None)
    with pytest.raises(UnknownTask, match="'default'"):
        sync(apps).invoke("double", 1, queue="q")
    assert sync(apps).invoke("double", 1, queue="default")


def test_a_task_without_invocable_is_not_invoked(apps):
    rows = apps.app.create_task("rows", OnRow("public.t", "insert", columns=["a"]), lambda event: None)
    for call in (
        lambda: sync(apps).invoke("rows", 1),
        lambda: sync(apps).invoke(rows, 1),
        lambda: sync(apps).invoke_many(rows, [1]),
        lambda: rows.submit(1),
        lambda: asyncio.run(rows.asubmit(1)),
        lambda: rows.map([1]),
        lambda: asyncio.run(rows.amap([1])),
    ):
        with pytest.raises(NotInvocable, match="rows"):
            call()
    assert not sync(apps).list(task="rows")


def test_what_another_program_says_is_not_invocable_is_not_invoked(either):
    with App("api", store=either, tasks=[TaskDef("hears")]) as api, App("worker", store=either) as worker:
        asked = api.sync.invoke("hears", 1)  # nothing is known of it yet
        worker.task("hears", triggers=On("paid"))(lambda event: None)
        worker.task("both", triggers=[On("paid"), Invocable()])(lambda event: "invoked")

        @worker.task("parent", max_attempts=1)
        async def parent(event, ctx):
            return await ctx.invoke("hears", "hears", 1)

        with worker.working():
            assert asked.sync.result(20) is None
            assert api.sync.invoke("both", 1).sync.result(20) == "invoked"
            with App("late", store=either, tasks=[TaskDef("hears")]) as late:
                for named in ("hears", TaskDef("hears")):
                    with pytest.raises(NotInvocable, match="'hears'"):
                        late.sync.invoke(named, 1)
                with pytest.raises(NotInvocable):
                    late.sync.invoke_many("hears", [1, 2])
                with pytest.raises(ExecutionFailed, match="started by its triggers alone"):
                    late.sync.invoke("parent").sync.result(20)


def test_a_task_of_another_program_is_known_by_definition_or_by_its_worker(either):
    with App("api", store=either, tasks=[TaskDef("work", queue="q", payload=Order, returns=int)]) as api:
        waiting = api.sync.invoke("work", {"id": 1})
        assert waiting.sync.status().queue == "q"
        with pytest.raises(PayloadValidationError):
            api.sync.invoke("work", {"id": "x"})
        with pytest.raises(UnknownTask):
            api.sync.invoke("hidden", {})
        with App("worker", store=either) as worker:

            @worker.task("work", queue="q", max_attempts=9)
            async def work(order: Order) -> int:
                return order.id

            @worker.task("hidden")
            async def hidden(payload: dict) -> str:
                return "found"

            with worker.working():
                assert waiting.sync.result(20) == 1
                assert api.sync.invoke("hidden", {}).sync.result(20) == "found"
