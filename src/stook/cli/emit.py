"""`stook emit`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from stook.cli.options import ANYWHERE, Json, Reach

if TYPE_CHECKING:
    from stook.cli.reach import Reached

__all__ = ["emit"]


def emit(
    name: Annotated[str, Parameter(help="The event.")],
    payload: Annotated[str, Parameter(help="Its payload, as JSON.")] = "null",
    /,
    *,
    where: Reach = ANYWHERE,
    as_json: Json = False,
) -> int:
    """Emit an event: tasks that listen to it start.

    What waits for the event goes on, now or if it comes to wait for it in the
    next days. Nobody has to listen.
    """
    from stook.cli.documents import print_document
    from stook.cli.reach import in_reach
    from stook.core.errors import OptionError, PayloadError
    from stook.core.payload import decode, encode

    try:
        raw = encode(decode(payload.encode()))
    except (PayloadError, UnicodeEncodeError):
        raise OptionError(
            f"the payload {payload[:80]!r} is not JSON", hint="""like '{"id": 7}', or '"text"'"""
        ) from None

    async def emitted(session: Reached) -> str:
        return await session.engine.emit(name, raw)

    event_id = in_reach(where, emitted)
    if as_json:
        print_document({"id": event_id})
    else:
        print(event_id)
    return 0
