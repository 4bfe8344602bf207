"""Answers into shapes, exactly: payloads and messages may hold lone surrogates, which the fast parser refuses."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from stook.core.errors import StoreError
from stook.core.payload import decode, split_array
from stook.core.payload_text import mask_surrogates

if TYPE_CHECKING:
    from collections.abc import Callable

    from stook.client.request import Answer

__all__ = ["in_shape", "reader"]

T = TypeVar("T", bound=msgspec.Struct)


def reader(kind: type[T]) -> Callable[[Answer], T]:
    """`StoreError` for an answer of another shape: of something that is no stook server, or not one of this time."""

    def read(answer: Answer) -> T:
        try:
            return in_shape(answer.content, kind)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            shown = answer.content[:100].decode(errors="replace")
            raise StoreError(
                f"the answer is no {kind.__name__}: {error}: {shown!r}",
                hint="is it a stook server? and as new as this client?",
            ) from None

    return read


def in_shape(raw: bytes, kind: type[T]) -> T:
    try:
        return _decoder(kind).decode(raw)
    except msgspec.ValidationError:
        raise
    except msgspec.DecodeError:
        masked = mask_surrogates(raw)
        if masked == raw:
            raise
        return _restored(raw, masked, kind)


@functools.cache
def _made(kind: type[msgspec.Struct]) -> Any:
    return msgspec.json.Decoder(kind)


def _decoder(kind: type[T]) -> msgspec.json.Decoder[T]:
    found: msgspec.json.Decoder[T] = _made(kind)
    return found


def _restored(raw: bytes, masked: bytes, kind: type[T]) -> T:
    """The mask is as long as the text: places in one are places in the other."""
    made = _decoder(kind).decode(masked)
    at = 0
    for name, part in msgspec.json.decode(masked, type=dict[str, msgspec.Raw]).items():
        content = bytes(part)
        at = masked.find(content, at)
        exact = raw[at : at + len(content)]
        at += len(content)
        if exact != content and hasattr(made, name):
            setattr(made, name, _value(exact, content, getattr(made, name)))
    return made


def _value(exact: bytes, masked: bytes, like: Any) -> Any:
    match like:
        case msgspec.Raw():
            return msgspec.Raw(exact)
        case msgspec.Struct():
            return _restored(exact, masked, type(like))
        case [first, *_]:
            pairs = zip(split_array(exact), split_array(masked), strict=True)
            return [_value(one, other, first) for one, other in pairs]
        case _:
            return decode(exact)
