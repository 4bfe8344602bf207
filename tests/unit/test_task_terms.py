"""`@app.task(concurrency=, rate_limit=, window=)`: what is taken, what is refused, and that it holds through an app."""

from __future__ import annotations

import pytest

from stook import App
from stook.core.errors import ConfigError, OptionError
from stook.core.policy import BatchConfig, ConcurrencyLimit, RateLimit
from stook.core.task_terms import terms_of
from stook.core.window import Window
from stook.testing import TestApp

NONE = {"max_concurrency": None, "concurrency": None, "rate_limit": None, "window": None, "batch": None}


def made(**options):
    return terms_of(**(NONE | options))


def test_plain_limits_are_one_number_the_least():
    assert made(concurrency=3).max_concurrency == 3
    assert made(concurrency=[ConcurrencyLimit(5), ConcurrencyLimit(2)]).max_concurrency == 2
    both = made(concurrency=[ConcurrencyLimit(5), ConcurrencyLimit(2, key="payload.tenant")])
    assert (both.max_concurrency, both.limits) == (5, (ConcurrencyLimit(2, key="tenant"),))


def test_windows_and_rates_come_in_several_forms():
    assert made(window=("22:00", "06:00")).window == Window("22:00", "06:00")
    assert made(rate_limit=RateLimit(1, 2)).rates == made(rate_limit=[RateLimit(1, 2)]).rates == (RateLimit(1, 2),)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"concurrency": 3, "max_concurrency": 3}, "say the same"),
        ({"concurrency": ConcurrencyLimit(3), "max_concurrency": 3}, "say the same"),
        ({"concurrency": 0}, "≥ 1"),
        ({"concurrency": True}, "ConcurrencyLimit"),
        ({"concurrency": "3"}, "ConcurrencyLimit"),
        ({"rate_limit": 5}, "RateLimit"),
        ({"window": ("22:00", "22:00")}, "starts and ends"),
        ({"concurrency": [ConcurrencyLimit(1, key="a..b")]}, "path"),
        ({"batch": BatchConfig(3, key="")}, "path"),
    ],
)
def test_what_cannot_be_is_refused_where_it_is_said(options, says):
    with pytest.raises(ConfigError, match=says):
        made(**options)


def test_keys_that_are_functions_hold_in_an_app():
    app, ran = App("keys"), []
    with TestApp(app) as t:
        task = app.task("t", rate_limit=RateLimit(1, 60, key=lambda item: item["n"] % 2, units=lambda item: 1))(
            ran.append
        )
        task.map({"n": n} for n in range(6))
        task.submit({"n": 6})
        t.drain()
        assert sorted(one["n"] % 2 for one in ran) == [0, 1]
        t.clock.advance(60)
        t.drain()
        assert sorted(one["n"] % 2 for one in ran) == [0, 0, 1, 1]


def test_a_payload_its_key_cannot_be_computed_for_is_refused_with_its_index():
    app = App("keys")
    with TestApp(app):
        task = app.task("t", concurrency=ConcurrencyLimit(1, key=lambda item: item["n"]))(lambda item: item)
        with pytest.raises(OptionError, match="KeyError") as found:
            task.map([{"n": 1}, {}])
        assert found.value.index == 1


def test_terms_are_changed_while_things_run():
    app, ran = App("live"), []
    with TestApp(app) as t:
        task = app.task("t", window=("00:00", "00:01"))(ran.append)
        task.submit(1)
        t.clock.advance(3600)
        t.drain()
        assert ran == []
        app.limit(task=task, window=None, rate_limit=RateLimit(1, 60))
        task.submit(2)
        t.drain()
        assert ran == [1]
        with pytest.raises(OptionError, match="of a task"):
            app.limit(rate_limit=None)


def test_groups_of_a_key_never_mix_in_an_app():
    app, groups = App("groups"), []
    with TestApp(app) as t:

        @app.task("t", batch=BatchConfig(3, timeout=5, key="payload.tenant"))
        def work(items: list[dict]) -> None:
            groups.append([one["tenant"] for one in items])

        work.map({"tenant": n % 2} for n in range(8))
        t.drain()
    assert sorted(map(len, groups)) == [1, 1, 3, 3]
    assert all(len(set(group)) == 1 for group in groups)
