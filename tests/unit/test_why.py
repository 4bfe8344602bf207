from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stook.core.phase import Counters
from stook.core.states import BatchState
from stook.core.why import BatchFacts, Forming, Limit, TaskFacts, Workers, why_batch, why_task

NOW = 1_000_000_000_000
SECOND = 1_000_000
TASK = TaskFacts(task="t", now=NOW, workers=Workers(serving=2, others=0), limits=[])


def batch(state=BatchState.queued, counters=None, **facts):
    return BatchFacts(state=state, sealed=True, counters=counters or Counters(total=10), **facts)


def around(**facts):
    return msgspec.structs.replace(TASK, **facts)


def alone(reasons):
    (reason,) = reasons
    return reason


@pytest.mark.parametrize("state", [state for state in BatchState if state.terminal])
def test_what_has_ended_says_so(state):
    assert alone(why_batch(batch(state), TASK)) == f"it has ended: {state.value}"


def test_a_pause_says_its_reason():
    facts = batch(BatchState.paused, Counters(total=10, running=2), reason="5 failures in a row, burst is 5")
    assert why_batch(facts, TASK) == ["it is paused: 5 failures in a row, burst is 5", "2 still running"]
    assert why_batch(batch(BatchState.paused), TASK) == ["it is paused"]


def test_a_cancel_waits_for_what_runs():
    facts = batch(BatchState.cancelling, Counters(total=10, cancelled=7, running=3), reason="wrong file")
    assert why_batch(facts, TASK) == ["it is being cancelled: wrong file", "3 still running"]


@pytest.mark.parametrize(
    ("workers", "said"),
    [
        (Workers(serving=0, others=0), "no worker serves task 't': no worker is running"),
        (
            Workers(serving=0, others=1, tasks=frozenset({"other"})),
            "no worker serves task 't': 1 is running, for task 'other'",
        ),
        (
            Workers(serving=0, others=3, tasks=frozenset("abcde")),
            "no worker serves task 't': 3 are running, for tasks 'a', 'b', 'c' and 2 more",
        ),
        (Workers(serving=0, others=2), "no worker serves task 't': 2 are running"),
    ],
)
def test_nobody_serves_the_task(workers, said):
    assert alone(why_batch(batch(), around(workers=workers))) == said
    assert alone(why_task(around(workers=workers))) == said


def test_limits_that_are_reached_are_named_pauses_first():
    limits = [
        Limit("queue 'q'", 3, 3),
        Limit("task 't'", 2, 3),
        Limit("project 'p'", 9, None, paused=True),
    ]
    assert why_task(around(limits=limits)) == ["project 'p' is paused", "concurrency 3/3 of queue 'q'"]


def test_the_batch_has_limits_of_its_own():
    counters = Counters(total=10, running=4)
    facts = batch(BatchState.running, counters, max_concurrency=4, ramp=4)
    assert why_batch(facts, TASK) == [
        "concurrency 4/4 of this batch",
        "it was resumed just now: 4 at once, twice as many every second",
    ]
    assert "concurrency" not in " ".join(why_batch(batch(BatchState.running, counters, max_concurrency=5), TASK))


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(-1, "now"), (0.4, "in 0.4 s"), (12, "in 12 s"), (600, "in 10 min"), (3 * 3600, "in 3 h"), (4 * 86_400, "in 4 d")],
)
def test_what_is_due_later_says_when(seconds, said):
    facts = batch(BatchState.running, Counters(total=5, succeeded=3, scheduled=2), due_at=NOW + round(seconds * SECOND))
    assert alone(why_batch(facts, TASK)) == f"2 are due later, the next {said}"


def test_a_group_waits_to_fill_and_then_it_does_not():
    group = Forming(3, 10, NOW + 400_000)
    assert alone(why_task(around(forming=group))) == "waiting for a group to fill: 3 of 10, it goes in 0.4 s"
    for ready in (msgspec.structs.replace(group, ready=10), msgspec.structs.replace(group, closes_at=NOW)):
        assert why_task(around(forming=ready)) == []


def test_others_go_first():
    said = why_batch(batch(ahead=1200, ahead_more=True, projects=("b", "c")), TASK)
    assert said == [
        "1200 or more executions of other batches go first",
        "it shares the workers with projects 'b', 'c'",
    ]


def test_suspects_wait_for_an_idle_worker():
    said = alone(why_batch(batch(BatchState.running, Counters(total=2, succeeded=1), suspects=1), TASK))
    assert said.startswith("1 lost its worker and waits to run alone")


def test_nothing_holds_it_back():
    assert alone(why_batch(batch(), TASK)) == "nothing holds it back: the next free worker takes it"
    running = batch(BatchState.running, Counters(total=10, running=3))
    assert alone(why_batch(running, TASK)) == "3 running, 7 queued behind them: it goes as fast as its workers do"
    last = batch(BatchState.running, Counters(total=10, succeeded=7, running=3))
    assert alone(why_batch(last, TASK)) == "all that can run does: 3 running"


def test_a_submission_that_is_not_finished():
    facts = BatchFacts(state=BatchState.open, sealed=False, counters=Counters())
    assert alone(why_batch(facts, TASK)) == "nothing was submitted yet, and its submission is not finished"
    facts.counters = Counters(total=3, succeeded=3)
    assert alone(why_batch(facts, TASK)) == "everything submitted so far has ended, and its submission is not finished"


few = st.integers(0, 3)
options = st.fixed_dictionaries(
    {"suspects": few, "ahead": few, "ramp": st.none() | few, "max_concurrency": st.none() | st.integers(1, 3)}
)


@given(
    state=st.sampled_from([BatchState.queued, BatchState.running, BatchState.paused, BatchState.cancelling]),
    parts=st.tuples(few, few, few, few, few),
    serving=few,
    facts=options,
)
def test_while_something_has_not_ended_there_is_always_a_reason(state, parts, serving, facts):
    queued, scheduled, suspended, running, succeeded = parts
    counters = Counters(
        total=sum(parts), scheduled=scheduled, suspended=suspended, running=running, succeeded=succeeded
    )
    assert counters.queued == queued
    reasons = why_batch(batch(state, counters, **facts), around(workers=Workers(serving=serving, others=0)))
    assert bool(reasons) or counters.terminal == counters.total
    assert all(reasons)
