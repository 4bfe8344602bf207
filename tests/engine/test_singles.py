"""Single submissions share commits, and nothing else."""

from __future__ import annotations

import asyncio

import pytest

from stook.core.chunk import MAX_BYTES, MAX_ITEMS
from stook.core.errors import OptionError, PayloadTooLarge, StoreFull, StoreUnavailable
from stook.core.policy import TaskPolicy
from stook.engine.options import Options
from stook.engine.service import Engine


@pytest.fixture
def engine(harness):
    session, portal = harness.app.opened()
    return Driven(session.engine, portal)


@pytest.fixture
def engine_on_either(harness_on_either):
    session, portal = harness_on_either.app.opened()
    return Driven(session.engine, portal)


class Driven:
    """The engine, on its own loop, with every verb written noted."""

    def __init__(self, engine: Engine, portal):
        self.engine = engine
        self.portal = portal
        self.verbs = []
        self.write = engine.store.write
        self.error = None
        engine.store.write = self.noted

    async def noted(self, verb, *args, **options):
        self.verbs.append((verb.__name__, args))
        if self.error is not None:
            raise self.error
        return await self.write(verb, *args, **options)

    def submit(self, *payloads, dedupe=None, options=None, tasks=None):
        async def main():
            marks = dedupe or [None] * len(payloads)
            chosen = options or [Options()] * len(payloads)
            names = tasks or ["t"] * len(payloads)
            calls = [
                self.engine.submit_one(name, TaskPolicy(), payload, one, mark)
                for payload, mark, one, name in zip(payloads, marks, chosen, names, strict=True)
            ]
            return await asyncio.gather(*calls, return_exceptions=True)

        return self.portal.call(main())

    @property
    def commits(self):
        return [name for name, _ in self.verbs]


def test_those_that_arrive_together_share_a_commit(engine_on_either):
    engine = engine_on_either
    receipts = engine.submit(*(b"%d" % number for number in range(100)))
    assert engine.commits == ["submit"]
    assert len({batch for batch, _, _ in receipts}) == 1
    assert [index for _, index, _ in receipts] == list(range(100))
    found = engine.portal.call(engine.engine.item(receipts[42][0], index=42))
    assert found.item.input == b"42"


def test_those_that_arrive_during_a_commit_share_the_next(engine):
    async def main():
        first = asyncio.ensure_future(engine.engine.submit_one("t", TaskPolicy(), b"1", Options()))
        while not engine.verbs:
            await asyncio.sleep(0)
        return await asyncio.gather(
            first, *(engine.engine.submit_one("t", TaskPolicy(), b"2", Options()) for _ in range(9))
        )

    receipts = engine.portal.call(main())
    assert engine.commits == ["submit", "submit"]
    assert [index for _, index, _ in receipts] == [0, *range(9)]


def test_what_differs_has_a_chunk_of_its_own(engine):
    options = [Options(), Options(priority=1), Options(metadata={"a": 1}), Options(metadata={"a": 2}), Options()]
    receipts = engine.submit(*[b"1"] * 5, options=options, tasks=["t", "t", "t", "t", "u"])
    assert len({batch for batch, _, _ in receipts}) == 5


@pytest.mark.parametrize(
    ("payloads", "groups"),
    [
        ([b"1"] * (MAX_ITEMS + 1), [MAX_ITEMS, 1]),
        ([b'"%s"' % (b"x" * 60_000)] * 9, [4, 4, 1]),
        ([b'"%s"' % (b"x" * 300_000)] * 3, [1, 1, 1]),
    ],
    ids=["items", "bytes", "blobs"],
)
def test_what_does_not_fit_one_chunk_goes_in_several(engine, payloads, groups):
    assert sum(map(len, payloads)) > MAX_BYTES or len(payloads) > MAX_ITEMS
    receipts = engine.submit(*payloads)
    assert [args[1][0].count for name, args in engine.verbs if name == "submit"] == groups
    assert len({(batch, index) for batch, index, _ in receipts}) == len(payloads)


def test_one_oversized_among_many_fails_alone(engine):
    receipts = engine.submit(b"1", b'"%s"' % (b"x" * (4 * 2**20)), b"2")
    assert [type(one) for one in receipts] == [tuple, PayloadTooLarge, tuple]
    assert engine.commits == ["submit"]


def test_one_bad_key_among_many_fails_alone(engine):
    receipts = engine.submit(b"1", b"2", b"3", dedupe=["a", "\0", "b"])
    assert [type(one) for one in receipts] == [tuple, OptionError, tuple]


def test_an_error_of_the_store_reaches_every_caller(engine):
    engine.error = StoreFull("no room")
    assert {str(one) for one in engine.submit(*[b"1"] * 20)} == {"no room"}
    engine.error = None
    assert all(created for _, _, created in engine.submit(*[b"1"] * 20))


def test_equal_keys_in_one_commit_are_one_execution(engine_on_either):
    engine = engine_on_either
    receipts = engine.submit(b"1", b"2", b"3", b"4", dedupe=["a", "b", "a", None])
    assert [created for _, _, created in receipts] == [True, True, False, True]
    assert receipts[2][:2] == receipts[0][:2]
    assert [index for _, index, _ in receipts] == [0, 1, 0, 2]
    found = engine.portal.call(engine.engine.item(receipts[3][0], index=2))
    assert found.item.input == b"4"


def test_whoever_is_not_in_yet_when_the_store_closes_is_told(engine):
    """More than one commit's worth: none of them is forgotten."""

    async def main():
        calls = [
            asyncio.ensure_future(engine.engine.submit_one("t", TaskPolicy(), b"1", Options()))
            for _ in range(MAX_ITEMS + 10)
        ]
        while not engine.verbs:
            await asyncio.sleep(0)
        late = asyncio.ensure_future(engine.engine.submit_one("t", TaskPolicy(), b"2", Options()))
        await asyncio.sleep(0)
        (flushing,) = engine.engine.singles._flushing.values()
        flushing.cancel()
        return await asyncio.gather(*calls, late, return_exceptions=True)

    held = asyncio.Event()

    async def write(*_, **__):
        await held.wait()

    engine.write = write
    answers = engine.portal.call(main())
    assert {type(one) for one in answers} == {StoreUnavailable}
    assert str(answers[0]) == "the store was closed before this was submitted"
