"""Rates: of the last half minute where it was watched, else of the whole life."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from stook.server.pace import Paces

SECOND = 1_000_000


class Watch:
    def __init__(self):
        self.now = 100 * SECOND
        self.paces = Paces(lambda: self.now)

    def look(self, settled, *, started=0, finished=None):
        view = SimpleNamespace(id=b"b", started_at=started, settled=settled, finished_at=finished)
        return self.paces.rate(view)


@pytest.fixture
def watch():
    return Watch()


def test_nothing_yet(watch):
    assert watch.look(0) is None
    assert watch.look(5, started=None) is None


def test_the_first_look_tells_of_the_whole_life(watch):
    assert watch.look(200) == 2.0


def test_later_looks_tell_of_what_was_watched(watch):
    watch.look(200)
    watch.now += 10 * SECOND
    assert watch.look(1200) == 100.0
    for _ in range(10):
        watch.now += 10 * SECOND
        watch.look(1200)
    assert watch.look(1200) == 0.0


def test_looks_in_quick_succession_do_not_make_it_jump(watch):
    watch.look(200)
    watch.now += 1000
    assert watch.look(300) == pytest.approx(3.0, rel=0.01)


def test_what_has_ended_keeps_its_rate(watch):
    assert watch.look(500, started=0, finished=10 * SECOND) == 50.0
    assert watch.look(500, started=7, finished=7) is None
