"""A soak that finds nothing proves something only if it would find it: each lie told to the tables, or to the journals,
is named by the check it belongs to."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3

import pytest

from soak.crash_place import BATCH, Place
from soak.journal import BatchJournal, Taken, read_acked, read_journals
from soak.report import Ledger, Trial, as_json, as_lines
from soak.starts import StartsChecker
from soak.tables import open_tables
from soak.verify import check_batch, events_of
from stook.config.settings import read_settings
from stook.core.outcome import Trouble
from stook.core.states import State
from stook.store.script.read.follow import OutcomeBlock
from stook.wiring.session import open_session


async def ended(url):
    """Two items have failed, then all are done."""
    async with open_session(read_settings(url=url)) as session:
        place = Place(session)
        await place.submitted()
        bad = [Trouble(offset, "failed", retryable=False, fingerprint="x") for offset in (0, 1)]
        await place.settle(await place.take(6), troubles=bad)


async def problems(url):
    ledger = Ledger()
    async with open_session(read_settings(url=url)) as session, open_tables(url) as tables:
        events = (await events_of(tables)).get(BATCH, [])
        await check_batch(session, ledger, BATCH, events)
    return {one.what for one in ledger.checks.values() if not one.passed}


RECOUNT = "counters equal a recount of the state bytes"
ONCE = "one terminal outcome per execution and round"
GAPS = "outcomes are numbered without a gap"
SAME = "the last outcome is the state"
EVENT = "one completion event per closing"
ENDS = "every batch ends"

_COPY = (
    "insert into outcome select batch_id, settle + 6, first, lo, hi, picks, count, state, {round}, attempt,"
    " finished_at, durations, blobs, results from outcome where settle = 0"
)
LIES = [
    ("update batch set succeeded = succeeded - 1", RECOUNT),
    ("update batch set settled = settled + 1", GAPS),
    (_COPY.format(round="round"), ONCE),
    (_COPY.format(round="round + 1"), GAPS),
    ("delete from outcome where settle = 0", GAPS),
    ("delete from outcome where settle = (select max(settle) from outcome)", SAME),
    ("update outcome set state = 6 where state = 5", SAME),
    ("update state set states = zeroblob(3)", SAME),
    ("delete from event", EVENT),
    ("insert into event select null, batch_id, kind, body, at from event", EVENT),
    ("update event set body = replace(body, '\"succeeded\":4', '\"succeeded\":5')", EVENT),
    ("update batch set phase = 'active', ended = null", ENDS),
]


@pytest.mark.parametrize(("lie", "found"), LIES, ids=[f"{found}: {lie[:40]}" for lie, found in LIES])
def test_a_lie_in_the_tables_is_found(tmp_path, lie, found):
    url = f"sqlite:///{tmp_path / 'stook.db'}"
    asyncio.run(ended(url))
    with contextlib.closing(sqlite3.connect(tmp_path / "stook.db")) as connection, connection:
        connection.execute(lie)
    assert found in asyncio.run(problems(url))


def test_the_truth_passes(tmp_path):
    url = f"sqlite:///{tmp_path / 'stook.db'}"
    asyncio.run(ended(url))
    assert asyncio.run(problems(url)) == set()


# ------------------------------------------------------------------------------------------------------------ journals

SUCCEEDED_AT = 10_000_000


def told(*, taken=(), starts=(), succeeded=(), grouped=False):
    """What is said of item 0, which succeeded in its first round."""
    block = OutcomeBlock(0, 0, range(1), State.succeeded, 1, 1, SUCCEEDED_AT, [1], [b"1"], frozenset())
    journal = BatchJournal(taken=list(taken), succeeded=list(succeeded))
    for attempt, at in starts:
        journal.starts.extend((0, attempt, at, 0))
    ledger = Ledger()
    StartsChecker(ledger, BATCH, ["worker1"], grouped=grouped).check(journal, [block])
    return {one.what for one in ledger.checks.values() if not one.passed}


def claim(**fields):
    return Taken(
        **(
            {"serial": 0, "token": 1, "first": 0, "offsets": range(1), "attempt": 1, "round": 1, "claimed_at": 1}
            | fields
        )
    )


def test_what_the_journals_say_of_a_run_as_it_must_be():
    assert told(taken=[claim()], starts=[(1, 5)], succeeded=[(claim(), range(1))]) == set()
    assert told(taken=[claim()], starts=[(1, 5), (1, 6)], grouped=True) == set()
    assert told(taken=[claim(), claim(token=2)], starts=[(1, 5), (1, 9)]) == set()


@pytest.mark.parametrize(
    ("found", "journal"),
    [
        ("nothing starts after its success", {"taken": [claim()], "starts": [(1, SUCCEEDED_AT + 2_000_000)]}),
        ("nothing is claimed after it ended in its round", {"taken": [claim(claimed_at=SUCCEEDED_AT + 1)]}),
        ("one start per claim", {"taken": [claim()], "starts": [(1, 5), (1, 6)]}),
        ("one start per claim", {"starts": [(1, 5)]}),
        ("attempts stay within max_attempts", {"taken": [claim(attempt=4)]}),
        ("a success that the store acknowledged is there", {"succeeded": [(claim(first=1), range(1))]}),
        ("a success that the store acknowledged is there", {"succeeded": [(claim(round=2), range(1))]}),
    ],
)
def test_a_lie_in_the_journals_is_found(found, journal):
    assert told(**journal) == {found}


def test_journals_read_what_processes_wrote(tmp_path):
    batch = BATCH.hex()
    (tmp_path / "claims-worker1").write_text(f"C 7 {batch} 512 2 3 99 0-1\nS 7 1-1\n")
    (tmp_path / "claims-worker2").write_text(f"C 8 {batch} 0 1 1 50 0,2,5\nS 8 -\n")
    (tmp_path / "starts-worker1-44").write_text("0192f0c1-7b7e-7000-8a2b-3c4d00000201 2 100\n")
    (tmp_path / "acked-0").write_text(f"batch 4 {batch} 600\nsingle 41 {batch} 3\n")
    batches, serials = read_journals(tmp_path)
    one = Taken(0, 7, 512, range(2), 2, 3, 99)
    two = Taken(1, 8, 0, [0, 2, 5], 1, 1, 50)
    assert batches[BATCH].taken == [one, two]
    assert batches[BATCH].succeeded == [(one, range(1, 2)), (two, ())]
    assert list(batches[BATCH].starts) == [513, 2, 100, 0]
    assert serials == ["worker1", "worker2"]
    assert [(one.kind, one.number, one.total) for one in read_acked(tmp_path)] == [("batch", 4, 600), ("single", 41, 3)]


# -------------------------------------------------------------------------------------------------------------- report


def test_one_problem_fails_the_trial_and_is_told():
    ledger = Ledger()
    ledger.looked("all is well", 3)
    trial = Trial("T1", "sqlite", 7, checks=list(ledger.checks.values()))
    assert trial.passed
    for number in range(9):
        ledger.expect("none is lost", number, f"item {number} is gone")
    trial = Trial("T1", "sqlite", 7, checks=list(ledger.checks.values()))
    assert not trial.passed
    assert "item 0 is gone" in "\n".join(as_lines(trial))
    assert '"wrong":1,"pass":false' in as_json(trial)[-1]


def test_a_trial_that_looked_at_nothing_has_not_passed():
    assert not Trial("T1", "sqlite", 7).passed
