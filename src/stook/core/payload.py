"""Values to JSON and back, exactly, in bulk.

    values ── encode_many ──▶ bytes of each item ── decode_many ──▶ the same values
    texts ── validate_many ──▶ the same bytes

msgspec does the work. The rest of this file is to notice, cheaply, the few items where it would be inexact, and to
leave those to `payload_write` and `payload_read`, which are slow, exact and can say what is wrong and where.

What is exact: integers of any size, every finite float, NUL, `-0.0`, the order of keys, lone surrogates (two surrogates
that make a pair come back as the one character they mean: JSON cannot tell these apart). NaN and Infinity are refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from stook.core.errors import PayloadTooLarge
from stook.core.payload_check import Invalid, check_many, validate_many
from stook.core.payload_read import read_exactly
from stook.core.payload_text import MAX_DEPTH, WHITESPACE, join_array, split_array, too_deep
from stook.core.payload_write import convert, write_exactly

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = [
    "MAX_DEPTH",
    "Invalid",
    "check_many",
    "check_size",
    "decode",
    "decode_many",
    "encode",
    "encode_many",
    "join_array",
    "split_array",
    "validate_many",
]

_encoder: Final = msgspec.json.Encoder(enc_hook=convert)
_decoder: Final = msgspec.json.Decoder()
_lists: Final = msgspec.json.Decoder(list[Any])
_SHALLOW: Final = 2 * MAX_DEPTH  # bytes: anything shorter cannot be too deep


def encode(value: Any, index: int | None = None) -> bytes:
    """One value as compact UTF-8 JSON. `PayloadError` with path and `index` for NaN, Infinity and what is no JSON.

    Dataclasses, msgspec Structs, TypedDicts, datetimes, UUIDs, Decimals, enums and bytes are written as msgspec does,
    pydantic models as `model_dump(mode="json")` says. A `msgspec.Raw` inside others is taken at its word.
    """
    try:
        raw = _encoder.encode(value)
    except Exception:  # noqa: BLE001 -- the hook runs other people's code; the slow way says what happened, and where
        return write_exactly(value, index)
    if type(value) is msgspec.Raw:
        return write_exactly(value, index).strip(WHITESPACE)
    # `find` takes half the time of `in`, which first asks whether the needle is a number.
    if (raw.find(b"null") >= 0 and not _same(_decoder.decode, raw, value)) or (len(raw) > _SHALLOW and too_deep(raw)):
        write_exactly(value, index)
    return raw


def encode_many(values: Sequence[Any], start_index: int = 0) -> list[bytes]:
    """`encode` for each; `start_index` is the index of the first. More than a million small dicts a second."""
    if not isinstance(values, list):
        values = list(values)
    try:
        joined = _encoder.encode_lines(values)
    except Exception:  # noqa: BLE001 -- as in `encode`, which finds the item
        return [encode(value, start_index + place) for place, value in enumerate(values)]
    items = joined.split(b"\n")
    items.pop()
    doubtful = (
        len(items) != len(values)  # a Raw may hold newlines
        or msgspec.Raw in set(map(type, values))
        or (max(map(len, items), default=0) > _SHALLOW and any(map(too_deep, items)))
        or (b"null" in joined and not _same(_decoder.decode_lines, joined, values))
    )
    return [encode(value, start_index + place) for place, value in enumerate(values)] if doubtful else items


def _same(decoded: Callable[[bytes], Any], raw: bytes, value: Any) -> bool:
    """True when surely each `null` was a None: msgspec writes NaN and Infinity as `null` too."""
    try:
        back = decoded(raw)
        return bool(back == value or back == msgspec.to_builtins(value, str_keys=True))
    except Exception:  # noqa: BLE001 -- compares other people's objects; unsure is a fine answer
        return False


def decode(raw: bytes) -> Any:
    """The value of one JSON text. `PayloadError` with column and reason for what `validate_many` would refuse."""
    try:
        return _decoder.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return read_exactly(raw)


def decode_many(joined: bytes) -> list[Any]:
    """The values of a JSON array of items, all in one go."""
    try:
        return _lists.decode(joined)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return [decode(item) for item in split_array(joined)]


def check_size(raw: bytes, limit: int, index: int | None = None) -> None:
    if len(raw) > limit:
        raise PayloadTooLarge(len(raw), limit, index=index)
