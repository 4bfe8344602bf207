"""What webhooks hear of hosted workflows: that one has begun, and how it ended, each once in an execution's life.

    its host tells what the runtime says ─▶ initiated ─┐
    its outcome, in the settling transaction ──────────┴▶ (initiated, where nobody has told it) fulfilled | rejected

Lock order: behind whatever the verb holds; two that tell the same event wait for each other, in the order of its key.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

import msgspec

from stook.core.chunk import item_at, starts_of
from stook.core.extras import ItemExtras, read_extras
from stook.core.hosted_reason import HostedReason, hosted_reason
from stook.core.ids import execution_id
from stook.core.picks import unpack
from stook.core.states import State
from stook.core.vellum_codes import code_of, said_of
from stook.core.vellum_events import (
    FULFILLED,
    INITIATED,
    REJECTED,
    SEQUENCE,
    USAGE,
    fulfilled_event,
    given_inputs,
    given_outputs,
    initiated_event,
    rejected_event,
    run_facts,
    told_event,
    usage_event,
    webhook_body,
)
from stook.store.script.hosted_events import last_told
from stook.store.statement import Each

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from stook.core.hosted_event import HostedEvent
    from stook.core.vellum_events import RunFacts
    from stook.store.script.batch_news import Ended
    from stook.store.script.outbox import Origin, Outbox
    from stook.store.statement import Row, Script

__all__ = ["WorkflowBatch", "workflows_of", "write_workflow_ends", "write_workflow_starts"]


class WorkflowBatch(msgspec.Struct, frozen=True):
    """A batch of a hosted workflow. `mask`: the events that endpoints of its project want."""

    batch_id: bytes
    project: str
    app: str
    label: str
    release_id: str
    facts: str
    metadata: str | None
    task: str
    named: str | None
    mask: int


def workflows_of(batches: Sequence[bytes]) -> Script[dict[bytes, WorkflowBatch]]:
    """Those of the batches that are of hosted workflows."""
    rows: list[Row] = yield Each("workflow_of_batch", [(one,) for one in sorted(set(batches))])
    return {row[0]: WorkflowBatch(*row) for row in rows}


def write_workflow_starts(
    outbox: Outbox, origin: Origin, batch: WorkflowBatch, began: Mapping[int, HostedEvent]
) -> Script[None]:
    """`began`, by index: what the runtime said first."""
    wanting = outbox.wanting(INITIATED, origin)
    told = yield from _tell(batch, [(index, INITIATED) for index in began] if wanting else [])
    if not told:
        return
    rows: list[Row] = yield Each("find_chunk_of", [(batch.batch_id, index) for index, _ in sorted(told)])
    runs = yield from _facts(batch, {index: first for _, index, first in rows})
    for index, run in runs.items():
        event = told_event(initiated_event(run, began[index].at, None), began[index].body)
        outbox.put(INITIATED, origin, began[index].at, partial(webhook_body, event, run), wanting, index)


def write_workflow_ends(
    outbox: Outbox, origin: Origin, ends: Sequence[Ended], errors: Mapping[int, tuple[str, str, str]]
) -> Script[None]:
    """Of a batch that may be of a hosted workflow. What has not begun for those who listen begins and ends here."""
    assert origin.batch_id is not None
    wanting = {name: found for name in SEQUENCE if (found := outbox.wanting(name, origin))}
    batch = (yield from workflows_of([origin.batch_id])).get(origin.batch_id) if wanting else None
    if batch is None:
        return
    ended = {one.first + offset: (one, place) for one in ends for place, offset in enumerate(one.offsets)}
    asked = [(index, name) for index, (one, _) in ended.items() for name in _names(one.state) if name in wanting]
    told = yield from _tell(batch, asked)
    if not told:
        return
    runs = yield from _facts(batch, {index: ended[index][0].first for index, _ in told})
    kept = yield from _kept(batch, list(runs))
    missing = [index for index, name in told if name == INITIATED and index not in kept[INITIATED]]
    payloads = yield from _payloads(batch, {index: ended[index][0].first for index in missing})
    for index, run in runs.items():
        one, place = ended[index]
        made: dict[str, Mapping[str, Any]] = {}
        began, end = kept[INITIATED].get(index), kept[_end_name(one.state)].get(index)
        if (index, INITIATED) in told:
            inputs = given_inputs(payloads[index]) if payloads.get(index) is not None else None
            made[INITIATED] = told_event(initiated_event(run, one.at, inputs), None if began is None else began.body)
        if one.state is State.succeeded:
            result = None if one.results is None or place in one.redacted else one.results[place]
            made[FULFILLED] = told_event(fulfilled_event(run, one.at, given_outputs(result)), _body(end))
        else:
            made[REJECTED] = _rejected(run, one, errors.get(index), end)
        if began is not None and end is not None:
            made[USAGE] = usage_event(run, one.at, (end.at - began.at) * 1000)
        for name, event in made.items():
            if (index, name) in told:
                outbox.put(name, origin, one.at, partial(webhook_body, event, run), wanting[name], index)


def _rejected(
    run: RunFacts, one: Ended, error: tuple[str, str, str] | None, kept: HostedEvent | None
) -> Mapping[str, Any]:
    """What the runtime said, if that is why it failed. It is cancelled, or its time is over, by somebody else."""
    kind, code, message = error or ("", "", "")
    reason = hosted_reason(one.state, code, None, begun=one.attempt > 0)
    assert reason is not None
    own = rejected_event(run, one.at, code_of(reason, kind), said_of(reason, message))
    return told_event(own, _body(kept) if reason is HostedReason.raised else None)


def _body(kept: HostedEvent | None) -> bytes | None:
    return None if kept is None else kept.body


def _end_name(state: State) -> str:
    return FULFILLED if state is State.succeeded else REJECTED


def _names(state: State) -> tuple[str, ...]:
    return INITIATED, _end_name(state), USAGE


def _tell(batch: WorkflowBatch, asked: Sequence[tuple[int, str]]) -> Script[set[tuple[int, str]]]:
    """Those that nobody has told before."""
    if not asked:
        return set()
    rows: list[Row] = yield Each("tell_workflow_event", [(batch.batch_id, *one) for one in sorted(asked)])
    return {(index, name) for _, index, name in rows}


def _kept(batch: WorkflowBatch, indexes: Sequence[int]) -> Script[dict[str, dict[int, HostedEvent]]]:
    """The last that was kept of each, by name and index."""
    found: dict[str, dict[int, HostedEvent]] = {}
    for name in (INITIATED, FULFILLED, REJECTED):
        last = yield from last_told([(batch.batch_id, index) for index in indexes], name)
        found[name] = {index: event for (_, index), event in last.items()}
    return found


def _facts(batch: WorkflowBatch, firsts: Mapping[int, int]) -> Script[dict[int, RunFacts]]:
    """By index, in order. `firsts`: where the chunks begin that they are in."""
    places = sorted({(batch.batch_id, first) for first in firsts.values()})
    rows: list[Row] = yield Each("read_chunk_extras", places)
    extras: dict[int, ItemExtras] = {}
    for _, first, text in rows:
        if text is not None:
            offsets = [index - first for index, of in firsts.items() if of == first]
            extras |= {first + offset: one for offset, one in read_extras(text, offsets).items()}
    facts = msgspec.json.decode(batch.facts)
    asked = {} if batch.metadata is None else msgspec.json.decode(batch.metadata).get("hosted") or {}
    runs = {}
    for index in sorted(firsts):
        own = extras.get(index, _NONE)
        runs[index] = run_facts(
            execution_id(batch.batch_id, index),
            batch.project,
            batch.app,
            batch.release_id,
            batch.label,
            facts,
            external_id=own.external_id,
            metadata=own.metadata,
            actor=asked.get("actor"),
        )
    return runs


def _payloads(batch: WorkflowBatch, firsts: Mapping[int, int]) -> Script[dict[int, bytes | None]]:
    """By index; None for one that lies apart from its row."""
    if not firsts:
        return {}
    rows: list[Row] = yield Each("read_chunk", sorted({(batch.batch_id, first) for first in firsts.values()}))
    found: dict[int, bytes | None] = {}
    for _, first, starts, blobs, payloads, *_ in rows:
        places, apart = starts_of(starts), set(unpack(blobs)) if blobs else set()
        for index in (one for one, of in firsts.items() if of == first):
            offset = index - first
            found[index] = None if offset in apart else item_at(payloads, places, offset)
    return found


_NONE: Final = ItemExtras()
