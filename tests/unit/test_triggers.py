"""What starts a task, and what is refused when it is written down."""

from __future__ import annotations

import pytest

from stook.core.containment import contains
from stook.core.definitions import EventDef
from stook.core.errors import ConfigError
from stook.core.subscription import Subscription
from stook.core.triggers import Cron, Invocable, On, OnRow, triggers_of
from stook.core.when import F


def test_defaults():
    cron = Cron("0 * * * *")
    assert (cron.name, cron.tz, cron.payload, cron.priority, cron.missed, cron.overlap) == (
        "0 * * * *",
        "UTC",
        None,
        0,
        "one",
        "allow",
    )
    assert Cron("0 * * * *", payload=False).payload is False
    assert triggers_of(None) == (Invocable(),)
    assert triggers_of(On("e")) == (On("e"),)
    assert On(EventDef("e")) == On("e")
    assert On("e", fields="a, b,a").fields == On("e", fields=["a", "b"]).fields == ("a", "b")
    assert On("e", when="total > 1").when == (F("total") > 1)
    row = OnRow("public.orders", "update, insert", columns=["id"])
    assert (row.ops, row.columns) == (("insert", "update"), ("id",))


@pytest.mark.parametrize(
    "made",
    [
        lambda: Cron("every day"),
        lambda: Cron("* * * * *", tz="Mars"),
        lambda: Cron("* * * * *", name=""),
        lambda: Cron("* * * * *", name="a::b"),
        lambda: Cron("* * * * *", name="x" * 513),
        lambda: Cron("* * * * *", name="\ud800"),
        lambda: Cron("* * * * *", priority=2**31),
        lambda: Cron("* * * * *", priority=True),
        lambda: Cron("* * * * *", missed="never"),
        lambda: Cron("* * * * *", overlap="yes"),
        lambda: Cron("* * * * *", payload=float("nan")),
        lambda: Cron("* * * * *", payload=object()),
        lambda: On(""),
        lambda: On("a\0b"),
        lambda: On(7),
        lambda: On("e", when="OLD.a = 1"),
        lambda: On("e", when="drop table x"),
        lambda: On("e", fields=[]),
        lambda: On("e", fields="a,,b"),
        lambda: On("e", fields=7),
        lambda: OnRow("orders", "insert", columns="id"),
        lambda: OnRow("a.b.c", "insert", columns="id"),
        lambda: OnRow("public.", "insert", columns="id"),
        lambda: OnRow("public.orders", "truncate", columns="id"),
        lambda: OnRow("public.orders", [], columns="id"),
        lambda: OnRow("public.orders", "insert", columns=[]),
        lambda: triggers_of([]),
        lambda: triggers_of([Cron("* * * * *"), Cron("* * * * *", payload=1)]),
        lambda: triggers_of(["* * * * *"]),
        lambda: triggers_of("* * * * *"),
    ],
    ids=range(30),
)
def test_what_is_refused(made):
    with pytest.raises(ConfigError):
        made()


def test_what_a_subscription_hands_on():
    one = Subscription("p", "t", "event", 0, "e", condition=(F("a") > 1).encode(), fields='["a","b"]')
    assert (one.hears({"a": 2}), one.hears({"a": 1}), one.hears(None)) == (True, False, False)
    assert one.cut({"a": 0, "c": 2}) == {"a": 0}
    assert [one.cut(value) for value in (None, 0, [1])] == [None, 0, [1]]
    every = Subscription("p", "t", "event", 0, "e")
    assert every.hears(None)
    assert every.cut({"c": 2}) == {"c": 2}
    row = Subscription("p", "t", "row", 0, "public.o", ops="insert,update", condition=(F("OLD.a") == 1).encode())
    assert row.hears_row("update", {"a": 2}, {"a": 1})
    assert not row.hears_row("insert", {"a": 1}, None)
    assert not row.hears_row("delete", None, {"a": 1})


@pytest.mark.parametrize(
    ("whole", "part", "expected"),
    [
        ({"a": 1, "b": {"c": 2, "d": 3}}, {"b": {"c": 2}}, True),
        ({"a": 1}, {}, True),
        ([1], {}, False),
        (None, {}, False),
        ({"a": None}, {"a": None}, True),
        ({}, {"a": None}, False),
        ({"a": 1}, {"a": True}, False),
        ({"a": 1.0}, {"a": 1}, True),
        ({"a": [1, 2]}, {"a": [1]}, False),
        ({"a": [{"b": 1}]}, {"a": [{"b": 1}]}, True),
        ({"a": [{"b": 1, "c": 2}]}, {"a": [{"b": 1}]}, False),
        ({"a": [0]}, {"a": [False]}, False),
        ({"a": {"b": 1}}, {"a": 1}, False),
    ],
)
def test_containment(whole, part, expected):
    assert contains(whole, part) is expected
