"""A submission under an idempotency key that broke off goes on behind what it has consumed, left-out items included."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import textwrap

import pytest

from stook import App
from stook.core.errors import StoreUnavailable
from stook.engine import intake
from stook.engine.options import Block, Options

BITE = 100
COUNT = 10 * BITE


@pytest.fixture(autouse=True)
def small_bites(monkeypatch):
    monkeypatch.setattr(intake, "BITE_ITEMS", BITE)


def mark_of(number):
    """Of seven items: one has no key, one has that of another batch, one has the key of the item before it."""
    match number % 7:
        case 0:
            return None
        case 3:
            return f"other {number % 5}"
        case 5:
            return f"{number - 1}"
        case _:
            return f"{number}"


KEPT = [number for number in range(COUNT) if number % 7 not in (3, 5)]


class KilledError(BaseException):
    """Nobody tidies up after it, as after SIGKILL."""


class Submitting:
    """An engine with a task that notes what it is given, and another batch that holds some keys."""

    def __init__(self, harness):
        self.harness = harness
        self.ran = []
        self.at_appends = []

        @harness.app.task
        async def record(number: int) -> None:
            self.ran.append(number)

        self.task = record
        session, self.portal = harness.app.opened()
        self.engine = session.engine
        self.other = record.map(range(-5, 0), dedupe_key=lambda number: f"other {number + 5}", delay=1000)

    def submit(self, stop=COUNT, block=30):
        """What the engine answers; the input ends at `stop` without a word."""

        async def blocks():
            for begin in range(0, COUNT, block):
                numbers = range(begin, min(begin + block, COUNT))
                if numbers[-1] >= stop:
                    raise KilledError
                yield Block([b"%d" % number for number in numbers], None, [mark_of(number) for number in numbers])

        async def main():
            options = Options(key="k", digest="d")
            try:
                return await self.engine.submit(self.task.name, self.task.policy, blocks(), options)
            finally:
                await asyncio.gather(*asyncio.all_tasks() - {asyncio.current_task()}, return_exceptions=True)

        return self.portal.call(main())

    def fail_append(self, number, *, before):
        """The nth append from now on breaks off: nothing of it is written, or only its answer is lost."""
        store = self.engine.store
        write, seen = store.write, []

        async def breaking(verb, *args, **options):
            seen.extend([verb] * (verb.__name__ == "append"))
            breaks = verb.__name__ == "append" and len(seen) == number
            if breaks and before:
                raise StoreUnavailable("broken off")
            answer = await write(verb, *args, **options)
            if breaks:
                raise StoreUnavailable("broken off")
            return answer

        store.write = breaking
        return lambda: setattr(store, "write", write)

    def shown(self):
        return self.harness.app.batch("k").show()


@pytest.fixture
def submitting(harness_on_either):
    return Submitting(harness_on_either)


@pytest.mark.parametrize("settled", [False, True], ids=["nothing ran", "all ran"])
@pytest.mark.parametrize("block", [7, 30, 250])
def test_each_input_is_taken_once_though_its_producer_died(submitting, block, settled):
    with pytest.raises(KilledError):
        submitting.submit(stop=COUNT // 2)
    cut = submitting.shown()
    assert cut.state.value == "open"
    assert BITE // 2 < cut.counters.total < COUNT // 2
    if settled:
        submitting.harness.run_until_idle()
        assert len(submitting.ran) == cut.counters.total
    created, left_out = submitting.submit(block=block)
    assert (created.id, created.created, created.total) == (cut.id, False, cut.counters.total)
    assert created.consumed > created.total
    assert [place for place, _, _ in left_out] == [
        number for number in range(created.consumed, COUNT) if number % 7 in (3, 5)
    ]
    submitting.harness.run_until_idle()
    assert sorted(submitting.ran) == KEPT
    assert submitting.shown().counters.total == len(KEPT)


@pytest.mark.parametrize("before", [True, False], ids=["before it", "its answer lost"])
@pytest.mark.parametrize("number", [1, 2, 5])
def test_each_input_is_taken_once_though_an_append_broke_off(submitting, number, before):
    repair = submitting.fail_append(number, before=before)
    with pytest.raises(StoreUnavailable, match="broken off"):
        submitting.submit()
    repair()
    assert submitting.shown().state.value == "open"
    submitting.submit()
    submitting.harness.run_until_idle()
    assert submitting.ran == KEPT
    assert submitting.shown().state.value == "succeeded"


def test_interrupted_again_and_again(submitting):
    for stop in (150, 400, 410, 700, 980):
        with pytest.raises(KilledError):
            submitting.submit(stop=stop, block=stop // 10)
        submitting.harness.run_until_idle()
    submitting.submit()
    submitting.harness.run_until_idle()
    assert sorted(submitting.ran) == KEPT


def test_two_producers_of_one_submission_take_each_input_once(submitting):
    async def main():
        options = Options(key="k", digest="d")

        async def blocks():
            for begin in range(0, COUNT, 50):
                numbers = range(begin, begin + 50)
                yield Block([b"%d" % number for number in numbers], None, [mark_of(number) for number in numbers])

        engine, task = submitting.engine, submitting.task
        created = [await engine.open_batch(task.name, task.policy, options) for _ in range(2)]
        intakes = [await engine.intake(one, options) for one in created]
        async for block in blocks():
            for one in intakes:
                await one.add(block.payloads, block.keys, block.dedupe)
        for one in intakes:
            await one.finish()
        await engine.seal(created[0].id)

    submitting.portal.call(main())
    submitting.harness.run_until_idle()
    assert submitting.ran == KEPT


def test_a_generator_whose_process_is_killed_goes_on_in_another_process(where, tmp_path):
    """`map` in a process that dies by SIGKILL after some appends."""
    (tmp_path / "orders.py").write_text(
        textwrap.dedent(
            f"""
            import os, signal, sys
            from stook import App
            from stook.engine import intake

            intake.BITE_ITEMS = {BITE}
            app = App("orders", store={where!r})

            @app.task
            def record(number: int) -> int:
                return number

            def numbers(stop):
                for number in range({COUNT}):
                    if number == stop:
                        os.kill(os.getpid(), signal.SIGKILL)
                    yield number

            def mark(number):
                return None if number % 3 == 0 else f"{{number % 30}}"

            if __name__ == "__main__":
                record.map([1, 2], dedupe_key=mark)
                record.map(numbers(int(sys.argv[1])), dedupe_key=mark, idempotency_key="k", name="cut")
                app.close()
            """
        )
    )

    def run(stop):
        return subprocess.run([sys.executable, "orders.py", str(stop)], cwd=tmp_path, check=False).returncode

    # Of every key there is one, as the two of the first batch and those of this one are unfinished all the time.
    kept = [number for number in range(COUNT) if number % 3 == 0 or (number < 30 and number not in (1, 2))]
    assert run(COUNT // 2) == -signal.SIGKILL
    with App("looks", store=where) as app:
        cut = app.batch("cut").show()
        assert cut.state.value == "open"
        assert 0 < cut.counters.total < len(kept)
        assert run(-1) == 0
        batch = app.batch("cut")
        assert batch.show().counters.total == len(kept)
        assert [result.input for result in batch.results()] == kept
