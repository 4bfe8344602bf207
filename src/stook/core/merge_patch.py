"""JSON merge patch (RFC 7396) over objects. What the patch does not name keeps its bytes."""

from __future__ import annotations

from typing import Final

import msgspec

from stook.core.payload import encode

__all__ = ["is_object", "merge_patch"]

_members: Final = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def is_object(document: bytes) -> bool:
    return document.lstrip()[:1] == b"{"


def merge_patch(document: bytes, patch: bytes) -> bytes:
    """`document` with the members of `patch`, both valid JSON, `patch` an object. A null removes a member, an object is
    merged into the member of that name, anything else replaces it. What is no object counts as an empty one."""
    members = _members(document) if is_object(document) else {}
    for name, value in _members(patch).items():
        content = bytes(value).strip()
        if content == b"null":
            members.pop(name, None)
        elif is_object(content):
            before = members.get(name)
            members[name] = msgspec.Raw(merge_patch(b"{}" if before is None else bytes(before), content))
        else:
            members[name] = msgspec.Raw(content)
    return b"{" + b",".join([encode(name) + b":" + bytes(value) for name, value in members.items()]) + b"}"
