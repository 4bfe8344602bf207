"""What an execution remembers between its attempts: each line is decided once and never again."""

from __future__ import annotations

import json
from typing import Final, Literal

import msgspec

from stook.core.states import State

__all__ = ["Memo", "MemoError", "child_memo", "given_key", "stored_key"]

_ESCAPED: Final = "\x01"


class MemoError(msgspec.Struct, frozen=True, gc=False):
    """Why an awaited thing brought no value. `child_id` is the public id of the child, where there is one."""

    kind: Literal["failed", "cancelled", "timeout", "expired"]
    type: str
    message: str
    child_id: str | None = None


class Memo(msgspec.Struct, gc=False):
    """What happened under `key`. `value` is JSON, and means nothing beside an error. `code` is a digest of the
    handler's code that stored it. A `state` has the key "" and is written again and again: the newest stays, in the
    newest place of the order; of all others the first one stays."""

    key: str
    kind: Literal["step", "sleep", "child", "event", "state", "version"]
    value: bytes = b"null"
    error: MemoError | None = None
    code: str = ""


def child_memo(
    key: str, state: State, child_id: str, *, value: bytes | None, failure: tuple[str, str] | None, reason: str | None
) -> Memo:
    """What the end of a child brings to its parent. `failure` is (type, message), `reason` why it was cancelled."""
    if state is State.succeeded and value is not None:
        return Memo(key, "child", value)
    match state:
        case State.succeeded:
            error = MemoError("failed", "ResultPruned", "its result is kept no longer", child_id)
        case State.cancelled:
            error = MemoError("cancelled", "Cancelled", reason or "it was cancelled", child_id)
        case State.expired:
            error = MemoError("expired", "Expired", "it was not started in time", child_id)
        case _:
            type_, message = failure or ("Exception", "it failed")
            error = MemoError("failed", type_, message, child_id)
    return Memo(key, "child", error=error)


def stored_key(key: str) -> str:
    """As every database's text columns hold it: one with NUL or a lone surrogate is written in escapes."""
    if "\0" not in key and not key.startswith(_ESCAPED) and key.isascii():
        return key
    try:
        key.encode()
    except UnicodeEncodeError:
        return _ESCAPED + json.dumps(key)
    return _ESCAPED + json.dumps(key) if "\0" in key or key.startswith(_ESCAPED) else key


def given_key(key: str) -> str:
    """The key that is stored so."""
    if not key.startswith(_ESCAPED):
        return key
    found: str = json.loads(key[len(_ESCAPED) :])
    return found
