"""What executions afar remember and wait for, before the store believes it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import msgspec

from stook.core.errors import StookError
from stook.core.payload_check import Invalid, check_many
from stook.core.policy import TaskPolicy
from stook.server.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stook.core.memo import Memo
    from stook.core.outcome import Trouble
    from stook.core.wait import Wait
    from stook.core.work import Remember

__all__ = ["check_remembers", "check_suspension"]

_LONGEST_NAME: Final = 512
_WHOLE: Final = 2**31
_LATEST: Final = 10 * 366 * 86_400.0
"""Seconds."""
_LAST: Final = 2**58
"""Microseconds."""
_OWN_KINDS: Final = frozenset({"step", "state", "version"})
"""That a worker decides; what became of waits is the store's to say."""


def check_remembers(writes: Sequence[Remember]) -> None:
    """400 for numbers out of range, names too long and values that are no JSON."""
    for place, one in enumerate(writes):
        where = f"write {place}"
        _check(where, "token", 0 <= one.token < 2**63)
        _check(where, "offset", 0 <= one.offset < _WHOLE)
        _check(where, "lease", one.lease is None or 0 < one.lease <= 86_400)  # noqa: PLR2004 - a day
        one.memos = _checked(where, one.memos)


def check_suspension(where: str, trouble: Trouble) -> None:
    """400 for waits that are none. Only what is suspended waits."""
    _check(where, "waits", bool(trouble.waits) == (trouble.kind == "suspended"))
    for key in trouble.forget:
        _check(where, "forget", 1 <= len(key) <= _LONGEST_NAME)
    trouble.memos = tuple(_checked(where, trouble.memos))
    for wait in trouble.waits:
        _check_wait(f"{where}, wait {wait.key[:100]!r}", wait)


def _checked(where: str, memos: Sequence[Memo]) -> list[Memo]:
    for memo in memos:
        _check(where, "kind", memo.kind in _OWN_KINDS and memo.error is None)
        _check(where, "key", (1 if memo.kind != "state" else 0) <= len(memo.key) <= _LONGEST_NAME)
        _check(where, "code", len(memo.code) <= _LONGEST_NAME)
    values = _json(where, "value", [memo.value for memo in memos])
    return [msgspec.structs.replace(memo, value=value) for memo, value in zip(memos, values, strict=True)]


def _check_wait(where: str, wait: Wait) -> None:
    _check(where, "key", 1 <= len(wait.key) <= _LONGEST_NAME)
    _check(where, "code", len(wait.code) <= _LONGEST_NAME)
    _check(where, "seconds", wait.seconds is None or (math.isfinite(wait.seconds) and 0 <= wait.seconds <= _LATEST))
    _check(where, "until", wait.until is None or -_LAST < wait.until < _LAST)
    _check(where, "child", (wait.child is not None) == (wait.kind == "child"))
    _check(where, "event", (wait.event is not None) == (wait.kind == "event"))
    _check(where, "sleep", wait.kind != "sleep" or (wait.seconds is None) != (wait.until is None))
    child, event = wait.child, wait.event
    if child is not None:
        _check(where, "task", 1 <= len(child.task) <= _LONGEST_NAME)
        _check(where, "queue", child.queue is None or 1 <= len(child.queue) <= _LONGEST_NAME)
        _check(where, "priority", child.priority is None or -_WHOLE <= child.priority < _WHOLE)
        _check(where, "max_parallel", child.max_parallel is None or 1 <= child.max_parallel < _WHOLE)
        _check(where, "group", child.group is None or len(child.group) <= _LONGEST_NAME)
        [child.payload] = _json(where, "payload", [child.payload])
        if child.policy is not None:
            try:
                msgspec.json.decode(child.policy, type=TaskPolicy)
            except (msgspec.MsgspecError, StookError, UnicodeError, RecursionError) as error:
                raise _wrong(where, "policy", f"it is no policy of a task: {error}") from None
    if event is not None:
        _check(where, "name", 1 <= len(event.name) <= _LONGEST_NAME)
        if event.match is not None:
            [event.match] = _json(where, "match", [event.match])
            _check(where, "match", event.match.startswith(b"{"))


def _json(where: str, field: str, texts: Sequence[bytes]) -> list[bytes]:
    checked = check_many(texts)
    if isinstance(checked, Invalid):
        raise _wrong(where, field, f"it is no JSON: {checked.flaw.reason}")
    return checked


def _check(where: str, field: str, good: bool) -> None:  # noqa: FBT001 - what is to hold
    if not good:
        raise _wrong(where, field, "it is out of range, or does not belong there")


def _wrong(where: str, field: str, what: str) -> Refusal:
    return Refusal(400, "option_error", f"{where}, {field}: {what}", field=field)
