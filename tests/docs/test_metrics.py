"""docs/metrics.md names every metric there is, with its labels, and no other."""

from __future__ import annotations

import re

from prometheus_client import generate_latest

from stook.telemetry.exposition import ServerFigures
from stook.telemetry.store_figures import MOST, OTHERS
from tests.docs.pages import page

ROW = re.compile(r"^\| `((?:stook|process)_\w+)` \| ([\w, ]*?) ?\|", re.MULTILINE)


def named():
    return {name: tuple(re.findall(r"\w+", labels)) for name, labels in ROW.findall(page("docs/metrics.md"))}


def there():
    figures = ServerFigures()
    found = {}
    for family in figures._registry.collect():
        name = f"{family.name}_total" if family.type == "counter" else family.name
        found[name] = family.type
    assert b"# TYPE stook_executions gauge" in generate_latest(figures._registry)
    return found


def test_every_metric_is_named_and_none_that_there_is_not():
    assert sorted(named()) == sorted(there())


def test_labels_are_those_said():
    """Of samples made by one request, one flush and one look at a store."""
    from stook.core.outcome import Settlement, Trouble
    from stook.core.policy import TaskPolicy
    from stook.core.work import Slice
    from stook.store.script.read.figures import LeaseFigures, LiveFigures, ReadyFigures, StoreFigures

    figures = ServerFigures()
    figures.http.answered("/r", "GET", 400, 0.1, "code")
    figures.http.took([Settlement(1, b"", (0,), [b""], (5,))])
    figures.wrote("claim", 0.1)
    piece = Slice(1, b"", 0, (0,), b"[1]", "t", 1, 1, 0, TaskPolicy(), 0, 0, queue="q", waited=5)
    figures.workers.claimed([piece], 5)
    figures.workers.settled([(piece, Settlement(1, b"", (0,), [b""], (5,), [Trouble(1, "failed")]))], 5)
    figures.workers.lost(piece, 1)
    figures.workers.stepped(piece, cached=False, took=5)
    figures.workers.grouped("t", 1, "size", 0.1)
    figures.workers.fenced(piece)
    figures.workers.invoked([("t", "q", None)])
    figures.workers.lapsed({("t", "q"): 1})
    figures._found = StoreFigures(
        9, [LiveFigures("p", "q", "active", 1, 2, 0, 0, 0, 0, 0, 0)], [LeaseFigures("p", "q", 1, 1)],
        [ReadyFigures("p", "q", 5)], 1,
    )  # fmt: skip
    seen = {}
    for family in figures._registry.collect():
        name = f"{family.name}_total" if family.type == "counter" else family.name
        labels = {label for sample in family.samples for label in sample.labels}
        seen[name] = labels - {"le"}
    assert {name: set(labels) for name, labels in named().items()} == seen


def test_kinds_are_those_said():
    text = page("docs/metrics.md")
    kinds = there()
    for name, kind in kinds.items():
        row = re.search(rf"^\| `{name}` .*$", text, re.MULTILINE)[0]
        assert ("histogram: " in row) == (kind == "histogram"), name
        assert name.endswith("_total") == (kind == "counter"), name


def test_the_bound_is_the_one_said():
    assert f"the {MOST} with the most open items" in page("docs/metrics.md")
    assert f"`{OTHERS}`" in page("docs/metrics.md")
