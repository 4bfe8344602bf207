"""Values with their types beside them, as the client's unions tell them apart."""

from __future__ import annotations

import hashlib
import uuid
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["EXECUTION", "NODE", "OUTPUT", "STREAM", "fits", "infer", "stable_id", "typed"]

EXECUTION: Final = frozenset(
    {
        *("STRING", "NUMBER", "JSON", "CHAT_HISTORY", "SEARCH_RESULTS", "ERROR", "ARRAY", "FUNCTION_CALL"),
        *("THINKING", "AUDIO", "VIDEO", "IMAGE", "DOCUMENT"),
    }
)
"""Types that the inputs and outputs of an execution may have when they are read again."""
OUTPUT: Final = EXECUTION - {"THINKING"}
"""Of the outputs of a run that was waited for."""
STREAM: Final = OUTPUT - {"AUDIO", "VIDEO", "IMAGE", "DOCUMENT"}
"""Of an output in a stream."""
NODE: Final = STREAM | {"THINKING"}
"""Of an output of a node in a stream."""

_MEDIA: Final = ("data:", "http://", "https://", "vellum:uploaded-file:")
_ROLES: Final = frozenset({"SYSTEM", "ASSISTANT", "USER", "FUNCTION"})
_FIELDS: Final = {"type", "value"}


def typed(value: Any, declared: str | None, known: frozenset[str] = EXECUTION) -> dict[str, Any]:
    """`{type, value}`. A value that is not of its declared type, or has one that is not `known` here, is JSON: the
    client could not read it otherwise."""
    type_ = infer(value) if declared is None else declared
    if type_ not in known or not fits(type_, value):
        type_ = "JSON"
    if type_ == "ARRAY" and value is not None:
        return {"type": type_, "value": [_item(one) for one in value]}
    return {"type": type_, "value": value}


def infer(value: Any) -> str:
    match value:
        case str():
            return "STRING"
        case int() | float() if not isinstance(value, bool):
            return "NUMBER"
        case _:
            return "JSON"


def fits(type_: str, value: Any) -> bool:
    """Whether the client can read `value` as one of `type_`. Null is of every type."""
    shape = _SHAPES.get(type_)
    return shape is not None and (value is None or shape(value))


def stable_id(text: str) -> str:
    """The UUID that Vellum's runtime makes of a text, the same in every run."""
    raw = bytearray(hashlib.sha256(text.encode(errors="backslashreplace")).digest()[:16])
    raw[6] = raw[6] & 0x0F | 0x40
    raw[8] = raw[8] & 0x3F | 0x80
    return str(uuid.UUID(bytes=bytes(raw)))


def _item(value: Any) -> dict[str, Any]:
    """Of an array. Runs give them with their types or without."""
    if isinstance(value, dict) and value.keys() == _FIELDS and value["type"] in EXECUTION:
        return typed(value["value"], value["type"])
    if isinstance(value, list):
        return typed(value, "ARRAY")
    return typed(value, None)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_list(value: Any) -> bool:
    return isinstance(value, list)


def _is_error(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("message"), str) and "code" in value


def _is_thought(value: Any) -> bool:
    return isinstance(value, dict) and value.get("type") == "STRING" and fits("STRING", value.get("value"))


def _is_history(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_message, value))


def _are_results(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_search_result, value))


def _is_medium(value: Any) -> bool:
    if not isinstance(value, dict) or not isinstance(value.get("src"), str):
        return False
    return value["src"].startswith(_MEDIA) and isinstance(value.get("metadata"), dict | None)


def _is_call(value: Any) -> bool:
    if not isinstance(value, dict) or not isinstance(value.get("name"), str):
        return False
    return isinstance(value.get("arguments"), dict) and isinstance(value.get("id"), str | None)


def _is_message(value: Any) -> bool:
    if not isinstance(value, dict) or value.get("role") not in _ROLES:
        return False
    if not isinstance(value.get("text"), str | None) or not isinstance(value.get("source"), str | None):
        return False
    return isinstance(value.get("metadata"), dict | None) and _is_content(value.get("content"))


def _is_content(value: Any, *, inside: bool = False) -> bool:
    if value is None:
        return not inside
    if not isinstance(value, dict):
        return False
    type_, content = value.get("type"), value.get("value")
    match type_:
        case "STRING" | "FUNCTION_CALL" | "AUDIO" | "VIDEO" | "IMAGE" | "DOCUMENT":
            return fits(type_, content)
        case "ARRAY" if not inside:
            return isinstance(content, list) and all(_is_content(one, inside=True) for one in content)
        case _:
            return False


def _is_search_result(value: Any) -> bool:
    if not isinstance(value, dict) or not isinstance(value.get("text"), str):
        return False
    document = value.get("document")
    return (
        _is_number(value.get("score"))
        and isinstance(value.get("keywords"), list)
        and isinstance(document, dict)
        and isinstance(document.get("label"), str)
    )


_SHAPES: Final[dict[str, Callable[[Any], bool]]] = {
    "STRING": _is_text,
    "NUMBER": _is_number,
    "JSON": lambda _: True,
    "CHAT_HISTORY": _is_history,
    "SEARCH_RESULTS": _are_results,
    "ERROR": _is_error,
    "ARRAY": _is_list,
    "FUNCTION_CALL": _is_call,
    "THINKING": _is_thought,
    **dict.fromkeys(("AUDIO", "VIDEO", "IMAGE", "DOCUMENT"), _is_medium),
}
