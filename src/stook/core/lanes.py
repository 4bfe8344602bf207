"""What keeps the items of a task apart in the queue: the values of its keys.

    batch key ─┐
    limits' ───┼─ keys ─▶ {"tenant":"acme"} ─▶ 3f1c22a0:{"tenant":"acme"}
    rates' ────┘

The digest in front spreads lanes, so that a claim may begin to look anywhere among them. The keys are named: a limit
finds its value in lanes that were made before the task had other keys. What comes behind the object (`|nap`) keeps
members of a group apart that slept; limits do not see it.
"""

from __future__ import annotations

import json
import math
from functools import lru_cache
from hashlib import blake2b, sha256
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import msgspec

from stook.core.errors import ConfigError, OptionError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from stook.core.policy import TaskPolicy

__all__ = [
    "Laner",
    "is_function",
    "keys_of",
    "lane_value",
    "lane_values",
    "place_of",
    "stored_key",
    "unit_cost",
    "units_of",
]

MAX_VALUE: Final = 128
"""Characters of a value's JSON; of a longer one the lane holds its beginning and a digest."""
ABSENT: Final = "null"
_functions: dict[str, Callable[[Any], object]] = {}
_NOTHING: Final[Mapping[str, str]] = MappingProxyType({})
_parse = json.JSONDecoder().raw_decode


def stored_key(key: object) -> str | None:
    """What a policy holds of a key: the path without its `payload.`, or, of a function, a name by which this process
    finds it again. `ConfigError` for what is neither."""
    if key is None:
        return None
    if callable(key):
        return _name_of(key)
    if not isinstance(key, str) or not all(key.split(".")) or is_function(key):
        raise ConfigError(f"key={key!r} is no path into the payload", hint='give "payload.tenant", or a function')
    return key.removeprefix("payload.")


def _name_of(function: Callable[[Any], object]) -> str:
    """Another function of the same name gets a number: in the order in which they were given."""
    base = f"{getattr(function, '__module__', '?')}.{getattr(function, '__qualname__', type(function).__qualname__)}"
    number = 1
    while True:
        name = f"({base})" if number == 1 else f"({base} {number})"
        if _functions.setdefault(name, function) is function:
            return name
        number += 1


def is_function(key: str) -> bool:
    return key.startswith("(")


def keys_of(policy: TaskPolicy) -> tuple[str, ...]:
    """Batch key first, then those of limits, then those of rates; each once."""
    found = [] if policy.batch is None else [policy.batch.key]
    found += [one.key for one in policy.limits] + [one.key for one in policy.rates]
    return tuple(dict.fromkeys(str(key) for key in found if key is not None))


def units_of(policy: TaskPolicy) -> tuple[str, ...]:
    return tuple(dict.fromkeys(str(one.units) for one in policy.rates if one.units is not None))


class Laner:
    """Finds lane and cost of payloads under one policy. `OptionError` (with `.index`) where a key is a function that
    this process does not know, or that fails."""

    def __init__(self, policy: TaskPolicy) -> None:
        self._keys = [(key, _reader(key)) for key in keys_of(policy)]
        self._units = [(key, _reader(key)) for key in units_of(policy)]

    @property
    def idle(self) -> bool:
        """Every item has the same lane and cost: none."""
        return not self._keys and not self._units

    def places(self, payloads: Sequence[bytes], first: int = 0) -> list[tuple[str, str | None]]:
        """(lane, cost) of each."""
        found = []
        for number, raw in enumerate(payloads):
            payload = msgspec.json.decode(raw)
            try:
                lane = place_of({key: read(payload) for key, read in self._keys}) if self._keys else ""
                cost = _cost_of({key: read(payload) for key, read in self._units}) if self._units else None
            except Exception as error:
                raise OptionError(
                    f"a key of the task cannot be computed for the payload: {type(error).__name__}: {error}",
                    index=first + number,
                ) from error
            found.append((lane, cost))
        return found


def place_of(values: Mapping[str, object]) -> str:
    """The lane of these values, by key; as `lane_of` of migration 0013 has it."""
    texts = ",".join(f"{json.dumps(key)}:{_value_text(value)}" for key, value in values.items())
    return f"{sha256(texts.encode()).hexdigest()[:8]}:{{{texts}}}"


def _value_text(value: object) -> str:
    text = msgspec.json.encode(value, order="sorted").decode()
    if len(text) <= MAX_VALUE:
        return text
    digest = blake2b(text.encode(), digest_size=16).hexdigest()
    return msgspec.json.encode(f"{text[: MAX_VALUE // 2]}… #{digest}").decode()


@lru_cache(maxsize=4096)
def lane_values(lane: str) -> Mapping[str, str]:
    """By key, the value's JSON."""
    at = lane.find(":{")
    if at < 0:
        return _NOTHING
    values, _ = _parse(lane, at + 1)
    return {key: msgspec.json.encode(value, order="sorted").decode() for key, value in values.items()}


def lane_value(lane: str, key: str | None) -> str:
    """JSON of the key's value; of items from before there was such a key, null. "" for no key."""
    return "" if key is None else lane_values(lane).get(key, ABSENT)


def _cost_of(units: Mapping[str, object]) -> str:
    return msgspec.json.encode({key: _unit(value) for key, value in units.items()}).decode()


def _unit(value: object) -> float:
    """What is no number costs 1, as an item does where units are not counted; nothing costs less than 0."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return 1
    return max(0, value)


@lru_cache(maxsize=4096)
def _costs(cost: str) -> Mapping[str, float]:
    return msgspec.json.decode(cost, type=dict[str, float])


def unit_cost(cost: str | None, units: str | None) -> float:
    """Tokens an item takes of a rate limit that counts `units`; None: items."""
    return 1.0 if cost is None or units is None else _costs(cost).get(units, 1.0)


def _reader(key: str) -> Callable[[Any], object]:
    if is_function(key):
        function = _functions.get(key)
        if function is None:
            raise OptionError(
                f"the task has a key that is a function, {key[1:-1]}, which is not known here",
                hint="submit from a program that defines the task, or make the key a path into the payload",
            )
        return function
    path = () if key == "payload" else tuple(key.removeprefix("payload.").split("."))
    return lambda payload: _at(payload, path)


def _at(payload: Any, path: Sequence[str]) -> object:
    for part in path:
        if isinstance(payload, dict):
            payload = payload.get(part)
        elif isinstance(payload, list) and part.isascii() and part.isdigit() and int(part) < len(payload):
            payload = payload[int(part)]
        else:
            return None
    return payload
