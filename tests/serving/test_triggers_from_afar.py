"""Tasks with triggers whose worker has nothing but HTTP."""

from __future__ import annotations

import asyncio

import pytest

from stook import App, Cron, F, Invocable, On, OnRow
from stook.core.errors import UnsupportedByBackend
from stook.core.policy import TaskPolicy
from stook.wire.work import SeeCron, SeeOn, SeeTask, SeeWorker, WorkerGone
from stook.wiring.remote_work import working_from_afar
from tests.serving.worker_calls import WorkerCalls, refused


def shop(*triggers, heard=None):
    app = App("shop")
    app.task("report", triggers=list(triggers))(([] if heard is None else heard).append)
    return {"report": app.tasks["report"].definition()}


def secret(served):
    return served.call(served.services.keys.create("default", "w", ["worker"]))[1]


def work(served, tasks, until=None):
    """While a worker of these tasks is there, `until` is waited for."""

    async def working():
        async with working_from_afar(served.url, secret(served), tasks):
            for _ in range(1000):
                if until is None or until():
                    return
                await asyncio.sleep(0.02)
            raise AssertionError("it never came")

    asyncio.run(working())


def schedules(served):
    return {one["name"]: one for one in served.client.get("/api/v1/schedules").json()["data"]}


def test_its_schedules_and_subscriptions_are_registered(served_on_either):
    served, heard = served_on_either, []
    cron = Cron(
        "0 0 1 1 *", name="yearly", tz="Asia/Tokyo", payload={"n": 1}, priority=3, missed="all", overlap="queue"
    )
    tasks = shop(cron, On("paid", when=F("total") > 10, fields="id"), heard=heard)
    work(served, tasks)
    found = schedules(served)["yearly"]
    assert found.items() >= {"payload": {"n": 1}, "static": True, "tz": "Asia/Tokyo", "priority": 3}.items()
    assert (found["missed"], found["overlap"]) == ("all", "queue")
    for total in (5, 20):
        served.client.post("/api/v1/events", json={"name": "paid", "payload": {"id": total, "total": total}})
    work(served, tasks, lambda: heard)
    assert heard == [{"id": 20}]
    work(served, shop(Invocable()))
    assert schedules(served) == {}


def test_a_tables_rows_are_out_of_its_reach(served):
    with pytest.raises(UnsupportedByBackend, match="over HTTP"):
        work(served, shop(OnRow("public.orders", "insert", columns="id")))


def see(worker, *triggers, name="w", **options):
    words = {"name": "t", "queue": "default", "policy": TaskPolicy(), "schema": None, "app": "a"}
    task = SeeTask(triggers=list(triggers), **(words | options))
    return worker.post("seen", SeeWorker(worker=name, host="h", process="1:2", tasks=[task], known=["t"]))


def test_the_newest_that_is_alive_decides(served):
    first, second = (
        SeeCron(name=name, expr="* * * * *", tz="UTC", payload=b"1", priority=0, missed="one", overlap="allow")
        for name in ("first", "second")
    )
    with served.as_key("worker") as client:
        worker = WorkerCalls(client)
        for name, cron in (("v", first), ("w", second), ("v", first)):
            assert see(worker, cron, name=name).status_code == 204
        assert list(schedules(served)) == ["second"]
        worker.post("gone", WorkerGone(worker="w"))
        see(worker, first, name="v")
    assert list(schedules(served)) == ["first"]


CRON = {
    "name": "n",
    "expr": "* * * * *",
    "tz": "UTC",
    "payload": b"1",
    "priority": 0,
    "missed": "one",
    "overlap": "allow",
}


@pytest.mark.parametrize(
    "trigger",
    [
        SeeCron(**(CRON | {"expr": "often"})),
        SeeCron(**(CRON | {"tz": "Mars"})),
        SeeCron(**(CRON | {"payload": b"{"})),
        SeeCron(**(CRON | {"name": "a::b"})),
        SeeCron(**(CRON | {"priority": 2**31})),
        SeeOn(event="", when=None, fields=None),
        SeeOn(event="e", when="drop table x", fields=None),
        SeeOn(event="e", when='["sleep", 10]', fields=None),
        SeeOn(event="e", when="[" * 5000, fields=None),
        SeeOn(event="e", when=None, fields=[]),
    ],
    ids=range(10),
)
def test_triggers_that_cannot_be(served, trigger):
    with served.as_key("worker") as client:
        refused(see(WorkerCalls(client), trigger), 400)
    assert schedules(served) == {}
