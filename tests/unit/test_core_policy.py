from __future__ import annotations

import math
from datetime import timedelta

import msgspec
import pytest

from stook.core.errors import ConfigError, OptionError
from stook.core.policy import BatchConfig, FailurePolicy, RateLimit, RetryPolicy, TaskPolicy
from stook.core.retry_scope import RetryScope

NOT_SECONDS = [-1, -0.001, math.nan, math.inf, "5", True]
NOT_COUNTS = [0, -1, True, 2.5, "3"]


@pytest.mark.parametrize("value", NOT_SECONDS)
def test_seconds_are_a_finite_number_from_zero(value):
    for kind, name in (
        (RetryPolicy, "base"),
        (RetryPolicy, "max_delay"),
        (TaskPolicy, "timeout"),
        (TaskPolicy, "cancel_grace"),
    ):
        with pytest.raises(ConfigError, match=name):
            kind(**{name: value})
    with pytest.raises(ConfigError, match="delays"):
        RetryPolicy(delays=(1, value))
    with pytest.raises(ConfigError, match="timeout"):
        BatchConfig(5, timeout=value)


@pytest.mark.parametrize("value", NOT_COUNTS)
def test_counts_are_whole_numbers_from_one(value):
    for kind, name in (
        (TaskPolicy, "max_attempts"),
        (TaskPolicy, "max_losses"),
        (TaskPolicy, "max_concurrency"),
        (FailurePolicy, "max_failed"),
        (FailurePolicy, "burst"),
        (BatchConfig, "size"),
    ):
        with pytest.raises(ConfigError, match=name):
            kind(**{name: value})
    with pytest.raises(ConfigError, match="max_bytes"):
        BatchConfig(5, max_bytes=value)


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        (RetryPolicy, {"delays": ()}),
        (TaskPolicy, {"rerun_lost": 0}),
        (RetryPolicy, {"jitter": 1.5}),
        (RetryPolicy, {"jitter": math.nan}),
        (RetryPolicy, {"factor": 0.5}),
        (RetryPolicy, {"factor": math.nan}),
        (RetryPolicy, {"factor": math.inf}),
        (FailurePolicy, {"max_failed_ratio": 0}),
        (FailurePolicy, {"max_failed_ratio": 1.01}),
        (FailurePolicy, {"max_failed_ratio": math.nan}),
        (TaskPolicy, {"timeout": 0}),
        (TaskPolicy, {"queue": ""}),
        (TaskPolicy, {"queue": "q" * 129}),
        (TaskPolicy, {"queue": 5}),
        (TaskPolicy, {"retry": 5}),
        (TaskPolicy, {"retention": None}),
        (TaskPolicy, {"failures": 5}),
        (TaskPolicy, {"timeout": 10**400}),
        (RetryPolicy, {"backoff": "sometimes"}),
        (RetryPolicy, {"delays": 5}),
        (RetryPolicy, {"jitter": "0"}),
        (RetryPolicy, {"retry_on": ValueError}),
        (RetryPolicy, {"give_up_on": (5,)}),
        (BatchConfig, {"size": 5, "on_error": "never"}),
        (RateLimit, {"n": 1, "per": 10**400}),
    ],
    ids=str,
)
def test_what_could_never_work_is_refused_where_it_is_written(kind, options):
    with pytest.raises(ConfigError):
        kind(**options)


def test_durations_are_given_as_timedeltas_too():
    minute = timedelta(minutes=1)
    assert TaskPolicy(timeout=minute, cancel_grace=minute) == TaskPolicy(timeout=60, cancel_grace=60)
    assert BatchConfig(5, minute) == BatchConfig(5, 60)
    assert RateLimit(1, minute) == RateLimit(1, 60)
    given = RetryPolicy(delays=(minute, 5), base=minute, max_delay=minute)
    assert given == RetryPolicy(delays=(60, 5), base=60, max_delay=60)


def test_exception_classes_are_stored_by_name():
    class Ours(Exception): ...

    made = RetryPolicy(retry_on=(Exception,), give_up_on=(ValueError, Ours, "KeyError"))
    assert made.retry_on == ("Exception",)
    assert made.give_up_on == ("ValueError", f"{__name__}.{Ours.__qualname__}", "KeyError")
    assert msgspec.json.decode(msgspec.json.encode(made), type=RetryPolicy) == made


def test_a_policy_comes_back_from_its_json_as_it_was():
    policy = TaskPolicy(
        queue="q",
        max_attempts=5,
        retry=RetryPolicy(backoff="exponential", jitter=0.5, retry_on=("OSError",)),
        batch=BatchConfig(10, timeout=0.5, on_error="bisect"),
        failures=FailurePolicy(max_failed_ratio=0.5, then="fail"),
        timeout=2.5,
        max_concurrency=7,
    )
    assert msgspec.json.decode(msgspec.json.encode(policy), type=TaskPolicy) == policy


def test_extended_retries_last_for_hours():
    delays = RetryPolicy.extended().delays
    assert delays[0] == 15
    assert delays[-1] == 7200
    assert list(delays) == sorted(delays)


@pytest.mark.parametrize("options", [{"states": ()}, {"states": ("succeeded",)}, {"group": "g", "indexes": (1,)}])
def test_a_retry_is_of_what_ended_badly_narrowed_in_one_way(options):
    with pytest.raises(OptionError):
        RetryScope(**options)


def test_a_scope_comes_back_from_its_json_as_it_was():
    for scope in (RetryScope(), RetryScope(("failed", "expired"), group="g"), RetryScope(indexes=(1, 5))):
        assert msgspec.json.decode(msgspec.json.encode(scope), type=RetryScope) == scope
