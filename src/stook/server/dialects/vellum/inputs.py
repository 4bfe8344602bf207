"""Inputs as they are submitted: checked for their shape, and stored as they came."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from stook.server.dialects.vellum.refused import bad
from stook.server.dialects.vellum.values import fits, infer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Input", "inputs_of_map", "read_payload", "shown_inputs", "to_payload"]

_TYPES: Final = frozenset({"STRING", "NUMBER", "JSON", "CHAT_HISTORY", "AUDIO", "VIDEO", "IMAGE", "DOCUMENT"})
_NULL: Final = msgspec.Raw(b"null")


class Input(msgspec.Struct):
    """No value is null. A type that has no such input is refused, a null of any type is not: the workflow says whether
    it can do without."""

    name: str
    type: str
    value: msgspec.Raw = _NULL


class _Payload(msgspec.Struct):
    inputs: list[Input]


def to_payload(inputs: Sequence[Input]) -> bytes:
    """What is stored, and given to the workflow: `{"inputs": [{name, type, value}]}`. 400 names the input that is not
    right."""
    names: set[str] = set()
    for at, one in enumerate(inputs):
        where = f"inputs[{at}] ({one.name!r})"
        if one.name in names:
            raise bad(f"{where}: the name is given twice")
        names.add(one.name)
        if one.type not in _TYPES:
            raise bad(f"{where}: there is no input type {one.type!r}; send {', '.join(sorted(_TYPES))}")
        if not fits(one.type, _decoded(one.value, where)):
            raise bad(f"{where}: the value is not of type {one.type}")
    return msgspec.json.encode(_Payload(list(inputs)))


def _decoded(value: msgspec.Raw, where: str) -> Any:
    """400 for JSON that nobody can read as a value: a number beyond all numbers, or too deep."""
    try:
        return msgspec.json.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise bad(f"{where}: the value cannot be read: {error}") from None


def inputs_of_map(inputs: Mapping[str, msgspec.Raw], types: Mapping[str, str]) -> list[Input]:
    """Of a plain map: of the types that are declared, where the values are of them."""
    made = []
    for name, raw in inputs.items():
        value = _decoded(raw, f"inputs ({name!r})")
        declared = types.get(name)
        type_ = declared if declared in _TYPES and fits(declared, value) else infer(value)
        made.append(Input(name, type_, raw))
    return made


def read_payload(payload: bytes | None) -> list[dict[str, Any]]:
    """The inputs of a payload of ours; of another's, none."""
    if payload is None:
        return []
    try:
        read = msgspec.json.decode(payload, type=_Payload)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return []
    return [{"name": one.name, "type": one.type, "value": msgspec.json.decode(one.value)} for one in read.inputs]


def shown_inputs(payload: bytes | None, ids: Mapping[str, str], fallback: Any) -> list[dict[str, Any]]:
    """With the ids of their variables; `fallback` makes one of a name that is not declared."""
    return [{"id": ids.get(one["name"]) or fallback(one["name"]), **one} for one in read_payload(payload)]
