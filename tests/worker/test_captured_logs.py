"""What handlers say through `ctx.logger`, and through any logger where that is wanted, is sent with their outcomes."""

from __future__ import annotations

import asyncio
import logging

import pytest

from stook.core.errors import OptionError
from stook.core.ids import execution_id
from stook.core.log import LogLimits
from stook.core.policy import BatchConfig, TaskPolicy
from stook.worker.context import Context, SyncContext
from stook.worker.logs.current import CapturedLogs, current_context
from stook.worker.verdicts import Fail, Ok
from stook.worker.words import BatchContext, SyncBatchContext
from tests.worker.running import run, working

ONCE = TaskPolicy(max_attempts=1)


def ran(handler, payloads, *, policy=ONCE, **options):
    """(source, batch) after all of it has ended."""

    async def main():
        async with working(handler, policy=policy, **options) as (source, _):
            batch = source.submit(payloads, policy=policy)
            await source.ended(batch)
            return source, batch

    return run(main())


def messages(source, batch, offset=0):
    return [line.message for line in source.said(batch, offset)]


@pytest.fixture
def root():
    handler = CapturedLogs()
    logging.getLogger().addHandler(handler)
    yield handler
    logging.getLogger().removeHandler(handler)


def test_levels_arguments_and_fields():
    async def says(item, ctx: Context):
        ctx.logger.debug("too fine")
        ctx.logger.info("paid %d of %d", 3, 4, extra={"bank": "x"}, euros=1.5)
        ctx.logger.warning("slow", name="reserved by logging", when=None)
        ctx.logger.critical("down")

    source, batch = ran(says, [1])
    first, second, third = source.said(batch)
    assert (first.line, first.level, first.source, first.message) == (1, "info", "stook.task.t", "paid 3 of 4")
    assert first.fields == {"bank": "x", "euros": 1.5}
    assert (second.level, second.fields) == ("warning", {"name": "reserved by logging", "when": None})
    assert third.level == "critical"
    assert 0 <= third.at - first.at < 60_000_000


def test_an_exception_and_its_traceback():
    def says(item, ctx: SyncContext):
        try:
            {}["lost"]
        except KeyError:
            ctx.logger.exception("it failed", item=item)

    source, batch = ran(says, [7])
    (line,) = source.said(batch)
    assert (line.level, line.message, line.fields["item"]) == ("error", "it failed", 7)
    assert line.fields["traceback"].endswith("KeyError: 'lost'\n")
    assert "in says" in line.fields["traceback"]


def test_nothing_that_is_said_wrongly_reaches_the_handler():
    class Unshowable:
        def __repr__(self):
            raise RuntimeError("no")

    async def says(item, ctx: Context):
        ctx.logger.info("%d", "no number")
        ctx.logger.info("half \ud800", half="\udfff", what=Unshowable(), big=2**80, **{"a b": {1: {2}}})
        ctx.logger.info("%s", Unshowable())

    source, batch = ran(says, [1])
    assert batch.states == ["succeeded"]
    assert [line.message for line in source.said(batch)] == [
        "%d ('no number',)",
        "half ?",
        "<a message of type str that cannot be shown>",
    ]


@pytest.mark.parametrize("kind", ["failed", "returned", "cut"])
def test_lines_of_every_end(kind):
    async def says(item, ctx: Context):
        ctx.logger.info("before")
        if kind == "failed":
            raise ValueError
        if kind == "cut":
            await asyncio.Event().wait()

    source, batch = ran(says, [1], policy=TaskPolicy(max_attempts=1, timeout=0.05))
    assert messages(source, batch) == ["before"]


def test_each_attempt_has_its_own():
    def says(item, ctx: SyncContext):
        ctx.logger.info("attempt %d", ctx.attempt)
        if ctx.attempt < 3:
            raise ValueError

    source, batch = ran(says, [1], policy=TaskPolicy(max_attempts=3))
    assert [(line.line, line.message) for line in source.said(batch)] == [
        (1, "attempt 1"),
        (1, "attempt 2"),
        (1, "attempt 3"),
    ]


def test_who_says_nothing_sends_nothing():
    def says(item, ctx: SyncContext):
        if item == 2:
            ctx.logger.info("two")

    source, batch = ran(says, [1, 2, 3])
    assert [part.offset for one in source.settlements for part in one.logs] == [1]


def test_it_goes_on_to_python_logging_with_its_fields(caplog):
    def says(item, ctx: SyncContext):
        ctx.logger.warning("slow", name="x", euros=2)

    with caplog.at_level("INFO"):
        ran(says, [1])
    (record,) = [one for one in caplog.records if one.name == "stook.task.t"]
    assert (record.name_, record.euros, record.attempt, record.funcName) == ("x", 2, 1, "says")


# ------------------------------------------------------------------------------------------------------------ limits


def test_the_first_and_the_last_lines_are_kept_and_the_others_counted():
    def says(item, ctx: SyncContext):
        for number in range(1, 26):
            ctx.logger.info("line %d", number)

    source, batch = ran(says, [1], logs=LogLimits(lines=10))
    found = source.said(batch)
    assert [line.line for line in found] == [1, 2, 3, 4, 5, 21, 22, 23, 24, 25, 25]
    assert (found[-1].source, found[-1].message, found[-1].fields) == ("stook", "15 lines dropped", {"dropped": 15})


def test_bytes_are_limited_too():
    def says(item, ctx: SyncContext):
        for number in range(100):
            ctx.logger.info("%d %s", number, "x" * 1000)

    source, batch = ran(says, [1], logs=LogLimits(bytes=20_000))
    (settlement,) = source.settlements
    assert 15_000 < sum(len(part.body) for part in settlement.logs) < 20_500
    found = source.said(batch)
    assert found[-1].message == f"{100 - len(found) + 1} lines dropped"
    assert found[-2].message.startswith("99 ")


def test_a_long_line_is_cut_with_a_mark():
    def says(item, ctx: SyncContext):
        ctx.logger.info("ä" * 100, **{f"f{number}": "y" * 100 for number in range(3)})

    source, batch = ran(says, [1], logs=LogLimits(line_bytes=64))
    (line,) = source.said(batch)
    assert line.message == "ä" * 32 + " … [136 bytes cut]"
    assert 0 < sum(len(str(value)) for value in line.fields.values()) < 120


def test_the_least_level_is_a_setting():
    def says(item, ctx: SyncContext):
        ctx.logger.debug("fine")
        ctx.logger.warning("coarse")

    assert messages(*ran(says, [1], logs=LogLimits(level=10))) == ["fine", "coarse"]
    assert messages(*ran(says, [1], logs=LogLimits(level=40))) == []


# ---------------------------------------------------------------------------------------------------- from elsewhere


@pytest.mark.usefixtures("root")
@pytest.mark.parametrize("is_async", [True, False])
def test_any_logger_says_it_for_the_execution_it_runs_for(is_async):
    def nested(item):
        logging.getLogger("a.library").warning("about %s", item, extra={"euros": 1})

    async def says_async(item):
        nested(item)
        await asyncio.sleep(0)
        await asyncio.create_task(asyncio.to_thread(nested, -item))

    def says(item):
        nested(item)
        nested(-item)

    source, batch = ran(says_async if is_async else says, list(range(1, 41)), concurrency=8)
    for offset in range(40):
        found = source.said(batch, offset)
        assert [line.message for line in found] == [f"about {offset + 1}", f"about {-offset - 1}"]
        assert (found[0].source, found[0].level, found[0].fields) == ("a.library", "warning", {"euros": 1})


@pytest.mark.usefixtures("root")
def test_the_contexts_own_lines_are_not_taken_twice():
    def says(item, ctx: SyncContext):
        ctx.logger.warning("once")

    assert messages(*ran(says, [1])) == ["once"]


@pytest.mark.usefixtures("root")
def test_lines_of_no_execution_pass_by():
    logging.getLogger("a.library").warning("nobody's")
    with pytest.raises(OptionError, match="no execution runs here"):
        current_context()


def test_nested_code_finds_its_context():
    seen = []

    def nested():
        seen.append((current_context().attempt, current_context().execution_id))
        current_context().logger.info("from below")

    async def says(item):
        nested()

    source, batch = ran(says, [1])
    assert seen == [(1, execution_id(batch.id, 0))]
    assert messages(source, batch) == ["from below"]


# ------------------------------------------------------------------------------------------------------------- groups


def test_a_groups_lines_are_every_members_and_are_sent_once():
    async def says(items: list[int], ctx: BatchContext) -> list[Ok | Fail]:
        ctx.logger.info("all %d", len(items))
        ctx.logger_of(1).warning("just one")
        return [Ok(one) for one in items]

    policy = TaskPolicy(max_attempts=1, batch=BatchConfig(size=3, timeout=0.01))
    source, batch = ran(says, [1, 2, 3], policy=policy)
    assert [messages(source, batch, offset) for offset in range(3)] == [
        ["all 3"],
        ["all 3", "just one"],
        ["all 3"],
    ]
    parts = [part for one in source.settlements for part in one.logs]
    assert [(part.offset, part.leader, bool(part.body), part.lines) for part in parts] == [
        (0, None, True, 1),
        (1, 0, False, 2),
        (2, 0, False, 1),
    ]


@pytest.mark.usefixtures("root")
def test_any_logger_within_a_group():
    def says(items: list[int]):
        logging.getLogger("a.library").warning("all")

    policy = TaskPolicy(max_attempts=1, batch=BatchConfig(size=2, timeout=0.01))
    source, batch = ran(says, [1, 2], policy=policy)
    assert [messages(source, batch, offset) for offset in range(2)] == [["all"], ["all"]]


def test_a_member_that_is_not_there():
    def says(items: list[int], ctx: SyncBatchContext):
        ctx.logger_of(len(items))

    policy = TaskPolicy(max_attempts=1, batch=BatchConfig(size=2, timeout=0.01))
    _, batch = ran(says, [1, 2], policy=policy)
    assert batch.only().message == "logger_of(2): the group has members 0 to 1"
