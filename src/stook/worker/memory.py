"""What one execution remembers, and whether what its handler asks for fits to it.

ask for a key ──▶ remembered? ──▶ its memo
                      │ no, and nothing that other code stored is still waiting to be asked for
                      └──▶ done now, for the first time
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final, Literal

from stook.core.errors import OptionError
from stook.worker.failures import DuplicateStep, ReplayMismatch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stook.core.memo import Memo

    Kind = Literal["step", "sleep", "child", "event", "version"]

__all__ = ["STATE", "Memory", "check_key"]

logger = logging.getLogger("stook.worker")

STATE: Final = ""
"""The key of `checkpoint`'s state: no other key is empty."""
LONGEST: Final = 512
_WORDS: Final = {"step": "a step", "sleep": "a sleep", "child": "a child", "event": "an event", "version": "a version"}


class Memory:
    """`memos` in the order in which they were stored; `code` is the digest of the code that asks. On the loop."""

    def __init__(self, memos: Sequence[Memo], *, code: str, strict: bool, execution: str) -> None:
        self._memos = {memo.key: memo for memo in memos}
        self._code = code
        self._strict = strict
        self._execution = execution
        self._asked: dict[str, str] = {}
        self._met: set[str] = set()
        self._warned: set[str] = set()
        self._unmet = _unmet(memos, code)

    @property
    def state(self) -> bytes | None:
        """The newest checkpoint's."""
        found = self._memos.get(STATE)
        return None if found is None else found.value

    def find(self, key: str, kind: Kind, *, pending: bool = False) -> Memo | None:
        """What is remembered under the key, None for nothing. `pending`: it is being done. Asking for it once more is
        warned of, or `DuplicateStep` if the task is strict; so is the key of another kind."""
        check_key(key)
        found = self._memos.get(key)
        before = self._asked.setdefault(key, kind)
        if before != kind:
            raise DuplicateStep(
                f"{key!r} is the name of {_WORDS[before]} of this execution, and now of {_WORDS[kind]}",
                hint="names are one for steps, sleeps, children and events: give each its own",
            )
        if found is not None and found.kind != kind:
            if found.code and found.code != self._code:
                raise self._mismatch(key, found)
            raise DuplicateStep(f"{key!r} is remembered as {_WORDS[found.kind]}, and now it is {_WORDS[kind]}")
        if pending or (key in self._met and kind != "version"):
            self._repeated(key, kind)
        if found is not None:
            self._unmet.pop(key, None)
            self._met.add(key)
        return found

    def add(self, memo: Memo) -> None:
        """It is stored."""
        self._memos[memo.key] = memo
        self._met.add(memo.key)

    def foresee(self, memo: Memo) -> None:
        """It is there before it is asked for the first time."""
        self._memos[memo.key] = memo

    async def judge(self, key: str) -> None:
        """Before something is done for the first time under the key: `ReplayMismatch` if other code has stored
        something that this code should have asked for before."""
        if await self.has_unmet():
            raise self._mismatch(key, next(iter(self._unmet.values())))

    async def has_unmet(self) -> bool:
        """Other code went further than this one has come."""
        for _ in range(2):
            if not self._unmet:
                return False
            await asyncio.sleep(0)  # what runs beside it may be about to ask
        return bool(self._unmet)

    def timeouts(self, keys: Sequence[str]) -> list[str]:
        """Of these keys, those remembered as timed out."""
        found = [self._memos.get(key) for key in keys]
        return [memo.key for memo in found if memo is not None and memo.error and memo.error.kind == "timeout"]

    def _repeated(self, key: str, kind: str) -> None:
        if self._strict:
            raise DuplicateStep(f"{key!r} is the name of two {kind}s", hint="number them: f'name-{i}'")
        if key not in self._warned:
            self._warned.add(key)
            logger.warning(
                "execution %s asks for %s %r again: it gets the first one's value. Number them if they are several",
                self._execution,
                kind,
                key,
            )

    def _mismatch(self, key: str, met: Memo) -> ReplayMismatch:
        return ReplayMismatch(
            f"{key!r} is new to execution {self._execution}, which remembers {met.kind} {met.key!r} instead, stored by "
            f"the handler's code before it was changed",
            hint="let executions on their way keep their order: ctx.version(name, 1) tells them from later ones",
        )


def _unmet(memos: Sequence[Memo], code: str) -> dict[str, Memo]:
    """What other code stored since the last checkpoint: what lies before it may well be skipped."""
    found: dict[str, Memo] = {}
    for memo in memos:
        if memo.key == STATE:
            found.clear()
        elif memo.kind != "version" and memo.code and memo.code != code:
            found[memo.key] = memo
    return found


def check_key(key: object) -> None:
    """`OptionError` for what is no name."""
    if not isinstance(key, str) or not 1 <= len(key) <= LONGEST:
        raise OptionError(f"{key!r} is no name for a step: 1 to {LONGEST} characters are")
