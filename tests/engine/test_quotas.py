"""What a definition says of its limit, and what people have changed since: who wins."""

from __future__ import annotations

import asyncio

import pytest

from stook.engine.quota import Quotas


class Paper:
    """A store that only notes what would be written."""

    def __init__(self):
        self.written = []

    async def write(self, verb, *args, **_):
        self.written.append((verb.__name__.strip("_"), *args))


@pytest.fixture
def paper():
    return Paper()


def run(*coroutines):
    async def main():
        for one in coroutines:
            await one

    asyncio.run(main())


def changed(quotas, **given):
    from stook.core.unchanged import UNCHANGED

    words = {"queue": None, "task": None, "max_concurrency": UNCHANGED, "paused": None, "weight": None}
    return quotas.change(**(words | given))


def declared(paper):
    return [words[1:] for words in paper.written if words[0] == "declare_quota"]


def test_a_definition_is_written_once_and_again_when_it_changes(paper):
    quotas = Quotas(paper, "p")
    run(*(quotas.declare("t", most) for most in (5, 5, None, 5, 7, 7, 5)))
    assert declared(paper) == [("p", "t", most) for most in (5, 7, 5)]


def test_tasks_without_a_limit_cost_nothing(paper):
    quotas = Quotas(paper, "p")
    run(*(quotas.declare(f"t{number}", None) for number in range(5)))
    assert paper.written == []


def test_what_people_have_changed_is_not_written_over(paper):
    quotas = Quotas(paper, "p")
    run(changed(quotas, task="t", max_concurrency=2), quotas.declare("t", 5), quotas.declare("u", 5))
    assert declared(paper) == [("p", "u", 5)]


def test_a_pause_is_no_limit(paper):
    quotas = Quotas(paper, "p")
    run(changed(quotas, task="t", paused=True), quotas.declare("t", 5))
    assert declared(paper) == [("p", "t", 5)]
