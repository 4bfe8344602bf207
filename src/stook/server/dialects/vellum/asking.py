"""What requests bring."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import msgspec

from stook.core.errors import NotFound
from stook.core.ids import parse_id
from stook.server.dialects.vellum.refused import bad, not_there
from stook.server.refusal import invalid_json, wrong_shape

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stook.engine.hosted_executions import HostedExecution
    from stook.server.call import Call

__all__ = ["asked", "find_execution", "read_body", "uuid_text"]

T = TypeVar("T", bound=msgspec.Struct)


def asked(call: Call) -> Mapping[str, str]:
    """The query; what is given twice counts as it was given last."""
    return dict(call.request.query_params)


async def read_body(call: Call, kind: type[T], limit: int = 0) -> T:
    """400 for what is no JSON object of this shape. The media type is not looked at."""
    raw = await call.raw(max(limit, call.services.limits.body_bytes, 2 * call.services.blobs.most))
    if not raw.strip():
        raise bad("the body is missing: send a JSON object")
    try:
        return msgspec.json.decode(raw, type=kind)
    except msgspec.ValidationError as error:
        raise wrong_shape(error, "body") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise invalid_json(error) from None


def uuid_text(text: str) -> str | None:
    """As ids are written here; None for what is none."""
    try:
        raw = parse_id(text).hex()
    except NotFound:
        return None
    return f"{raw[:8]}-{raw[8:12]}-{raw[12:16]}-{raw[16:20]}-{raw[20:]}"


async def find_execution(call: Call, text: str) -> HostedExecution:
    """404 for one that this project has not."""
    execution_id = uuid_text(text)
    found = None if execution_id is None else await call.services.hosted.get(call.key.project, execution_id)
    if found is None or found.dialect != "vellum":
        raise not_there(f"there is no workflow execution {text[:100]!r}")
    return found
