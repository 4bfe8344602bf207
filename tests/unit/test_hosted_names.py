"""Names of hosted tasks, and the rules of labels."""

from __future__ import annotations

import uuid

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stook.core.deployment import Action, App, DeploymentEvent, DeploymentState, NotDeployed, move_deployment
from stook.core.deployment_labels import (
    Found,
    choose_version,
    distinct,
    is_shelved,
    label_conflict,
    labels_of,
    static_label,
    unfit,
)
from stook.core.hosted import HostedTask, hosted_policy, hosted_task, read_hosted_task, task_prefix, version_id
from stook.core.policy import BatchConfig, ConcurrencyLimit, RateLimit, TaskPolicy

ids = st.uuids().map(str)
names = st.text(min_size=1).filter(lambda text: "\0" not in text)
ONE = str(uuid.UUID(int=1))


@given(ids, names, names)
def test_a_task_says_again_what_it_is_of(deployment_id, app, action):
    task = hosted_task(deployment_id, app, action)
    assert read_hosted_task(task) == HostedTask(deployment_id, app, action)
    low, high = task_prefix(deployment_id)
    assert low <= task < high


@given(st.lists(st.tuples(ids, names, names), unique=True, max_size=5))
def test_no_two_actions_share_a_task(keys):
    assert len({hosted_task(*key) for key in keys}) == len(keys)


@given(st.text())
def test_of_other_tasks_nothing_is_read(text):
    found = read_hosted_task(text)
    assert found is None or hosted_task(found.deployment_id, found.app, found.action) == text


@pytest.mark.parametrize("name", ["pay", f"{ONE}/a", f"{ONE}/a/b/c", f"{ONE}/a/%41", f"{ONE.upper()[:-1]}A/a/b", "//"])
def test_what_only_looks_like_one_is_none(name):
    assert read_hosted_task(name) is None


@given(ids, names, names)
def test_neighbours_lie_outside_of_a_deployments_tasks(deployment_id, app, action):
    low, high = task_prefix(ONE)
    assert (low <= hosted_task(deployment_id, app, action) < high) == (deployment_id == ONE)


@given(st.tuples(names, names, names), st.tuples(names, names, names))
def test_a_label_has_one_id(one, other):
    first, second = (version_id(key[0], "kernel", key[1], key[2]) for key in (one, other))
    assert (first == second) == (one == other)
    assert str(uuid.UUID(first)) == first


def test_what_is_run_again():
    assert hosted_policy("kernel", "a").rerun_lost is False
    assert hosted_policy("vellum", "a").rerun_lost is True
    assert {hosted_policy(dialect, "a").max_attempts for dialect in ("kernel", "vellum", "stook")} == {1}


def test_terminal_states_are_left_by_nothing():
    for state in DeploymentState:
        after = {move_deployment(state, event) for event in DeploymentEvent}
        assert (after == {None}) == state.terminal


def found(label, *, exact=True, names=("pay",)):
    return Found(exact, label, f"v-{label}", f"d-{label}", names)


@pytest.mark.parametrize(
    ("dialect", "label", "there", "expected"),
    [
        ("kernel", "latest", [found("latest"), found("v2", exact=False)], "latest"),
        ("kernel", "latest", [found("v2", exact=False)], "v2"),
        ("stook", "latest", [found("v2", exact=False)], "v2"),
        ("kernel", "v1", [found("v2", exact=False)], "label"),
        ("kernel", "LATEST", [found("v2", exact=False)], "label"),
        ("vellum", "LATEST", [found("prod", exact=False)], "label"),
        ("vellum", "latest", [found("prod", exact=False)], "label"),
        ("vellum", "prod", [found("prod"), found("LATEST", exact=False)], "prod"),
        ("kernel", "latest", [], "app"),
        ("kernel", "v1", [found("v1", names=())], "action"),
    ],
)
def test_what_a_label_means(dialect, label, there, expected):
    chosen = choose_version(dialect, "pay", label, there)
    assert (chosen.what if isinstance(chosen, NotDeployed) else chosen.label) == expected


def test_labels_that_a_deployment_takes():
    assert labels_of("kernel", ONE, "v1", {"release_tags": ["x"]}) == ["v1"]
    assert labels_of("vellum", ONE, "LATEST", {}) == ["LATEST", static_label(ONE)]
    assert labels_of("vellum", ONE, "", {"release_tags": ["a", "b", "a"]})[2:] == ["a", "b"]
    assert len(static_label(ONE)) == 12


@pytest.mark.parametrize("facts", [{"sandbox_only": True}, {"dry_run": True}])
def test_what_is_only_built(facts):
    assert is_shelved("vellum", facts)
    assert not is_shelved("kernel", facts)
    assert not is_shelved("vellum", {})


def test_who_may_take_a_running_label():
    assert "'a', 'b' already run under the label 'v1'" in label_conflict("kernel", "v1", ["a", "b"], force=False)
    assert "'a' already runs" in label_conflict("stook", "v1", ["a"], force=False)
    for dialect, label, force in (("kernel", "v1", True), ("kernel", "latest", False), ("vellum", "v1", False)):
        assert label_conflict(dialect, label, ["a"], force=force) is None
    assert label_conflict("kernel", "v1", [], force=False) is None


def test_of_the_same_name_the_last_is_meant():
    first, last = App("a", (Action("x", {"n": 1}), Action("y"), Action("x"))), App("b")
    assert distinct([App("a"), first, last]) == [App("a", (Action("x"), Action("y"))), last]


def test_code_without_an_app_is_not_hosted():
    assert unfit("kernel", ONE, []) == "the code defines no app"
    assert unfit("kernel", ONE, [App("a")]) is None


def test_stooks_own_tasks_are_run_as_their_code_says():
    own = TaskPolicy(max_attempts=5, timeout=3)
    assert hosted_policy("stook", "a", Action("x", policy=own)) == msgspec.structs.replace(own, queue="stook/a")
    named = TaskPolicy(queue="gpu")
    assert hosted_policy("stook", "a", Action("x", policy=named)) == named
    assert hosted_policy("kernel", "a", Action("x", timeout=7, policy=own)) == TaskPolicy(
        queue="kernel/a", max_attempts=1, rerun_lost=False, timeout=7
    )


@pytest.mark.parametrize(
    ("policy", "reason"),
    [
        (TaskPolicy(batch=BatchConfig(size=3)), "it has batch="),
        (TaskPolicy(limits=(ConcurrencyLimit(2, key="(main.tenant)"),)), "is the function main.tenant"),
        (TaskPolicy(rates=(RateLimit(2, 1, units="(main.size)"),)), "is the function main.size"),
    ],
)
def test_terms_that_only_the_program_that_defines_a_task_can_keep_are_not_hosted(policy, reason):
    assert reason in unfit("stook", ONE, [App("a", (Action("x", policy=policy),))])
    assert unfit("stook", ONE, [App("a", (Action("x", policy=TaskPolicy(queue="gpu")),))]) is None
