"""Is everything there, once, and as it must be? Asked of the tables, and of what the processes wrote down."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from soak.journal import BatchJournal, read_acked, read_journals
from soak.plan import GROUPED, MAX_ATTEMPTS, Item, Plan, expected_of, plan_of
from soak.starts import StartsChecker
from soak.tables import open_tables
from stook.core.ids import execution_id
from stook.core.states import TERMINAL, State
from stook.store.script.read.follow import follow
from stook.store.script.recount import recount

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from soak.report import Ledger
    from soak.tables import Tables
    from stook.store.script.read.follow import OutcomeBlock
    from stook.store.script.read.item_row import ItemRow
    from stook.wiring.session import Session

__all__ = ["Verifier", "check_batch", "events_of", "outcomes_of"]

_ENDS: Final = {"succeeded", "partially_failed", "failed", "cancelled", "expired"}
_answer = msgspec.json.Decoder(dict[str, int])
_item = msgspec.json.Decoder(Item)


class _Batch(NamedTuple):
    id: bytes
    name: str
    task: str
    single: bool
    phase: str
    ended: str | None
    settled: int
    total: int

    @property
    def public_id(self) -> str:
        return execution_id(self.id, 0)


class Verifier:
    def __init__(
        self, session: Session, folder: Path, ledger: Ledger, *, seed: int, project: str, tasks: tuple[str, ...]
    ) -> None:
        self._session = session
        self._ledger = ledger
        self._seed = seed
        self._project = project
        self._tasks = tasks
        self._acked = read_acked(folder)
        self._journals, self._serials = read_journals(folder)

    async def run(self) -> dict[str, int]:
        """What there was of it. All problems go to the ledger."""
        async with open_tables(self._session.settings.url) as tables:
            columns = "id, name, task, single, phase, ended, settled, total"
            query = f"select {columns} from batch where project = '{self._project}'"
            batches = [
                _Batch(bytes(row[0]), row[1], row[2], bool(row[3]), *row[4:]) for row in await tables.fetch(query)
            ]
            await _limbo(tables, self._ledger, self._project)
            await _attempts(tables, self._ledger, self._project)
            events = await events_of(tables)
        for one in batches:
            journal = self._journals.get(one.id, BatchJournal())
            plan = None if one.single else plan_of(self._seed, int(one.name.split("-")[1]), self._tasks)
            await check_batch(self._session, self._ledger, one.id, events.get(one.id, []), single=one.single)
            await self._check_items(one, plan)
            await self._check_journal(one, journal)
        self._check_acked({one.id: one for one in batches})
        starts = sum(len(journal.starts) // 4 for journal in self._journals.values())
        return {
            "batches": sum(not one.single for one in batches),
            "executions": sum(one.total for one in batches),
            "starts": starts,
        }

    def _check_acked(self, batches: dict[bytes, _Batch]) -> None:
        what = "what was acknowledged to its submitter is there"
        self._ledger.looked(what, len(self._acked))
        for one in self._acked:
            found = batches.get(one.batch_id)
            if found is None:
                self._ledger.wrong(what, f"{one.kind} {one.number} ({execution_id(one.batch_id, 0)}) is gone")
            elif one.kind == "single":
                if one.total >= found.total:
                    self._ledger.wrong(what, f"single {one.number} is item {one.total} of {found.total}")
            elif found.total != one.total:
                self._ledger.wrong(what, f"batch {one.number} had {one.total} items, now {found.total}")
        once = "one batch for one key"
        keys = Counter(one.name for one in batches.values() if not one.single)
        self._ledger.looked(once, len(keys))
        for name, count in keys.items():
            if count > 1:
                self._ledger.wrong(once, f"{name} is there {count} times")

    async def _check_items(self, batch: _Batch, plan: Plan | None) -> None:
        """Each item ended as it says, with the result that is its own."""
        what = "each execution ended as its payload says, with its own result"
        calm = plan is None or plan.calm
        if plan is not None and plan.calm:
            self._ledger.expect(what, batch.total == plan.count, f"{batch.name}: {batch.total} of {plan.count} items")
        items = [] if plan is None else plan.items()
        async for rows in self._session.engine.results(batch.id):
            self._ledger.looked(what, len(rows))
            for row in rows:
                item = _item.decode(row.input)
                problem = _problem(row, item, calm=calm)
                if problem is None and plan is not None and item != items[row.index]:
                    problem = f"has the payload of item {item.n}"
                if problem is not None:
                    self._ledger.wrong(what, f"{row.id} ({batch.name}, {item.do}) {problem}")

    async def _check_journal(self, batch: _Batch, journal: BatchJournal) -> None:
        blocks = await _outcomes(self._session, batch.id)
        grouped = batch.task == GROUPED
        StartsChecker(self._ledger, batch.id, self._serials, grouped=grouped).check(journal, blocks)


async def check_batch(
    session: Session,
    ledger: Ledger,
    batch_id: bytes,
    events: Sequence[tuple[str, dict[str, Any]]],
    *,
    single: bool = False,
) -> None:
    """What holds for every batch that has ended, whatever was done with it."""
    view = await session.engine.show(batch_id)
    name = f"batch {view.public_id} ({view.name})"
    ledger.expect("every batch ends", view.state.terminal, f"{name} is {view.state.value}")
    found = await session.store.read(recount, batch_id)
    ledger.looked("counters equal a recount of the state bytes", found.counted.total)
    for difference in found.differences:
        ledger.wrong("counters equal a recount of the state bytes", f"{name}: {difference}")
    states = b"".join([content for _, content in await _state_map(session, batch_id, found.counted.total)])
    blocks = await _outcomes(session, batch_id)
    number = 0
    last: dict[int, tuple[State, int]] = {}
    once, gaps = "one terminal outcome per execution and round", "outcomes are numbered without a gap"
    for block in blocks:
        ledger.looked(once, len(block))
        ledger.expect(gaps, block.settle == number, f"{name}: {block.settle} follows {number}")
        number = block.settle + len(block)
        for offset in block.offsets:
            index = block.first + offset
            before = last.get(index)
            if before is not None and (before[0] is State.succeeded or before[1] >= block.round):
                ledger.wrong(once, f"{name}: item {index} ended in round {before[1]} and again in {block.round}")
            last[index] = block.state, block.round
    ledger.expect(gaps, number == view.settled, f"{name}: {number} outcomes, settled is {view.settled}")
    same = "the last outcome is the state"
    ledger.looked(same, len(states))
    for index, byte in enumerate(states):
        ended = last.get(index)
        if byte not in TERMINAL or ended is None or ended[0] != byte:
            ledger.wrong(same, f"{name}: item {index} is {State(byte).name}, its last outcome is {ended}")
    _check_events(ledger, name, events, view.state.value, found.counted.succeeded, single=single)


def _check_events(
    ledger: Ledger, name: str, events: Sequence[tuple[str, dict[str, Any]]], ended: str, succeeded: int, *, single: bool
) -> None:
    what = "one completion event per closing"
    if single:
        ledger.expect(what, not events, f"{name}: a single submission has events")
        return
    closed = False
    last: dict[str, Any] = {}
    for kind, body in events:
        finished = kind == "batch.finished"
        if finished and closed:
            ledger.wrong(what, f"{name}: it finished twice without being reopened")
        closed = finished
        last = body
    ledger.looked(what, sum(kind == "batch.finished" for kind, _ in events))
    if ended in _ENDS and not (closed and (last["state"], last["succeeded"]) == (ended, succeeded)):
        ledger.wrong(what, f"{name} is {ended} with {succeeded} succeeded, its last event is {last}")


def _problem(row: ItemRow, item: Item, *, calm: bool) -> str | None:
    expected = expected_of(item)
    allowed = expected.states if calm else expected.states | {State.cancelled, State.expired}
    if row.state not in allowed:
        return f"is {row.state.name}"
    if calm and expected.attempts is not None and row.attempts != expected.attempts:
        return f"took {row.attempts} attempts"
    if row.attempts > MAX_ATTEMPTS:
        return f"took {row.attempts} attempts"
    if row.state is State.succeeded and (row.result is None or _answer.decode(row.result) != {"n": item.n}):
        return f"has the result {row.result!r}"
    if row.state is State.failed and (row.error is None or row.error.code == "worker_lost"):
        return f"failed of {row.error}"
    return None


async def outcomes_of(session: Session, batch_id: bytes) -> list[tuple[int, State]]:
    """(index, state) by settle number."""
    blocks = await _outcomes(session, batch_id)
    return [(block.first + offset, block.state) for block in blocks for offset in block.offsets]


async def _outcomes(session: Session, batch_id: bytes) -> list[OutcomeBlock]:
    blocks: list[OutcomeBlock] = []
    after = 0
    while True:
        found = await session.store.read(follow, batch_id, after, 5000)
        if not found.blocks:
            return blocks
        blocks.extend(found.blocks)
        after = found.after


async def _state_map(session: Session, batch_id: bytes, total: int) -> list[tuple[int, bytes]]:
    found = await session.engine.state_map(batch_id)
    assert sum(len(content) for _, content in found) == total, "a batch of more chunks than are read at once"
    return found


async def _limbo(tables: Tables, ledger: Ledger, project: str) -> None:
    """All batches have ended: nothing may be queued or leased."""
    for table in ("segment", "lease"):
        rows = await tables.fetch(f"select count(*) from {table} where project = '{project}'")
        ledger.expect("nothing is queued or leased any more", rows[0][0] == 0, f"{rows[0][0]} rows in {table}")


async def _attempts(tables: Tables, ledger: Ledger, project: str) -> None:
    what = "no more failed attempts in a round than max_attempts"
    query = (
        "select failure.batch_id, idx, failure.round, count(*) from failure join batch on batch.id = failure.batch_id"
        f" where nth = 0 and project = '{project}' group by failure.batch_id, idx, failure.round"
    )
    for batch_id, index, round_, count in await tables.fetch(query):
        problem = f"{execution_id(bytes(batch_id), index)} failed {count} times in round {round_}"
        ledger.expect(what, count <= MAX_ATTEMPTS, problem)


async def events_of(tables: Tables) -> dict[bytes, list[tuple[str, dict[str, Any]]]]:
    events: dict[bytes, list[tuple[str, dict[str, Any]]]] = {}
    for batch_id, kind, body in await tables.fetch("select batch_id, kind, body from event order by id"):
        events.setdefault(bytes(batch_id), []).append((kind, msgspec.json.decode(body)))
    return events
