"""Items of an invocation, checked: every bad one is found before anything is written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stook.core.errors import InvokeError, PayloadError, PayloadTooLarge, PayloadValidationError
from stook.core.invocation import NewItem
from stook.core.payload import encode, encode_many
from stook.engine.invoking import Asked
from stook.engine.item_errors import check_twice, note_all, raise_all
from stook.engine.item_terms import new_item
from stook.wiring.item import Bare

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stook.core.invocation import Dedupe
    from stook.wiring.item import Item
    from stook.wiring.targets import Target
    from stook.worker.conversion import PayloadReader

__all__ = ["checked_items", "checked_one"]


def checked_one(target: Target, item: Item, most: int) -> Asked:
    """`PayloadValidationError`, for what is no JSON too, `PayloadTooLarge`, `OptionError`."""
    try:
        raw = _sized(_encode(item.payload), most)
        if target.reader is not None:
            _validate(target.reader, raw)
        return Asked(target.name, target.policy, new_item(raw, item))
    except InvokeError as error:
        note_all(error, [(None, error)])
        raise


def checked_items(
    targets: Sequence[Target | InvokeError], items: Sequence[Item | Bare], dedupe: Dedupe, most: int
) -> list[Asked]:
    """The first error is raised, with what is wrong with every one of them; what is no target is its item's error."""
    errors: list[tuple[int, InvokeError]] = []
    raws = _encoded(items, errors)
    made: list[Asked] = []
    seen: dict[tuple[str, str], int] = {}
    for index, (target, item) in enumerate(zip(targets, items, strict=True)):
        raw = raws[index]
        if isinstance(target, InvokeError):
            errors.append((index, target))
            continue
        if raw is None:
            continue
        try:
            _sized(raw, most)
            if target.reader is not None:
                _validate(target.reader, raw)
            if isinstance(item, Bare):
                new = NewItem(payload=raw)
            else:
                new = new_item(raw, item, dedupe=dedupe)
                check_twice(target.name, new, index, seen)
        except InvokeError as error:
            errors.append((index, error))
        else:
            made.append(Asked(target.name, target.policy, new))
    if errors:
        raise_all(errors)
    return made


def _encode(payload: Any) -> bytes:
    try:
        return encode(payload)
    except InvokeError:
        raise
    except PayloadError as error:
        raise PayloadValidationError(error.message, where=error.where, hint=error.hint) from None


def _encoded(items: Sequence[Item | Bare], errors: list[tuple[int, InvokeError]]) -> Sequence[bytes | None]:
    try:
        return encode_many([item.payload for item in items])
    except PayloadError:
        found: list[bytes | None] = []
        for index, item in enumerate(items):
            try:
                found.append(_encode(item.payload))
            except InvokeError as error:
                errors.append((index, error))
                found.append(None)
        return found


def _sized(raw: bytes, most: int) -> bytes:
    if len(raw) > most:
        raise PayloadTooLarge(len(raw), most)
    return raw


def _validate(reader: PayloadReader, raw: bytes) -> Any:
    try:
        reader.read(raw)
    except Exception as error:
        from stook.worker.failures import PayloadValidationError as Unreadable  # noqa: PLC0415 - loaded with the worker

        if not isinstance(error, Unreadable):
            raise
        raise PayloadValidationError(error.message, hint="correct the payload, or the task's type") from None
