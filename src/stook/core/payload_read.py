"""JSON texts read by the standard library: exact where msgspec is not, and able to say what is wrong and where.

Slow, and only for items that msgspec refused: lone surrogates, integers of thousands of digits, and what is invalid.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, Final, NamedTuple, NoReturn

from stook.core.errors import PayloadError
from stook.core.payload_text import MAX_DEPTH, WHITESPACE, too_deep

__all__ = ["Flaw", "flaw", "read_exactly", "reason_of"]

_TOKEN: Final = re.compile(
    r'"[^"\\]*(?:\\.[^"\\]*)*"|(-?(?:NaN|Infinity))|(-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)', re.DOTALL
)
_DIGITS: Final = 4000  # at a time: Python refuses to convert more than 4,300
_TOO_DEEP: Final = f"nested deeper than {MAX_DEPTH} levels"


class Flaw(NamedTuple):
    """Why a text is no payload. `column` counts characters from 1, from the start of the text as given."""

    column: int
    reason: str
    hint: str | None = None


class _Refused(Exception):
    pass  # a signal from a parser's hook to its caller; nobody else sees it


class _Value(NamedTuple):
    value: Any


def flaw(raw: bytes) -> Flaw | None:
    """What is wrong with one JSON text, `None` if it is a payload. Whitespace around it is no flaw."""
    found = _read(raw, _checker)
    return found if isinstance(found, Flaw) else None


def read_exactly(raw: bytes) -> Any:
    """The value of one JSON text. `PayloadError` for what is no payload."""
    found = _read(raw, _reader)
    if isinstance(found, Flaw):
        raise PayloadError(f"invalid JSON at column {found.column}: {found.reason}", hint=found.hint)
    return found.value


def _read(raw: bytes, decoder: json.JSONDecoder) -> Flaw | _Value:
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        column = len(raw[: error.start].decode()) + 1
        return Flaw(column, f"byte 0x{raw[error.start]:02x} is not UTF-8", "save the text as UTF-8")
    if not raw.strip(WHITESPACE):
        return Flaw(1, "empty")
    try:
        value = decoder.decode(text)
    except json.JSONDecodeError as error:
        return Flaw(error.pos + 1, reason_of(error))
    except _Refused:
        return _number_flaw(text)
    except RecursionError:
        return Flaw(1, _TOO_DEEP)
    return Flaw(1, _TOO_DEEP) if too_deep(raw) else _Value(value)


def reason_of(error: json.JSONDecodeError) -> str:
    """The parser's words as part of a sentence."""
    reason = error.msg.removesuffix(" at").removesuffix(" starting")
    return reason[:1].lower() + reason[1:]


def _number_flaw(text: str) -> Flaw:
    # The parser stops at the first number it refuses, so that one is the first refused token of the text.
    for found in _TOKEN.finditer(text):
        word, number = found.groups()
        if word:
            return Flaw(found.start() + 1, f"{word} is not JSON", "use null, or leave the field out")
        if number and not number.lstrip("-").isdigit() and math.isinf(float(number)):
            return Flaw(found.start() + 1, "number too large for a double", "send it as a string or as an integer")
    raise AssertionError(text)  # pragma: no cover -- a refusal without a refused token


def _constant(_: str) -> NoReturn:
    raise _Refused


def _float(digits: str) -> float:
    value = float(digits)
    if math.isinf(value):
        raise _Refused
    return value


def _integer(digits: str) -> int:
    if len(digits) <= _DIGITS:
        return int(digits)
    if digits[0] == "-":
        return -_integer(digits[1:])
    low = len(digits) // 2
    high: int = _integer(digits[:-low]) * 10**low
    return high + _integer(digits[-low:])


_reader: Final = json.JSONDecoder(parse_float=_float, parse_int=_integer, parse_constant=_constant)
_checker: Final = json.JSONDecoder(parse_float=_float, parse_int=len, parse_constant=_constant)
