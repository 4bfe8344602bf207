"""Whether one JSON value is contained in another: objects key by key, all else equal."""

from __future__ import annotations

from typing import Any

__all__ = ["contains"]


def contains(whole: Any, part: Any) -> bool:
    """`{"order": {"id": 7}}` is in `{"order": {"id": 7, "total": 9}, "at": 1}`. Lists are in equal lists alone; a truth
    value is no number."""
    if isinstance(part, dict):
        return isinstance(whole, dict) and all(key in whole and contains(whole[key], one) for key, one in part.items())
    return _equal(whole, part)


def _equal(one: Any, other: Any) -> bool:
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, list):
        return isinstance(other, list) and len(one) == len(other) and all(map(_equal, one, other))
    if isinstance(one, dict):
        return (
            isinstance(other, dict) and one.keys() == other.keys() and all(_equal(one[key], other[key]) for key in one)
        )
    return bool(one == other)
