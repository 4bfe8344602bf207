"""Words of queries that stand for more than themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from stook.core.errors import NotFound
from stook.core.ids import parse_id
from stook.core.states import BatchState, State
from stook.server.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["batch_states", "check_cursor", "check_reason", "item_states"]

T = TypeVar("T")
_SHOWN = {state.name: state for state in State if state is not State.cancelling}
_BATCH = {state.value: state for state in BatchState}


def item_states(text: str | None) -> frozenset[State] | None:
    """Of `failed,cancelled`; None where nothing is said."""
    return None if text is None else _states(text, _SHOWN)


def batch_states(text: str | None) -> frozenset[BatchState]:
    return frozenset() if text is None else _states(text, _BATCH)


def _states(text: str, known: Mapping[str, T]) -> frozenset[T]:
    words = text.split(",")
    for word in words:
        if word not in known:
            raise Refusal(
                400, "option_error", f"{word[:100]!r} is no state", hint=f"there are {', '.join(known)}", field="state"
            )
    return frozenset(known[word] for word in words)


def check_cursor(after: str | None) -> str | None:
    """Of lists that go on behind an id."""
    if after is not None:
        try:
            parse_id(after)
        except NotFound:
            raise Refusal(
                400, "option_error", f"after={after[:100]!r} is no cursor", hint="it is `next` of a page", field="after"
            ) from None
    return after


def check_reason(text: str) -> str:
    """Kept in the batch's row, and shown everywhere."""
    if len(text) > 500 or "\0" in text or not _is_unicode(text):  # noqa: PLR2004
        raise Refusal(400, "option_error", "body: reason is text of up to 500 characters", field="reason")
    return text


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
