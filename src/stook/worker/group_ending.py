"""What becomes of each member of a group once its handler has answered or raised.

    answered                    each its verdict; an answer that does not fit: all failed, each runs again alone
    BatchError                  those it names failed, the rest succeeded with None
    RetryAfter, NonRetryable    all of them
    anything else raised        by the task's on_error: retry_all, retry_singly, bisect

    sleep_all                   all are suspended, whatever the handler made of it

A member that `ctx.fail` marked failed so, whatever else.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from stook.core import payload as json
from stook.worker.answer import verdict
from stook.worker.conversion import encode
from stook.worker.failures import BatchContractError
from stook.worker.judgement import is_verdict, judge, judge_batch_error
from stook.worker.source import Trouble
from stook.worker.suspend import Suspend
from stook.worker.trouble import failed, released
from stook.worker.verdicts import BatchError, NonRetryable, RetryAfter

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from stook.worker.group_durable import GroupDurable
    from stook.worker.held import Held
    from stook.worker.verdicts import Fail

__all__ = ["Ending", "Run"]


logger: Final = logging.getLogger("stook.worker")


class Run(NamedTuple):
    """Neighbouring members of a group, from one slice."""

    held: Held
    offsets: Sequence[int]
    payloads: Sequence[Any]


class Ending:
    """`took` in nanoseconds; `marks` are what `ctx.fail` said, by position; `cut`: the worker ended the call."""

    def __init__(self, runs: list[Run], *, took: int, marks: Mapping[int, Fail], cut: bool) -> None:
        self._runs = runs
        self._took = took
        self._marks = marks
        self._cut = cut

    def answered(self, value: Any, ids: Callable[[], Sequence[str]]) -> None:
        size = sum(len(run.offsets) for run in self._runs)
        try:
            verdicts = judge(value, size, ids)
        except BatchContractError as error:
            self._fail_all(error, singly=True)
        else:
            self._settle(verdicts)

    def suspended(self, durable: GroupDurable, ended: object) -> None:
        """What the handler raised or returned after it is dropped. A member that has slept already is handed back: it
        meets none of the others again."""
        assert durable.wait is not None
        if not isinstance(ended, (Suspend, asyncio.CancelledError)):
            logger.warning(
                "a group of task %s ended with something after sleep_all, which is dropped: let Suspend pass",
                self._runs[0].held.piece.task,
                exc_info=ended if isinstance(ended, BaseException) else None,
            )
        position = 0
        for run in self._runs:
            for offset in run.offsets:
                mark = self._marks.get(position)
                position += 1
                if mark is not None:
                    ending = verdict(mark, run.held.encode, run.held.retry, offset)
                elif durable.is_slept(run, offset):
                    ending = released(offset)
                else:
                    ending = Trouble(offset, "suspended", waits=(durable.wait,))
                run.held.conclude(offset, ending, self._took, cut=self._cut)

    def handed_back(self) -> None:
        """No failure, no attempt: the task's window has closed."""
        for held, offset in self._members():
            held.conclude(offset, released(offset), self._took, cut=self._cut)

    def raised(self, error: BaseException) -> list[list[Run]]:
        """Halves to run again here; most often none."""
        if isinstance(error, BatchError):
            try:
                verdicts = judge_batch_error(error, sum(len(run.offsets) for run in self._runs))
            except BatchContractError as wrong:
                self._fail_all(wrong, singly=True)
            else:
                self._settle(verdicts)
            return []
        batch = self._runs[0].held.piece.policy.batch
        rule = "retry_all" if batch is None or isinstance(error, (RetryAfter, NonRetryable)) else batch.on_error
        if rule == "bisect":
            return self._bisect(error)
        self._fail_all(error, singly=rule == "retry_singly")
        return []

    # ---------------------------------------------------------------------------------------------- verdicts

    def _settle(self, verdicts: list[Any]) -> None:
        for position, mark in self._marks.items():
            verdicts[position] = mark
        plain = not any(map(is_verdict, set(map(type, verdicts))))
        results = self._results(verdicts) if plain and not any(run.held.blocked for run in self._runs) else None
        if results is not None:
            at = 0
            for held, offsets, _ in self._runs:
                held.succeed_many(offsets, results[at : at + len(offsets)], self._took // 1000)
                at += len(offsets)
            return
        for value, (held, offset) in zip(verdicts, self._members(), strict=True):
            held.conclude(offset, verdict(value, held.encode, held.retry, offset), self._took)

    def _results(self, values: list[Any]) -> list[bytes] | None:
        """None if one of them is no result: then each is looked at by itself."""
        check = self._runs[0].held.encode
        try:
            return json.encode_many(values) if check is encode else [check(value) for value in values]
        except Exception:  # noqa: BLE001 -- raised again, and recorded, for the one it belongs to
            return None

    # ---------------------------------------------------------------------------------------------- failures

    def _fail_all(self, error: BaseException, *, singly: bool) -> None:
        record: Trouble | None = None
        for position, (held, offset) in enumerate(self._members()):
            mark = self._marks.get(position)
            if mark is not None:
                held.conclude(offset, verdict(mark, held.encode, held.retry, offset), self._took, cut=self._cut)
                continue
            if record is None:
                record = failed(offset, error, held.retry)
                record.singly = singly
            held.conclude(offset, msgspec.structs.replace(record, offset=offset), self._took, cut=self._cut)

    def _bisect(self, error: BaseException) -> list[list[Run]]:
        members = self._members()
        free = [
            position
            for position, (held, offset) in enumerate(members)
            if position not in self._marks and held.may_start(offset)
        ]
        if len(free) < 2:  # noqa: PLR2004 -- one cannot be halved
            self._fail_all(error, singly=True)
            return []
        middle = free[(len(free) + 1) // 2]
        # What spans slices cannot be written as halves of one slice: these halves run here, their leases held.
        here = len(self._runs) > 1
        halves: tuple[list[Run], list[Run]] = ([], [])
        chosen = set(free)
        for position, (held, offset) in enumerate(members):
            if position not in chosen:
                mark = self._marks.get(position)
                ended = error if mark is None else verdict(mark, held.encode, held.retry, offset)
                held.conclude(offset, ended, self._took, cut=self._cut)
            elif not here:
                half = 1 if position < middle else 2  # 0 is none: it would join what others hand back
                held.conclude(offset, Trouble(offset, "bisected", halves=half), self._took)
        if not here:
            return []
        at = 0
        for held, offsets, payloads in self._runs:
            for side, wanted in enumerate(halves):
                kept = [
                    (offset, payload)
                    for place, (offset, payload) in enumerate(zip(offsets, payloads, strict=True), at)
                    if place in chosen and (place >= middle) == bool(side)
                ]
                if kept:
                    wanted.append(Run(held, [offset for offset, _ in kept], [payload for _, payload in kept]))
            at += len(offsets)
        return list(halves)

    def _members(self) -> list[tuple[Held, int]]:
        return [(run.held, offset) for run in self._runs for offset in run.offsets]
