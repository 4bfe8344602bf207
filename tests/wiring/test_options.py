"""What `map` and `submit` can be told, each word with its effect; and what cannot be said."""

import datetime as dt
import threading

import pytest

from stook import Context, Event, SyncContext
from stook.core.errors import ExecutionExpired, OptionError


@pytest.fixture
def order(harness):
    """Payloads in the order in which they ran."""
    return []


@pytest.fixture
def record(harness, order):
    @harness.app.task
    async def record(item: object) -> object:
        order.append(item)
        return item

    return record


def test_run_at_is_a_moment(harness, record, order):
    batch = record.map([1, 2], run_at=harness.clock.now + dt.timedelta(hours=1))
    harness.run_until_idle()
    assert batch.show().counters.scheduled == 2
    harness.clock.advance(3599.999)
    harness.run_until_idle()
    assert order == []
    harness.clock.advance(0.001)
    harness.run_until_idle()
    assert order == [1, 2]
    assert batch.show().state.value == "succeeded"


def test_run_at_in_the_past_is_now(harness, record, order):
    record.submit(1, run_at=dt.datetime(1999, 1, 1, tzinfo=dt.UTC))
    harness.run_until_idle()
    assert order == [1]


def test_run_at_knows_time_zones(harness, record):
    there = harness.clock.now.astimezone(dt.timezone(dt.timedelta(hours=9)))
    record.submit(1, run_at=there + dt.timedelta(seconds=1))
    harness.clock.advance(1)
    assert harness.run_until_idle() == 1


def test_delay_is_seconds_of_the_stores_clock(harness_on_either):
    harness, ran = harness_on_either, []

    @harness.app.task
    def note(item: str) -> None:
        ran.append(item)

    note.map(["late"], delay=60)
    note.map(["soon"], delay=0)
    harness.run_until_idle()
    assert ran == ["soon"]
    harness.clock.advance(60)
    harness.run_until_idle()
    assert ran == ["soon", "late"]


def test_what_has_not_started_in_time_expires(harness_on_either):
    harness = harness_on_either

    @harness.app.task
    async def nothing(item: int) -> None: ...

    batch = nothing.map([1, 2, 3], expires_in=30)
    single = nothing.submit(4, expires_in=31)
    harness.clock.advance(30)
    harness.run_until_idle()
    assert batch.show().state.value == "expired"
    assert batch.show().counters.expired == 3
    with pytest.raises(ExecutionExpired, match="item 1: was not started in time"):
        _ = batch.result(index=1).value
    assert single.result() is None


def test_a_batch_past_its_deadline_expires(harness_on_either):
    harness = harness_on_either

    @harness.app.task
    async def nothing(item: int) -> None: ...

    batch = nothing.map([1, 2, 3], deadline=30, delay=60)
    assert batch.show().deadline_at == harness.clock() + 30_000_000
    harness.clock.advance(30)
    harness.run_until_idle()
    view = batch.show()
    assert (view.state.value, view.counters.expired, view.reason) == ("expired", 3, "its deadline has passed")


def test_a_deadline_asks_what_runs_to_stop(app):
    heard, told = threading.Event(), []

    @app.task
    async def wait(item: int, ctx: Context) -> None:
        told.append(await ctx.signal.wait())
        heard.set()

    with app.working():
        batch = wait.map([1], deadline=0.3)
        assert batch.wait(timeout=20).state.value == "expired"
        assert heard.wait(timeout=20)
    assert told == ["cancelled"]


def test_higher_priority_goes_first(harness, record, order):
    record.map(["low 1", "low 2"], priority=-1)
    record.map(["plain"])
    record.map(["high"], priority=2**31 - 1)
    record.submit("middle", priority=5)
    harness.run_until_idle(concurrency=1)
    assert order == ["high", "middle", "plain", "low 1", "low 2"]


@pytest.mark.parametrize("on", ["batch", "task"])
def test_max_concurrency_is_how_many_run_at_once(app_on_either, on):
    app = app_on_either
    running, most, lock = 0, 0, threading.Lock()

    @app.task(max_concurrency=3 if on == "task" else None)
    def count(item: int) -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        gate.wait(0.02)
        with lock:
            running -= 1

    gate = threading.Event()
    batch = count.map(range(6), **({"max_concurrency": 3} if on == "batch" else {}))
    with app.working(concurrency=10):
        assert batch.wait(timeout=30).counters.succeeded == 6
    assert most == 3


def test_metadata_reaches_every_handler(harness):
    seen = []

    @harness.app.task("async")
    async def asynchronous(item: int, ctx: Context) -> None:
        seen.append(ctx.metadata)

    @harness.app.task("thread")
    def thread(item: int, ctx: SyncContext) -> None:
        seen.append(ctx.metadata)

    @harness.app.task("event")
    async def event(event: Event[int]) -> None:
        seen.append(event.metadata)

    given = {"tenant": "äö", "tries": [1, None, 2**70]}
    for task in (asynchronous, thread, event):
        task.map([1, 2], metadata=given)
        task.submit(3, metadata=given)
    harness.run_until_idle()
    assert seen == [given] * 9
    seen.clear()
    asynchronous.submit(1)
    harness.run_until_idle()
    assert seen == [{}]


def test_a_name_is_for_people(harness, record):
    record.map([1], name="invoices of May")
    newest = record.map([2], name="invoices of May")
    assert harness.app.batch("invoices of May").id == newest.id
    assert newest.show().name == "invoices of May"
    assert record.map([3]).show().name == record.name


class NoJson:
    def __repr__(self):
        return "NO_JSON"


NO_JSON = NoJson()

WRONG = [
    ({"prioriti": 5}, r"no option is called 'prioriti' \(did you mean priority\?\)"),
    ({"zzz": 5}, r"no option is called 'zzz' \(there are .*priority, run_at.*\)"),
    ({"priority": 2**31}, "priority=2147483648 is not a whole number of 32 bits"),
    ({"priority": "high"}, "priority='high' is not a whole number"),
    ({"priority": True}, "priority=True is not a whole number"),
    ({"delay": -1}, "delay=-1 is not a number of seconds ≥ 0"),
    ({"delay": float("nan")}, "delay=nan is not a number of seconds"),
    ({"expires_in": "5 min"}, "expires_in='5 min' is not a number of seconds"),
    ({"delay": 1, "run_at": dt.datetime(2030, 1, 1, tzinfo=dt.UTC)}, "give run_at or delay, not both"),
    ({"run_at": dt.datetime(2030, 1, 1)}, r"run_at=datetime.datetime\(2030, 1, 1, 0, 0\) has no time zone \(like"),
    ({"run_at": 1_900_000_000}, r"run_at=1900000000 is no datetime \(like datetime.now\(UTC\)"),
    ({"metadata": [1]}, r"metadata=\[1\] is not a dict"),
    ({"metadata": {"at": float("inf")}}, r"metadata: \$.at: Infinity is not JSON"),
    ({"metadata": {"at": NO_JSON}}, r"metadata: \$.at: .*NoJson is not JSON"),
    ({"metadata": {"text": "x" * 70_000}}, "metadata has 70011 bytes, at most 65536 are allowed"),
]
WRONG_OF_BATCHES = [
    ({"max_concurrency": 0}, r"max_concurrency=0 is not a whole number ≥ 1 \(pause the batch instead\)"),
    ({"max_concurrency": 1.5}, "max_concurrency=1.5 is not a whole number"),
    ({"deadline": float("inf")}, "deadline=inf is not a number of seconds"),
    ({"name": ""}, "name is empty"),
    ({"name": 5}, "name=5 is not text"),
    ({"name": "a\0b"}, r"name='a\\x00b' holds a character that no database keeps"),
    ({"idempotency_key": "\ud800"}, r"idempotency_key='\\ud800' holds a character that no database keeps"),
    ({"idempotency_key": "ä" * 300}, "idempotency_key has 600 bytes, at most 512 are allowed"),
]


@pytest.mark.parametrize(("options", "said"), WRONG + WRONG_OF_BATCHES, ids=str)
def test_map_refuses_what_cannot_be(harness, record, options, said):
    with pytest.raises(OptionError, match=said):
        record.map([1], **options)
    session, portal = harness.app.opened()
    assert portal.call(session.engine.batches()).batches == []


@pytest.mark.parametrize(
    ("options", "said"),
    [
        *WRONG,
        ({"deadline": 5}, "no option is called 'deadline'"),
        ({"name": "one"}, "no option is called 'name'"),
        ({"dedupe_key": ""}, "dedupe_key is empty"),
        ({"dedupe_key": 5}, "dedupe_key=5 is not text"),
        ({"dedupe_key": "\0"}, "holds a character that no database keeps"),
    ],
    ids=str,
)
def test_submit_refuses_what_cannot_be(record, options, said):
    with pytest.raises(OptionError, match=said):
        record.submit(1, **options)
