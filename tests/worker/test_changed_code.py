"""A handler whose code was changed while executions were on their way."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import pytest

from stook.core.memo import Memo
from stook.core.policy import TaskPolicy
from stook.worker.code_digest import code_digest
from stook.worker.words import Context
from tests.worker.running import run, working

ONCE = TaskPolicy(max_attempts=1)
OLD = "the old code"


def going_on(handler, *memos):
    """The batch of one item that remembers all this from an earlier attempt."""

    async def main():
        async with working(handler, policy=ONCE) as (source, _):
            batch = source.submit([None], policy=ONCE)
            for memo in memos:
                batch.memos[0][memo.key] = memo
            await source.ended(batch)
        return batch

    return run(main())


def step(key, value=b"1", code=OLD):
    return Memo(key, "step", value, code=code)


def test_a_step_before_what_is_remembered_is_a_mismatch_and_is_not_run():
    calls = []

    async def handler(ctx: Context):
        await ctx.step("new", lambda: calls.append(1))
        return await ctx.step("charge", lambda: 2)

    batch = going_on(handler, step("charge"))
    trouble = batch.only()
    assert (trouble.code, trouble.retryable) == ("replay_mismatch", False)
    assert "'new' is new" in trouble.message
    assert "step 'charge' instead" in trouble.message
    assert "ctx.version" in trouble.message
    assert calls == []
    assert list(batch.memos[0]) == ["charge"]


@pytest.mark.parametrize("wait", ["sleep", "invoke", "wait_for_event"])
def test_a_wait_before_what_is_remembered_is_a_mismatch(wait):
    async def handler(ctx: Context):
        await getattr(ctx, wait)("new", 1 if wait == "sleep" else "other")

    assert going_on(handler, step("charge")).only().code == "replay_mismatch"


def test_a_name_that_is_of_another_kind_now_is_a_mismatch():
    async def handler(ctx: Context):
        await ctx.sleep("charge", 1)

    assert going_on(handler, step("charge")).only().code == "replay_mismatch"


@pytest.mark.parametrize("code", ["", "the handler's own"])
def test_what_the_same_code_stored_is_never_judged(code):
    async def handler(ctx: Context):
        return [await ctx.step("new", lambda: 2), await ctx.step("charge", lambda: 3)]

    own = code_digest(handler) if code else ""
    assert going_on(handler, step("charge", code=own)).values() == ["[2,1]"]


def test_changed_code_goes_on_where_all_that_is_remembered_is_met_first():
    async def handler(ctx: Context):
        return [await ctx.step("charge", lambda: 3), await ctx.step("new", lambda: 2)]

    assert going_on(handler, step("charge")).values() == ["[1,2]"]


def test_steps_beside_each_other_may_have_been_stored_in_any_order():
    async def handler(ctx: Context):
        return await asyncio.gather(*(ctx.step(name, lambda: 5) for name in "abc"))

    assert going_on(handler, step("b"), step("c")).values() == ["[5,1,1]"]


def test_what_lies_before_the_last_checkpoint_may_be_skipped():
    async def handler(ctx: Context):
        done = ctx.last_checkpoint or 0
        return [await ctx.step(f"page {n}", lambda n=n: n) for n in range(done, 4)]

    memos = [step("page 0"), step("page 1"), Memo("", "state", b"2", code=OLD), step("page 2", b"22")]
    assert going_on(handler, *memos).values() == ["[22,3]"]


@pytest.mark.parametrize(("memos", "expected"), [([], "new"), ([step("charge")], "old"), ([step("before")], "new")])
def test_a_version_tells_those_on_their_way_from_later_ones_and_stays(memos, expected):
    async def handler(ctx: Context):
        if memos and memos[0].key == "before":
            await ctx.step("before", lambda: 1)
        for _ in range(2):
            version = await ctx.version("billing", 3)
        if version >= 3:
            await ctx.step("new", lambda: 2)
            way = "new"
        else:
            way = "old"
        await ctx.step("charge", lambda: 3)
        return way

    batch = going_on(handler, *memos)
    assert batch.values() == [f'"{expected}"']
    assert batch.memos[0]["billing"].value == (b"3" if expected == "new" else b"0")


def test_a_version_once_told_is_told_again():
    async def handler(ctx: Context):
        return await ctx.version("billing", 9)

    assert going_on(handler, Memo("billing", "version", b"0", code=OLD)).values() == ["0"]


# -------------------------------------------------------------------------------------------------- the digest

SOURCE = "async def handler(ctx):\n    names = ctx in {names}\n    async def inner():\n        return {value}\n"


def digest_of(value="1", names="{'a', 'b', 'c'}"):
    made = {}
    exec(SOURCE.format(value=value, names=names), made)
    return code_digest(made["handler"])


def test_the_digest_changes_with_the_code_and_with_what_is_inside_it():
    assert digest_of() == digest_of()
    assert digest_of("1") != digest_of("2")
    assert digest_of("1") != digest_of("True")
    assert digest_of("f()") != digest_of("g()")


def test_the_digest_is_the_same_in_every_process():
    code = "from tests.worker.test_changed_code import digest_of; print(digest_of())"
    found = {
        subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        ).stdout
        for seed in "123"
    }
    assert found == {digest_of() + "\n"}
