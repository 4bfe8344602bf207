"""Values written as JSON one piece at a time: what msgspec cannot write, and the path to what nobody can.

Slow, and only for items that msgspec refused or may have falsified: it writes NaN as `null` without a word.
"""

from __future__ import annotations

import json
import math
from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING, Any, Final

import msgspec

from stook.core.errors import PayloadError
from stook.core.payload_read import flaw
from stook.core.payload_text import MAX_DEPTH

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["convert", "write_exactly"]

_encoder: Final = msgspec.json.Encoder()
_ARRAYS: Final = (list, tuple, set, frozenset)
_SCALARS: Final = (str, int, float, dict, *_ARRAYS, type(None), msgspec.Raw)


def convert(value: Any) -> Any:
    """The encoder's hook for types it does not know: pydantic models (and whatever dumps itself like one)."""
    dump = getattr(value, "model_dump", None)
    if not callable(dump) or isinstance(value, type):
        raise NotImplementedError
    return dump(mode="json")


def write_exactly(value: Any, index: int | None = None) -> bytes:
    """Compact JSON, ASCII but for what a `msgspec.Raw` holds.

    `PayloadError` names what is no JSON, its path (`$.rows[3].price`) and the item's index.
    """
    return _Writer(index).write(value)


class _Level:
    def __init__(self, steps: Iterator[tuple[Any, Any]], opening: str, closing: str) -> None:
        self.steps = steps
        self.open = opening
        self.close = closing
        self.key: Any = None
        self.separator = ""


class _Writer:
    # Keeps its own stack: Python's would end at half the depth that items may have.

    def __init__(self, index: int | None) -> None:
        self._index = index
        self._levels: list[_Level] = []
        self._pieces: list[str] = []

    def write(self, value: Any) -> bytes:
        self._enter(value)
        while self._levels:
            level = self._levels[-1]
            step = next(level.steps, None)
            if step is None:
                self._pieces.append(level.close)
                self._levels.pop()
                continue
            level.key, item = step
            self._pieces.append(level.separator)
            level.separator = ","
            if level.open == "{":
                self._pieces += [self._name(level.key), ":"]
            self._enter(item)
        return "".join(self._pieces).encode()

    def _enter(self, value: Any) -> None:
        plain = self._plain(value)
        if isinstance(plain, dict):
            level = _Level(iter(plain.items()), "{", "}")
        elif isinstance(plain, _ARRAYS):
            level = _Level(iter(enumerate(plain)), "[", "]")
        else:
            self._pieces.append(self._scalar(plain))
            return
        if len(self._levels) == MAX_DEPTH:
            raise self._too_deep()
        self._pieces.append(level.open)
        self._levels.append(level)

    def _plain(self, value: Any) -> Any:
        if isinstance(value, Enum):
            return self._plain(value.value)
        if isinstance(value, _SCALARS):
            return value
        try:
            return msgspec.to_builtins(value, str_keys=True, enc_hook=convert)
        except RecursionError:
            raise self._too_deep() from None
        except Exception as error:
            raise self._no_json(value, error) from error

    def _scalar(self, value: Any) -> str:
        if isinstance(value, str):
            return json.dumps(value)
        if value is None or isinstance(value, bool):
            return {None: "null", True: "true", False: "false"}[value]
        if isinstance(value, int):
            return _digits(value)
        if isinstance(value, float) and math.isfinite(value):
            return float.__repr__(value)
        if isinstance(value, float):
            name = "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
            raise self._error(f"{name} is not JSON", "use None, or leave the field out")
        return self._verbatim(bytes(value))

    def _verbatim(self, raw: bytes) -> str:
        wrong = flaw(raw)
        if wrong is not None:
            raise self._error(f"invalid JSON at column {wrong.column}: {wrong.reason}", wrong.hint)
        return raw.decode()

    def _name(self, key: Any) -> str:
        if isinstance(key, str) and not isinstance(key, Enum):
            return json.dumps(key)
        try:
            return _encoder.encode({key: 0})[1:-3].decode()
        except (TypeError, ValueError):
            raise self._error(f"a key of type {_type_name(key)} is not JSON", "keys are strings or numbers") from None

    def _no_json(self, value: Any, error: Exception) -> PayloadError:
        text = f"{_type_name(value)} is not JSON"
        if isinstance(error, TypeError):  # something inside it; what msgspec says names the type
            text += f": {error}"
        elif not isinstance(error, NotImplementedError):
            text += f": {type(error).__name__}: {error}"
        return self._error(text, "turn it into dicts, lists, strings, numbers or None first")

    def _too_deep(self) -> PayloadError:
        return PayloadError(
            f"nested deeper than {MAX_DEPTH} levels, or contains itself", index=self._index, hint="flatten it"
        )

    def _error(self, text: str, hint: str | None) -> PayloadError:
        path = "$" + "".join(f".{level.key}" if level.open == "{" else f"[{level.key}]" for level in self._levels)
        return PayloadError(f"{path}: {text}", index=self._index, hint=hint)


def _type_name(value: Any) -> str:
    kind = type(value)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def _digits(value: int) -> str:
    try:
        return int.__repr__(value)
    except ValueError:  # beyond 4,300 digits Python refuses; Decimal does not
        return str(Decimal(value))
