"""What became of all that was asked of hosted code: in the dialect's own words, and beside what the app wrote down."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from soak.hosted_app import read_effects
from soak.tables import open_tables
from soak.verify import check_batch, events_of
from stook.cli.checks import check_store

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from soak.hosted_owner import Asked, Owner
    from soak.report import Ledger
    from stook.wiring.session import Session

__all__ = ["check_deployments", "check_hosted"]

THERE: Final = "what was acknowledged has ended, in the order of its payloads"
DONE: Final = "what succeeded was done once, and says so"
LOST: Final = "what failed says that its worker, or its process, was lost"
TWICE: Final = "nothing was done twice"
SUBMITTED: Final = "nothing was submitted twice"
_WORDS: Final = {
    "worker lost": "WorkerLost: its worker died while running it, and its task is not run twice",
    "process exited or was killed": "ProcessExited: the process that ",
}


async def check_hosted(session: Session, ledger: Ledger, owner: Owner, effects: Path, *, struck: int) -> dict[str, int]:
    """`struck`: processes and keepers that were killed. Everything has ended."""
    made = read_effects(effects)
    done = {one.invocation: one for one in made}
    ledger.looked(TWICE, len(made))
    for invocation, count in Counter(one.invocation for one in made).items():
        if count > 1:
            ledger.wrong(TWICE, f"{invocation} was run {count} times")
    reasons: Counter[str] = Counter()
    for asked in owner.asked:
        shown = await _shown(owner, asked)
        texts = [json.loads(one["payload"])["n"] for one in shown]
        ledger.expect(THERE, texts == list(asked.numbers), f"{asked.id}: {texts[:5]}…, not {asked.numbers}")
        for one in shown:
            reasons[one.get("status_reason", "")] += 1
            effect = done.pop(one["id"], None)
            match one["status"]:
                case "succeeded":
                    number = json.loads(one["payload"])["n"]
                    told = json.loads(one["output"])
                    wanted = None if effect is None else {"n": effect.number, "version": effect.version}
                    ledger.expect(DONE, told == wanted and told["n"] == number, f"{one}: {effect}")
                case "failed":
                    words = _WORDS.get(one["status_reason"])
                    said = json.loads(one["output"])["error"]
                    ledger.expect(LOST, words is not None and said.startswith(words), f"{one}")
                case _:
                    ledger.wrong(THERE, f"{one}")
    await _check_submitted(session, ledger, owner)
    exited = reasons["process exited or was killed"]
    ledger.expect("a process that is killed costs one run", exited <= struck, f"{exited} by {struck} kills")
    ledger.expect("all that was done was asked for", len(done) <= 1, f"{list(done.values())[:5]}")
    for name, verdict, text in await check_store(session, newest=100_000, repair=False):
        ledger.expect("doctor finds nothing wrong", verdict != "wrong", f"{name}: {text}")
    return {
        "batches": sum(not one.single for one in owner.asked),
        "executions": sum(len(one.numbers) for one in owner.asked),
        "lost with their host": reasons["worker lost"],
        "lost with their process": exited,
        "asked again": owner.repeats,
    }


async def check_deployments(ledger: Ledger, owner: Owner) -> None:
    """Each that was acknowledged was built, whoever died. The one that became ready last has the label."""
    what = "every deployment was built, and ran until another took its label"
    found = await owner.deployments()
    for one in found:
        ledger.expect(what, one["status"] in ("running", "stopped"), f"{one}")
    running = [one["id"] for one in found if one["status"] == "running"]
    apps = await owner.show("/apps")
    ledger.expect(what, len(apps) == 1, f"{apps}")
    ledger.expect(what, len(running) <= 1, f"{running}")
    answer = await owner.invoke()
    ledger.expect("what runs answers", answer["status"] == "succeeded", f"{answer}")


async def _shown(owner: Owner, asked: Asked) -> list[dict[str, Any]]:
    if asked.single:
        return [await owner.show(f"/invocations/{asked.id}")]
    job = await owner.show(f"/batch_jobs/{asked.id}")
    found: list[dict[str, Any]] = job["invocations"]
    return found


async def _check_submitted(session: Session, ledger: Ledger, owner: Owner) -> None:
    """As many as were asked for, and the store itself is right about each."""
    async with open_tables(session.settings.url) as tables:
        query = f"select id, single, total from batch where project = '{session.settings.project}'"
        rows = [(bytes(row[0]), bool(row[1]), row[2]) for row in await tables.fetch(query)]
        events = await events_of(tables)
    batches = sum(not single for _, single, _ in rows)
    singles = sum(total for _, single, total in rows if single)
    _count(ledger, "batches", batches, (not one.single for one in owner.asked))
    _count(ledger, "invocations", singles - 1, (one.single for one in owner.asked))  # but for the last, which waited
    for batch_id, single, _ in rows:
        await check_batch(session, ledger, batch_id, events.get(batch_id, []), single=single)


def _count(ledger: Ledger, name: str, there: int, asked: Iterable[bool]) -> None:
    wanted = sum(asked)
    ledger.expect(SUBMITTED, there == wanted, f"{there} {name}, {wanted} were asked for")
